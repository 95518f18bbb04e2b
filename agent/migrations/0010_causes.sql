-- Beside what was said in English: what it says, as a code and its arguments (JSON), for whoever has words of their own.
-- Empty: only the words are known.

ALTER TABLE visit ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE trouble ADD COLUMN cause TEXT NOT NULL DEFAULT '';
-- Of a notice of Mailboat's own.
ALTER TABLE message ADD COLUMN notice TEXT NOT NULL DEFAULT '';
