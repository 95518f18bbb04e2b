-- Everything that one device knows, in one file. Times are Unix seconds by this computer's clock.
-- Numbers of accounts, devices, conversations and positions are the relay's; ids are our own.

-- Who this store speaks as, and how far the talk with the relay has come. One row.
CREATE TABLE device (
    one                INTEGER PRIMARY KEY CHECK (one = 1),
    account            INTEGER NOT NULL DEFAULT 0,   -- 0: not logged in yet
    device             INTEGER NOT NULL DEFAULT 0,
    name               TEXT    NOT NULL DEFAULT '',
    domain             TEXT    NOT NULL DEFAULT '',
    x                  INTEGER NOT NULL DEFAULT 0,   -- exchange number of the newest attempt
    k                  INTEGER NOT NULL DEFAULT 0,   -- highest own number that the relay has answered for
    told               INTEGER NOT NULL DEFAULT 0,   -- highest own number whose answer lies here
    told_x             INTEGER NOT NULL DEFAULT 0,   -- exchange that moved told last
    cursor_latest      INTEGER NOT NULL DEFAULT 0,
    cursor_urgent      INTEGER NOT NULL DEFAULT 0,
    cursor_ordinary    INTEGER NOT NULL DEFAULT 0,
    presence_version   INTEGER NOT NULL DEFAULT 0,
    limits_tag         INTEGER NOT NULL DEFAULT 0,   -- 0: the relay's limits are not known yet
    codecs             BLOB    NOT NULL DEFAULT x'',
    envelope_max       INTEGER NOT NULL DEFAULT 0,
    request_max        INTEGER NOT NULL DEFAULT 0,
    lifetime_default_s INTEGER NOT NULL DEFAULT 0,
    lifetime_max_s     INTEGER NOT NULL DEFAULT 0,
    members_max        INTEGER NOT NULL DEFAULT 0,
    hold_max_s         INTEGER NOT NULL DEFAULT 0,
    relay_ahead_s      INTEGER,                      -- the relay's clock less ours, at the last answer
    new_token          TEXT                          -- of a device that is being made after a fork
) STRICT;
INSERT INTO device (one) VALUES (1);

CREATE TABLE person (
    account      INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL,
    is_contact   INTEGER NOT NULL DEFAULT 0,
    is_blocked   INTEGER NOT NULL DEFAULT 0,
    presence     INTEGER NOT NULL DEFAULT 0,         -- wire::PresenceState
    seen_at      INTEGER,
    next_call_at INTEGER,
    as_of        INTEGER NOT NULL DEFAULT 0          -- when the presence was told
) STRICT;
CREATE INDEX person_name ON person (name);

