-- What woke a person, or should have: raised once, resolved when over. Written behind what raised it, never before.
CREATE TABLE alerts (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    severity    TEXT NOT NULL,
    text        TEXT NOT NULL,
    "do"        TEXT NOT NULL,
    trade       TEXT NOT NULL,
    host        TEXT NOT NULL,
    run         TEXT NOT NULL,
    mode        TEXT NOT NULL,
    seen_by     TEXT NOT NULL,
    raised_at   BIGINT NOT NULL,
    last_seen   BIGINT NOT NULL,
    resolved_at BIGINT,
    delivery    TEXT NOT NULL
);
CREATE INDEX alerts_by_time ON alerts (raised_at DESC, id);
CREATE INDEX alerts_open ON alerts (raised_at) WHERE resolved_at IS NULL;
