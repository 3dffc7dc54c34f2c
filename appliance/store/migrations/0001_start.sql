-- The store's own database: what was said, the threads, and what is owed to headquarters.
CREATE TABLE journal (
    sequence   INTEGER PRIMARY KEY,           -- 1, 2, 3 … without gaps
    written_at TEXT NOT NULL,                 -- ISO 8601, UTC
    kind       TEXT NOT NULL,                 -- reply | sentence | start
    reply_id   TEXT NOT NULL DEFAULT '',
    body       TEXT NOT NULL,                 -- canonical JSON
    previous   TEXT NOT NULL,                 -- hex sha256 of the row before
    hash       TEXT NOT NULL UNIQUE           -- sha256 over sequence, written_at, kind, previous, body
) STRICT;
CREATE INDEX journal_reply ON journal (reply_id, kind);

CREATE TABLE threads (
    thread     TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    reply_id   TEXT NOT NULL,
    at         TEXT NOT NULL,
    turn       TEXT NOT NULL,                 -- JSON of records.Turn
    PRIMARY KEY (thread, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE spool (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,                 -- edge_case | deferred_ask
    priority   INTEGER NOT NULL,              -- higher is more valuable
    put_at     TEXT NOT NULL,
    body       TEXT NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;
CREATE INDEX spool_value ON spool (priority, id);

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
