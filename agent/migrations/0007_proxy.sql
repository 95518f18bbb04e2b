-- How proxies take a login, so that each asks for it once: 'basic' (the password itself) or 'digest'.
CREATE TABLE proxy (
    url   TEXT PRIMARY KEY,                          -- without user and password
    login TEXT NOT NULL
) STRICT, WITHOUT ROWID;
