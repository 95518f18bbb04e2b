-- What the list of conversations shows of each, kept as it changes; and what changed since a window read the list. A list
-- read anew is the rows whose stamp is not below the one of then.

-- Conversations are never deleted: one that is merged into another keeps its row.
CREATE TABLE roll (
    conversation INTEGER PRIMARY KEY REFERENCES conversation (id),
    stamp        INTEGER NOT NULL,                   -- of the newest write that changed what the list shows of it
    unread       INTEGER NOT NULL DEFAULT 0,         -- rows that were not read
    held         INTEGER NOT NULL DEFAULT 0,         -- our own that are held
    under_way    INTEGER NOT NULL DEFAULT 0,         -- our own that are queued or relayed
    newest_at    INTEGER,                            -- when its newest message came; NULL: there is none
    last         INTEGER                             -- the message that stands last in it; NULL: there is none
) STRICT;
CREATE INDEX roll_stamp ON roll (stamp);

-- The stamp of now: one more with each transaction that used it, so that what has a lower one was told.
CREATE TABLE stamp (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    now    INTEGER NOT NULL DEFAULT 1,
    people INTEGER NOT NULL DEFAULT 1,               -- when one of the roster came, went, or got another name or conversation
    person INTEGER NOT NULL DEFAULT 1                -- when something else of one of them changed
) STRICT;
INSERT INTO stamp (one) VALUES (1);
ALTER TABLE person ADD COLUMN stamp INTEGER NOT NULL DEFAULT 1;

-- Why the relay refused a message of ours, as a number of wire::Refusal beside its words in reason; 0: it did not say.
ALTER TABLE message ADD COLUMN refusal INTEGER NOT NULL DEFAULT 0;

-- Nobody looks for these all at once any more.
DROP INDEX message_going;

INSERT INTO roll (conversation, stamp, unread, held, under_way, newest_at, last)
SELECT conversation.id, 1,
    (SELECT count(*) FROM message m WHERE m.conversation = conversation.id AND m.is_read = 0 AND m.is_deleted = 0),
    0, 0,
    (SELECT max(m.received_at) FROM message m WHERE m.conversation = conversation.id),
    (SELECT m.id FROM message m WHERE m.conversation = conversation.id
        AND (m.is_here = 1 OR (m.is_deleted = 0 AND m.text <> '')) ORDER BY m.place DESC, m.id DESC LIMIT 1)
FROM conversation;
UPDATE roll SET held = going.held, under_way = going.under_way
FROM (SELECT conversation, sum(state = 1) AS held, sum(state <> 1) AS under_way FROM message
    WHERE is_mine = 1 AND state BETWEEN 1 AND 3 AND conversation IS NOT NULL GROUP BY conversation) AS going
WHERE going.conversation = roll.conversation;

CREATE TRIGGER roll_conversation AFTER INSERT ON conversation BEGIN
    INSERT INTO roll (conversation, stamp) VALUES (new.id, (SELECT now FROM stamp));
    UPDATE stamp SET people = now WHERE people <> now;
END;
CREATE TRIGGER roll_conversation_update
AFTER UPDATE OF merged_into, is_pair, peer, asked, title, mine, inviter_name, greeting, created_at ON conversation BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp) WHERE conversation = new.id AND stamp <> (SELECT now FROM stamp);
    UPDATE stamp SET people = now WHERE people <> now AND (old.merged_into IS NOT new.merged_into
        OR old.is_pair <> new.is_pair OR old.peer <> new.peer);
END;

CREATE TRIGGER roll_message AFTER INSERT ON message WHEN new.conversation IS NOT NULL BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation = new.conversation AND stamp <> (SELECT now FROM stamp);
    UPDATE roll SET unread = unread + (new.is_read = 0 AND new.is_deleted = 0),
        held = held + (new.is_mine = 1 AND new.state = 1),
        under_way = under_way + (new.is_mine = 1 AND new.state IN (2, 3)),
        newest_at = max(coalesce(newest_at, new.received_at), new.received_at),
        last = (SELECT m.id FROM message m WHERE m.conversation = new.conversation
            AND (m.is_here = 1 OR (m.is_deleted = 0 AND m.text <> '')) ORDER BY m.place DESC, m.id DESC LIMIT 1)
        WHERE conversation = new.conversation;
END;
CREATE TRIGGER roll_message_update
AFTER UPDATE OF shown_as, is_mine, author, c, is_here, text, is_deleted, sent_at, received_at, is_read, state ON message
WHEN new.conversation IS old.conversation AND new.conversation IS NOT NULL BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation = new.conversation AND stamp <> (SELECT now FROM stamp);
    UPDATE roll SET unread = unread + (new.is_read = 0 AND new.is_deleted = 0) - (old.is_read = 0 AND old.is_deleted = 0),
        held = held + (new.is_mine = 1 AND new.state = 1) - (old.is_mine = 1 AND old.state = 1),
        under_way = under_way + (new.is_mine = 1 AND new.state IN (2, 3)) - (old.is_mine = 1 AND old.state IN (2, 3))
        WHERE conversation = new.conversation;
