-- The relay's store. Numbers called id are the relay's own, given once and never again.
-- Lanes: 0 latest, 1 urgent, 2 ordinary. Times are Unix seconds of the relay's clock; 0 is none.

-- Last number given of each kind ('account', 'device', 'conversation').
CREATE TABLE allocator (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rows stay when an account is removed: its name stays reserved.
CREATE TABLE account (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    password     TEXT NOT NULL,            -- Argon2id, PHC string
    state        INTEGER NOT NULL,         -- 0 active, 1 disabled, 2 removed
    created_at_s INTEGER NOT NULL
) STRICT;

-- The log of one account: where it ends, what it weighs. Apart from account because it is hot.
CREATE TABLE mailbox (
    account       INTEGER PRIMARY KEY,
    position      INTEGER NOT NULL,        -- last position given
    kept_count    INTEGER NOT NULL,        -- entries that others wrote
    kept_bytes    INTEGER NOT NULL,
    waiting_count INTEGER NOT NULL,        -- those of them that no device of the account has
    waiting_bytes INTEGER NOT NULL,
    own_count     INTEGER NOT NULL,        -- entries that the account itself wrote
    own_bytes     INTEGER NOT NULL,
    look_at_s     INTEGER NOT NULL,        -- housekeeping has nothing to do here before this
    asked_day     INTEGER NOT NULL,        -- day of the last chat requests, and how many
    asked_count   INTEGER NOT NULL
) STRICT;
CREATE INDEX mailbox_look ON mailbox (look_at_s) WHERE look_at_s > 0;

CREATE TABLE device (
    id             INTEGER PRIMARY KEY,
    account        INTEGER NOT NULL,
    token          BLOB NOT NULL UNIQUE,   -- BLAKE3 of the token
    label          TEXT NOT NULL,
    created_at_s   INTEGER NOT NULL,
    seen_at_s      INTEGER NOT NULL,       -- written now and then
    revoked_at_s   INTEGER NOT NULL,
    x              INTEGER NOT NULL,       -- highest exchange number made durable
    k              INTEGER NOT NULL,       -- highest own number answered for
    told           INTEGER NOT NULL,       -- highest own number whose answer lies at the device
    noted          INTEGER NOT NULL,       -- highest n with a row in outcome
    latest         INTEGER NOT NULL,       -- cursors as the device said them
    urgent         INTEGER NOT NULL,
    ordinary       INTEGER NOT NULL,
    first_urgent   INTEGER NOT NULL,       -- cursors it began with: what lies below never came here
    first_ordinary INTEGER NOT NULL
) STRICT;
CREATE INDEX device_account ON device (account);

CREATE TABLE invite (
    code         BLOB PRIMARY KEY,         -- BLAKE3 of the code
    uses_left    INTEGER NOT NULL,
    expires_at_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversation (
    id      INTEGER PRIMARY KEY,
    device  INTEGER NOT NULL,              -- name of the founding request
    n       INTEGER NOT NULL,
    low     INTEGER,                       -- a pair's accounts, the smaller number first
    high    INTEGER,
    title   TEXT NOT NULL,
    version INTEGER NOT NULL,              -- counts changes of membership
    c       INTEGER NOT NULL               -- last place given
) STRICT;
CREATE UNIQUE INDEX conversation_pair ON conversation (low, high) WHERE low IS NOT NULL;

-- Every request's name that denotes a conversation: a pair may have several.
CREATE TABLE founding (
    device       INTEGER NOT NULL,
    n            INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    PRIMARY KEY (device, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    conversation  INTEGER NOT NULL,
    account       INTEGER NOT NULL,
    state         INTEGER NOT NULL,        -- as on the wire: 1 invited, 2 member, 3 left, …
    joined        INTEGER NOT NULL,        -- version at which it became a member; 0 from the founding
    changed       INTEGER NOT NULL,        -- version at which the state began
    inviter       INTEGER NOT NULL,
    greeting      TEXT NOT NULL,
    asked_until_s INTEGER NOT NULL,        -- end of an open request
    PRIMARY KEY (conversation, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_account ON member (account);
CREATE INDEX member_asked ON member (asked_until_s) WHERE asked_until_s > 0;

CREATE TABLE block (
    account INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    PRIMARY KEY (account, blocked)
) STRICT, WITHOUT ROWID;

-- A message, once; its entries are in mailboxes. Ids rise, so that new messages lie side by side.
CREATE TABLE message (
    id            INTEGER PRIMARY KEY,
    device        INTEGER NOT NULL,
    n             INTEGER NOT NULL,
    account       INTEGER NOT NULL,
    conversation  INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    lane          INTEGER NOT NULL,
    c             INTEGER NOT NULL,
    hash          INTEGER NOT NULL,        -- of what was submitted, while n > told
    composed_at_s INTEGER NOT NULL,
    recipients    INTEGER NOT NULL,        -- accounts that it went to, without the author's
    copies        INTEGER NOT NULL,        -- entries that exist
    body          BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_name ON message (device, n);
CREATE INDEX message_loose ON message (device, n) WHERE copies = 0;

-- Lanes urgent and ordinary of every account's log.
CREATE TABLE entry (
    account      INTEGER NOT NULL,
    lane         INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    message      INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    c            INTEGER NOT NULL,
    device       INTEGER NOT NULL,         -- the author's
    author       INTEGER NOT NULL,         -- the author's account
    bytes        INTEGER NOT NULL,
    placed_at_s  INTEGER NOT NULL,
    expires_at_s INTEGER NOT NULL,         -- 0 never: the author's own copy
    PRIMARY KEY (account, lane, position)
) STRICT, WITHOUT ROWID;

-- Answers above told that no message row tells.
CREATE TABLE outcome (
    device       INTEGER NOT NULL,
    n            INTEGER NOT NULL,
    hash         INTEGER NOT NULL,
    run          INTEGER NOT NULL,         -- 1 founded, 2 done, 3 refused
    conversation INTEGER NOT NULL,
    reason       INTEGER NOT NULL,
    words        TEXT NOT NULL,
    PRIMARY KEY (device, n)
) STRICT, WITHOUT ROWID;

-- Lane latest: where each key stands. What it says is read from the tables that know.
CREATE TABLE latest (
    account  INTEGER NOT NULL,
    kind     INTEGER NOT NULL,             -- see store/sqlite/latest.rs
    a        INTEGER NOT NULL,
    b        INTEGER NOT NULL,
    c        INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (account, kind, a, b, c)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX latest_position ON latest (account, position);

-- How far a reader's account has what an author's account wrote.
CREATE TABLE receipt (
    conversation INTEGER NOT NULL,
    lane         INTEGER NOT NULL,
    reader       INTEGER NOT NULL,
    author       INTEGER NOT NULL,
    delivered    INTEGER NOT NULL,
    read         INTEGER NOT NULL,
    PRIMARY KEY (conversation, lane, reader, author)
) STRICT, WITHOUT ROWID;

-- The newest message of each author, in conversations where only counts are told.
CREATE TABLE newest (
    conversation INTEGER NOT NULL,
    lane         INTEGER NOT NULL,
    author       INTEGER NOT NULL,
    c            INTEGER NOT NULL,
    recipients   INTEGER NOT NULL,
    PRIMARY KEY (conversation, lane, author)
) STRICT, WITHOUT ROWID;

CREATE TABLE mark (
    account      INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    lane         INTEGER NOT NULL,
    c            INTEGER NOT NULL,
    PRIMARY KEY (account, conversation, lane)
) STRICT, WITHOUT ROWID;

-- What did not arrive: by message for its author, by conversation for the account, by device.
CREATE TABLE expired (
    device     INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    missing    INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    PRIMARY KEY (device, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE lapsed (
    account      INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    PRIMARY KEY (account, conversation)
) STRICT, WITHOUT ROWID;
CREATE TABLE lapsed_device (
    device INTEGER PRIMARY KEY,
    count  INTEGER NOT NULL
) STRICT;
