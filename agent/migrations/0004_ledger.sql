-- What a visit cost as IP sees it and in money, over which kind of link and for which rule; quotas of links.

ALTER TABLE visit ADD COLUMN class TEXT NOT NULL DEFAULT 'unknown'; -- 'metered', 'unmetered', 'unknown'
ALTER TABLE visit ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE visit ADD COLUMN is_live INTEGER NOT NULL DEFAULT 0;    -- a line that was held
ALTER TABLE visit ADD COLUMN ip_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visit ADD COLUMN ip_down INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visit ADD COLUMN ip_measured INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visit ADD COLUMN noted_at INTEGER;                      -- when the figures were written last
ALTER TABLE visit ADD COLUMN cost INTEGER;                          -- millionths of the currency; NULL: no tariff
ALTER TABLE visit ADD COLUMN currency TEXT NOT NULL DEFAULT '';
UPDATE visit SET ip_up = bytes_up, ip_down = bytes_down;
UPDATE visit SET is_live = 1 WHERE link = 'live';
CREATE INDEX visit_link ON visit (link, start_at);

-- Of each link with a quota: its period, what was told of it, and by how much the user lifted it.
CREATE TABLE quota (
    link   TEXT    PRIMARY KEY,
    period INTEGER NOT NULL,                                        -- when it began
    told   INTEGER NOT NULL DEFAULT 0,                              -- percent
    lifted INTEGER                                                  -- bytes beyond it; -1: no limit; NULL: not lifted
) STRICT, WITHOUT ROWID;
