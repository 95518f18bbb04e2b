-- What the window reads: conversations by place, newest lines and counts, without looking at every message.

-- Where a message stands in its conversation; what has no place yet stands behind all that has.
ALTER TABLE message ADD COLUMN place INTEGER GENERATED ALWAYS AS (coalesce(c, 9223372036854775807)) VIRTUAL;
CREATE INDEX message_order ON message (conversation, place, id);
CREATE INDEX message_received ON message (conversation, received_at);
CREATE INDEX message_unread_in ON message (conversation, place, id) WHERE is_read = 0 AND is_deleted = 0;
CREATE INDEX message_request ON message (conversation, id) WHERE shown_as = 2;
-- Our own that have not arrived, and those that receipts may still lift.
CREATE INDEX message_going ON message (conversation, state) WHERE is_mine = 1 AND state BETWEEN 1 AND 3;
CREATE INDEX message_unsettled ON message (conversation, lane, state, c) WHERE is_mine = 1 AND state IN (3, 5);
CREATE INDEX item_refused ON item (conversation) WHERE state = 4;