END;
CREATE TRIGGER roll_message_place
AFTER UPDATE OF c, is_here, text, is_deleted, received_at ON message
WHEN new.conversation IS old.conversation AND new.conversation IS NOT NULL BEGIN
    UPDATE roll SET newest_at = (SELECT max(m.received_at) FROM message m WHERE m.conversation = new.conversation),
        last = (SELECT m.id FROM message m WHERE m.conversation = new.conversation
            AND (m.is_here = 1 OR (m.is_deleted = 0 AND m.text <> '')) ORDER BY m.place DESC, m.id DESC LIMIT 1)
        WHERE conversation = new.conversation;
END;
CREATE TRIGGER roll_message_gone AFTER DELETE ON message WHEN old.conversation IS NOT NULL BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp),
        unread = unread - (old.is_read = 0 AND old.is_deleted = 0),
        held = held - (old.is_mine = 1 AND old.state = 1),
        under_way = under_way - (old.is_mine = 1 AND old.state IN (2, 3)),
        newest_at = (SELECT max(m.received_at) FROM message m WHERE m.conversation = old.conversation),
        last = (SELECT m.id FROM message m WHERE m.conversation = old.conversation
            AND (m.is_here = 1 OR (m.is_deleted = 0 AND m.text <> '')) ORDER BY m.place DESC, m.id DESC LIMIT 1)
        WHERE conversation = old.conversation;
END;
-- Two conversations become one: seldom.
CREATE TRIGGER roll_message_moved AFTER UPDATE OF conversation ON message
WHEN new.conversation IS NOT old.conversation BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp),
        unread = unread - (old.is_read = 0 AND old.is_deleted = 0),
        held = held - (old.is_mine = 1 AND old.state = 1),
        under_way = under_way - (old.is_mine = 1 AND old.state IN (2, 3)),
        newest_at = (SELECT max(m.received_at) FROM message m WHERE m.conversation = old.conversation),
        last = (SELECT m.id FROM message m WHERE m.conversation = old.conversation
            AND (m.is_here = 1 OR (m.is_deleted = 0 AND m.text <> '')) ORDER BY m.place DESC, m.id DESC LIMIT 1)
        WHERE conversation = old.conversation;
    UPDATE roll SET stamp = (SELECT now FROM stamp),
        unread = unread + (new.is_read = 0 AND new.is_deleted = 0),
        held = held + (new.is_mine = 1 AND new.state = 1),
        under_way = under_way + (new.is_mine = 1 AND new.state IN (2, 3)),
        newest_at = max(coalesce(newest_at, new.received_at), new.received_at),
        last = (SELECT m.id FROM message m WHERE m.conversation = new.conversation
            AND (m.is_here = 1 OR (m.is_deleted = 0 AND m.text <> '')) ORDER BY m.place DESC, m.id DESC LIMIT 1)
        WHERE conversation = new.conversation;
END;

CREATE TRIGGER roll_item AFTER INSERT ON item WHEN new.conversation IS NOT NULL BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation = new.conversation AND stamp <> (SELECT now FROM stamp);
END;
CREATE TRIGGER roll_item_update AFTER UPDATE OF conversation, kind, state ON item BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation IN (old.conversation, new.conversation) AND stamp <> (SELECT now FROM stamp);
END;
CREATE TRIGGER roll_item_gone AFTER DELETE ON item WHEN old.conversation IS NOT NULL BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation = old.conversation AND stamp <> (SELECT now FROM stamp);
END;

CREATE TRIGGER roll_member AFTER INSERT ON member BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation = new.conversation AND stamp <> (SELECT now FROM stamp);
END;
CREATE TRIGGER roll_member_update AFTER UPDATE ON member BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation IN (old.conversation, new.conversation) AND stamp <> (SELECT now FROM stamp);
END;
CREATE TRIGGER roll_member_gone AFTER DELETE ON member BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp)
        WHERE conversation = old.conversation AND stamp <> (SELECT now FROM stamp);
END;

-- Somebody else's store: nothing that was read holds.
CREATE TRIGGER roll_account AFTER UPDATE OF account ON device WHEN new.account <> old.account BEGIN
    UPDATE roll SET stamp = (SELECT now FROM stamp);
    UPDATE stamp SET people = now;
END;

CREATE TRIGGER stamp_person AFTER INSERT ON person WHEN new.is_contact = 1 BEGIN
    UPDATE stamp SET people = now WHERE people <> now;
END;
CREATE TRIGGER stamp_person_gone AFTER DELETE ON person WHEN old.is_contact = 1 BEGIN
    UPDATE stamp SET people = now WHERE people <> now;
END;
CREATE TRIGGER stamp_person_update AFTER UPDATE OF name, is_contact ON person
WHEN (new.name <> old.name AND new.is_contact = 1) OR new.is_contact <> old.is_contact BEGIN
    UPDATE stamp SET people = now WHERE people <> now;
END;
CREATE TRIGGER stamp_person_told AFTER UPDATE OF is_blocked, presence, seen_at, next_call_at, as_of ON person BEGIN
    UPDATE person SET stamp = (SELECT now FROM stamp) WHERE account = new.account AND stamp <> (SELECT now FROM stamp);
    UPDATE stamp SET person = now WHERE person <> now;
END;
