-- What every reconciliation found and did: one row a venue, and one (venue '') for what belongs to none.
CREATE TABLE reconciliations (
    id        TEXT NOT NULL,
    venue     TEXT NOT NULL,
    trigger   TEXT NOT NULL,
    at        BIGINT NOT NULL,
    agrees    BOOLEAN NOT NULL,
    safe_mode BOOLEAN NOT NULL,
    looks     INTEGER NOT NULL,
    cash      NUMERIC,
    booked    NUMERIC,
    unreached TEXT,
    findings  JSONB NOT NULL,
    moving    JSONB NOT NULL,
    done      JSONB NOT NULL,
    PRIMARY KEY (id, venue)
);
CREATE INDEX reconciliations_at ON reconciliations (at DESC);

-- What a person has declared known of the run of `found_at`; `amount` are shares for a position, and add up.
CREATE TABLE acknowledgements (
    known_as TEXT NOT NULL,
    kind     TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    amount   NUMERIC NOT NULL,
    text     TEXT NOT NULL,
    author   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (known_as, kind, found_at)
);
