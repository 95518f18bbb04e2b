-- Further names of messages: one that may have arrived before the relay was put back, and was refused by it, goes again
-- under a new number and says under which name it went first.
CREATE TABLE alias (
    device  INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    message INTEGER NOT NULL REFERENCES message (id),
    is_first INTEGER NOT NULL,                       -- 1: the name under which it went first, which is not its row's
    PRIMARY KEY (device, n, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_message ON alias (message);
