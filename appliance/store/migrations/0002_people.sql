-- Who asks: handhelds, the people who sign in on them, and whose a conversation is.
-- Secrets are never here: a code or token is kept as its sha256, a PIN as its argon2 hash.
CREATE TABLE pair_codes (
    code_hash  TEXT PRIMARY KEY,              -- hex sha256
    made_at    TEXT NOT NULL,                 -- ISO 8601, UTC
    expires_at TEXT NOT NULL,
    device     TEXT NOT NULL DEFAULT ''       -- the device it paired; '' until used
) STRICT;

CREATE TABLE devices (
    device     TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,                 -- handheld | key (a program, with a role of its own)
    role       TEXT NOT NULL DEFAULT '',      -- of a key
    token_hash TEXT NOT NULL UNIQUE,          -- hex sha256
    paired_at  TEXT NOT NULL,
    seen_at    TEXT NOT NULL,
    revoked_at TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE associates (
    badge        TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,               -- associate | lead | manager
    pin_hash     TEXT NOT NULL DEFAULT '',    -- argon2id; '': not chosen yet
    misses       INTEGER NOT NULL DEFAULT 0,  -- wrong PINs since the last right one
    locked_until TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,              -- hex sha256
    device     TEXT NOT NULL REFERENCES devices (device),
    badge      TEXT NOT NULL REFERENCES associates (badge),
    began_at   TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at   TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE thread_owners (
    thread     TEXT PRIMARY KEY,
    device     TEXT NOT NULL,
    badge      TEXT NOT NULL,
    opened_at  TEXT NOT NULL
) STRICT;

CREATE TABLE feedback (
    reply_id   TEXT NOT NULL,
    device     TEXT NOT NULL,
    badge      TEXT NOT NULL,
    verdict    TEXT NOT NULL,                 -- up | down
    text       TEXT NOT NULL DEFAULT '',      -- masked
    given_at   TEXT NOT NULL,
    PRIMARY KEY (reply_id, device, badge)
) STRICT;
