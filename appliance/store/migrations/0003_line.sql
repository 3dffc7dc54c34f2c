-- The line to headquarters: items keep one name however often they are sealed into a batch, and
-- what headquarters answers later comes back to whoever asked.
ALTER TABLE spool ADD COLUMN item TEXT NOT NULL DEFAULT '';  -- 32 hex digits, unique for ever
UPDATE spool SET item = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX spool_item ON spool (item);

CREATE TABLE late_answers (
    reply_id   TEXT NOT NULL,                 -- of the reply that handed the ask over
    by         TEXT NOT NULL,                 -- generalist | expert
    device     TEXT NOT NULL,                 -- whose it is: who asked, and nobody else
    badge      TEXT NOT NULL,
    said       TEXT NOT NULL,                 -- JSON of records.Late, as it came: not to be shown
    state      TEXT NOT NULL,                 -- arrived | given | withheld
    told       TEXT NOT NULL DEFAULT '',      -- JSON of records.Late, as it may be shown
    arrived_at TEXT NOT NULL,                 -- ISO 8601, UTC
    decided_at TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (reply_id, by)
) STRICT;
CREATE INDEX late_answers_whose ON late_answers (device, badge, state);
