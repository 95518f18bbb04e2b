-- What showed of people's calls, a row each, and what was estimated of own messages that are at the relay.

CREATE TABLE habit (
    account      INTEGER PRIMARY KEY,
    seen_at      INTEGER,                            -- when they were heard of last
    known_to     INTEGER,                            -- up to when it is known whether they called
    announced_at INTEGER,                            -- the call that they announced last
    kept         REAL    NOT NULL,                   -- what became of announced calls, fading
    early        REAL    NOT NULL,
    missed       REAL    NOT NULL,
    outside      REAL    NOT NULL,                   -- what may lie outside of the next interval
    inside       INTEGER NOT NULL,                   -- deliveries inside of theirs, of total
    total        INTEGER NOT NULL,
    slots        BLOB    NOT NULL                    -- a version, then half hours: see estimate::stored
) STRICT;

-- A row lives while its message is at the relay and not everyone has it.
CREATE TABLE estimate (
    message      INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    relayed_at   INTEGER NOT NULL,
    is_made      INTEGER NOT NULL DEFAULT 0,
    arrives_from INTEGER,                            -- NULL: not known
    arrives_to   INTEGER
) STRICT;

-- What has a lifetime of its own and has not left: it lapses here.
CREATE INDEX item_deadline ON item (composed_at + lifetime_s) WHERE lifetime_s <> 0 AND state < 2;

-- The last complete answer, as far as something depends on it.
ALTER TABLE device ADD COLUMN looked_at INTEGER;
