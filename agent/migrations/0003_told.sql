-- What the desktop was told of, so that nothing is told twice, and what does not work here.

ALTER TABLE message ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE item ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0;
-- What is here from before this version is no news.
UPDATE message SET is_told = 1;
UPDATE item SET is_told = 1;
CREATE INDEX message_untold ON message (id) WHERE is_told = 0 AND is_read = 0;
CREATE INDEX message_expired_untold ON message (id) WHERE is_told = 0 AND state = 4;
CREATE INDEX item_untold ON item (id) WHERE is_told = 0 AND state = 4;

CREATE TABLE trouble (
    source  TEXT    PRIMARY KEY,                     -- what does not work: 'visit', 'dial:gsm'
    words   TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    is_told INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