CREATE TABLE conversation (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    merged_into  INTEGER REFERENCES conversation (id),
    number       INTEGER UNIQUE,                     -- the relay's; changes when the relay was put back
    is_pair      INTEGER NOT NULL,
    peer         TEXT    NOT NULL DEFAULT '',        -- the other one's name, of a pair
    asked        TEXT    NOT NULL DEFAULT '[]',      -- names that our own request asked, as JSON
    title        TEXT    NOT NULL DEFAULT '',
    version      INTEGER NOT NULL DEFAULT 0,         -- counts changes of membership
    mine         INTEGER NOT NULL DEFAULT 0,         -- wire::MemberState; 0: our request is not answered yet
    inviter      INTEGER NOT NULL DEFAULT 0,
    inviter_name TEXT    NOT NULL DEFAULT '',
    greeting     TEXT    NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX conversation_peer ON conversation (peer) WHERE is_pair;

-- A conversation is known by the request that founded it, for ever; requests that crossed give it several.
CREATE TABLE founding (
    device       INTEGER NOT NULL,
    n            INTEGER NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    PRIMARY KEY (device, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX founding_conversation ON founding (conversation);

CREATE TABLE member (
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    account      INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    state        INTEGER NOT NULL,                   -- wire::MemberState
    version      INTEGER NOT NULL,                   -- of the conversation, when that began
    PRIMARY KEY (conversation, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER REFERENCES conversation (id), -- NULL: a notice that concerns none
    device       INTEGER,                            -- its name; NULL while it has none
    n            INTEGER,
    shown_as     INTEGER NOT NULL,                   -- 1 message, 2 request, 3 notice, 4 item
    kind         INTEGER NOT NULL DEFAULT 0,         -- kind of wire::Item
    is_mine      INTEGER NOT NULL,
    account      INTEGER NOT NULL,
    author       TEXT    NOT NULL,
    lane         INTEGER NOT NULL DEFAULT 2,
    c            INTEGER,                            -- place in the conversation; NULL until it has one
    version      INTEGER NOT NULL DEFAULT 0,         -- membership version that its author saw; 0: not known
    is_here      INTEGER NOT NULL,                   -- 0: only edits or deletions of it have come
    base         TEXT    NOT NULL,                   -- as first written
    text         TEXT    NOT NULL,                   -- as it stands now
    body         BLOB,                               -- of an item that could not be read, as it came
    is_edited    INTEGER NOT NULL DEFAULT 0,
    is_deleted   INTEGER NOT NULL DEFAULT 0,
    reply_device INTEGER,                            -- the message that it answers: its name
    reply_n      INTEGER,
    reply_to     INTEGER,                            -- or its id, where the name is still to come
    sent_at      INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    is_read      INTEGER NOT NULL,
    state        INTEGER NOT NULL DEFAULT 0,         -- of our own: see store::MessageState; only grows
    reason       TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX message_name ON message (device, n) WHERE device IS NOT NULL;
CREATE INDEX message_place ON message (conversation, lane, c);
CREATE INDEX message_unread ON message (id) WHERE is_read = 0;
CREATE INDEX message_under_way ON message (id) WHERE is_mine = 1 AND state BETWEEN 1 AND 4;

-- Names of what is not here any more: they are dropped when they come again.
CREATE TABLE gone (
    device INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (device, n)
) STRICT, WITHOUT ROWID;

-- Edits and deletions, each once; what a message shows is worked out from them.
CREATE TABLE amendment (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    device  INTEGER,                                 -- its own name; NULL while it has none
    n       INTEGER,
    message INTEGER NOT NULL REFERENCES message (id),
    account INTEGER NOT NULL,
    kind    INTEGER NOT NULL,                        -- wire::kind::EDIT or DELETE
    c       INTEGER,
    text    TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX amendment_name ON amendment (device, n) WHERE device IS NOT NULL;
CREATE INDEX amendment_message ON amendment (message);

-- Our own numbered items, from composing to the relay's answer and a while beyond.
CREATE TABLE item (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER REFERENCES conversation (id),
    message      INTEGER REFERENCES message (id),    -- what it shows as
    amendment    INTEGER REFERENCES amendment (id),
    kind         INTEGER NOT NULL,
    class        INTEGER NOT NULL,                   -- sending order: 0 control, 1 urgent, 2 the rest; then by id
    is_urgent    INTEGER NOT NULL,
    text         TEXT    NOT NULL DEFAULT '',        -- greeting, title, name: whatever the kind has beside the message
    title        TEXT    NOT NULL DEFAULT '',
    names        TEXT    NOT NULL DEFAULT '[]',      -- as JSON
    target       INTEGER REFERENCES message (id),    -- what it answers, edits or deletes
    version      INTEGER NOT NULL DEFAULT 0,
    composed_at  INTEGER NOT NULL,
    lifetime_s   INTEGER NOT NULL DEFAULT 0,
    state        INTEGER NOT NULL,                   -- 0 held, 1 queued, 2 sealed, 3 answered, 4 refused
    hold         INTEGER NOT NULL DEFAULT 0,         -- why it is held: see store::Hold
    reason       TEXT    NOT NULL DEFAULT '',
    device       INTEGER,                            -- its name, once sealed
    n            INTEGER,
    x            INTEGER NOT NULL DEFAULT 0,         -- the newest attempt that carried it
    body         BLOB,                               -- as sealed
    is_fixed     INTEGER NOT NULL DEFAULT 0,         -- was answered once: its number is never given up
    answered_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX item_name ON item (device, n) WHERE device IS NOT NULL;
CREATE INDEX item_waiting ON item (class, id) WHERE state < 3;
CREATE INDEX item_message ON item (message) WHERE message IS NOT NULL;
CREATE INDEX item_amendment ON item (amendment) WHERE amendment IS NOT NULL;
CREATE INDEX item_conversation ON item (conversation) WHERE state < 3;

-- What others have received and read; larger wins.
CREATE TABLE receipt (
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    lane         INTEGER NOT NULL,
    account      INTEGER NOT NULL,
    delivered    INTEGER NOT NULL,
    read         INTEGER NOT NULL,
    PRIMARY KEY (conversation, lane, account)
) STRICT, WITHOUT ROWID;

-- The same as counts, in conversations of many, for the newest message of ours.
CREATE TABLE counts (
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    lane         INTEGER NOT NULL,
    c            INTEGER NOT NULL,
    delivered    INTEGER NOT NULL,
    read         INTEGER NOT NULL,
    of           INTEGER NOT NULL,
    PRIMARY KEY (conversation, lane)
) STRICT, WITHOUT ROWID;

-- What we have read, without gaps, and how much of that the relay knows.
CREATE TABLE mark (
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    lane         INTEGER NOT NULL,
    c            INTEGER NOT NULL,
    told_c       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, lane)
) STRICT, WITHOUT ROWID;

-- How many messages never came, so far and for ever; subject is a conversation or (negative) a device.
CREATE TABLE lapsed (
    subject INTEGER PRIMARY KEY,
    count   INTEGER NOT NULL
) STRICT;

-- What the relay still keeps for us, as it said last.
CREATE TABLE waiting (
    lane  INTEGER NOT NULL,
    kind  INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (lane, kind)
) STRICT, WITHOUT ROWID;

-- Frames and entries that this version does not know, as they came.
CREATE TABLE oddity (
    digest      BLOB PRIMARY KEY,
    received_at INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    is_entry    INTEGER NOT NULL,
    bytes       BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE visit (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    start_at    INTEGER NOT NULL,
    end_at      INTEGER,                             -- NULL: under way, or the agent was killed
    link        TEXT    NOT NULL,
    bytes_up    INTEGER NOT NULL DEFAULT 0,
    bytes_down  INTEGER NOT NULL DEFAULT 0,
    requests    INTEGER NOT NULL DEFAULT 0,
    round_trips INTEGER NOT NULL DEFAULT 0,
    sent        INTEGER NOT NULL DEFAULT 0,
    received    INTEGER NOT NULL DEFAULT 0,
    outcome     TEXT    NOT NULL DEFAULT '',
    words       TEXT    NOT NULL DEFAULT '',
    by_kind     TEXT    NOT NULL DEFAULT '{}'        -- bytes by kind, as JSON
) STRICT;
CREATE INDEX visit_start ON visit (start_at);

CREATE VIRTUAL TABLE message_text USING fts5 (
    text, content = 'message', content_rowid = 'id', tokenize = 'trigram', detail = 'full'
);
CREATE TRIGGER message_text_insert AFTER INSERT ON message BEGIN
    INSERT INTO message_text (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER message_text_update AFTER UPDATE OF text ON message WHEN old.text <> new.text BEGIN
    INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO message_text (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER message_text_delete AFTER DELETE ON message BEGIN
    INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', old.id, old.text);
END;
