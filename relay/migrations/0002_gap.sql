-- Ranges of positions that this store never gave in an account's log: it was opened anew between them. Whoever shows a
-- cursor in one has it from another life of this store, see store/sqlite/lives.rs.
CREATE TABLE gap (
    account INTEGER NOT NULL,
    low     INTEGER NOT NULL,              -- last position given before
    high    INTEGER NOT NULL,              -- last one that was left out
    PRIMARY KEY (account, low)
) STRICT, WITHOUT ROWID;
