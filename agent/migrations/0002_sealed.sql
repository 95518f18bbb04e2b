-- How the relay was told of an item's conversation when it was sealed, so that it is told the same again: its number, or
-- the founding name. Both NULL: of none, or sealed before this was kept.
ALTER TABLE item ADD COLUMN named_device INTEGER;
ALTER TABLE item ADD COLUMN named_n INTEGER;
-- The first attempt that carried it.
ALTER TABLE item ADD COLUMN first_x INTEGER NOT NULL DEFAULT 0;
