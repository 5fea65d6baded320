-- The ledger. Money and sizes are NUMERIC (exact), times BIGINT microseconds since the epoch.
--
-- There are no foreign keys on purpose: a fact about money is recorded even when the fact it hangs on is missing,
-- and the invariants say so. Refusing leg B's record because the intent's row was lost would leave leg A alone.

CREATE TABLE runs (
    run_id      TEXT PRIMARY KEY,
    profile     TEXT NOT NULL,
    mode        TEXT NOT NULL,
    source      TEXT NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE intents (
    intent_id        TEXT PRIMARY KEY,
    run_id           TEXT NOT NULL,
    strategy         TEXT NOT NULL,
    strategy_version TEXT NOT NULL,
    pair             TEXT NOT NULL,
    size             NUMERIC NOT NULL,
    payoff           NUMERIC NOT NULL,
    edge             NUMERIC NOT NULL,
    planned_cost     NUMERIC NOT NULL,
    worst_cost       NUMERIC NOT NULL,
    decided_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    canonical        TEXT NOT NULL  -- the id is the SHA-256 of exactly this text
);
CREATE INDEX intents_by_run ON intents (run_id, decided_at);

CREATE TABLE suppressions (
    run_id   TEXT NOT NULL,
    strategy TEXT NOT NULL,
    pair     TEXT NOT NULL,
    gate     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    detail   TEXT NOT NULL,
    edge     NUMERIC NOT NULL,
    size     NUMERIC NOT NULL,
    PRIMARY KEY (run_id, strategy, pair, gate, at)
);

CREATE TABLE trades (
    intent_id TEXT PRIMARY KEY,
    run_id    TEXT NOT NULL,
    state     TEXT NOT NULL,
    outcome   TEXT,
    hedged    NUMERIC NOT NULL,
    unwound   NUMERIC NOT NULL,
    residual  NUMERIC NOT NULL,
    pnl       NUMERIC NOT NULL,
    reserved  NUMERIC NOT NULL,
    revision  INTEGER NOT NULL,  -- -1: begun with its first order, no record of the trade's own yet
    at        BIGINT NOT NULL
);
CREATE INDEX trades_by_run ON trades (run_id, at);
CREATE INDEX trades_by_state ON trades (state, at);

CREATE TABLE reservations (
    intent_id TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    reserved  NUMERIC NOT NULL,
    exposed   NUMERIC NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (intent_id, revision)
);

CREATE TABLE steps (
    intent_id TEXT NOT NULL,
    n         INTEGER NOT NULL,
    at        BIGINT NOT NULL,
    state     TEXT NOT NULL,
    text      TEXT NOT NULL,
    PRIMARY KEY (intent_id, n)
);

CREATE TABLE orders (
    client_order_id TEXT PRIMARY KEY,
    intent_id       TEXT NOT NULL,
    leg             TEXT NOT NULL,
    attempt         INTEGER NOT NULL,
    purpose         TEXT NOT NULL,
    venue           TEXT NOT NULL,
    market          TEXT NOT NULL,
    side            TEXT NOT NULL,
    size            NUMERIC NOT NULL,
    price_limit     NUMERIC NOT NULL,
    tif             TEXT NOT NULL,
    post_only       BOOLEAN NOT NULL,
    body_sha256     TEXT,  -- of the first body; another one is refused
    sends           INTEGER NOT NULL DEFAULT 0,
    first_sent_at   BIGINT NOT NULL DEFAULT 0,
    last_sent_at    BIGINT NOT NULL DEFAULT 0,
    verdict         TEXT,
    code            TEXT NOT NULL DEFAULT '',
    detail          TEXT NOT NULL DEFAULT '',
    order_id        TEXT,
    filled          NUMERIC NOT NULL DEFAULT 0,
    settled         BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX orders_by_intent ON orders (intent_id);
CREATE INDEX orders_unsettled ON orders (client_order_id) WHERE sends > 0 AND NOT settled;

CREATE TABLE sends (
    client_order_id TEXT NOT NULL,
    n               INTEGER NOT NULL,
    sha256          TEXT NOT NULL,
    body            TEXT NOT NULL,
    at              BIGINT NOT NULL,
    PRIMARY KEY (client_order_id, n)
);

CREATE TABLE fills (
    venue           TEXT NOT NULL,
    trade_id        TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    market          TEXT NOT NULL,
    side            TEXT NOT NULL,
    price           NUMERIC NOT NULL,
    size            NUMERIC NOT NULL,
    fee             NUMERIC NOT NULL,
    at              BIGINT NOT NULL,
    status          TEXT NOT NULL,
    taker           BOOLEAN NOT NULL,
    PRIMARY KEY (venue, trade_id, order_id)
);
CREATE INDEX fills_by_order ON fills (client_order_id);

CREATE TABLE cash (
    venue  TEXT NOT NULL,
    kind   TEXT NOT NULL,  -- opening, fill (fee included), void (takes a fill's entry back)
    ref    TEXT NOT NULL,  -- for fills: trade_id/order_id
    amount NUMERIC NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (venue, kind, ref)
);

CREATE VIEW positions AS
    SELECT venue, market, SUM(CASE side WHEN 'buy' THEN size ELSE -size END) AS shares
      FROM fills
     WHERE status <> 'void'
     GROUP BY venue, market;

-- Knowledge only grows: a verdict or a status replaces another only if it ranks at least as high.

CREATE FUNCTION verdict_rank(verdict TEXT) RETURNS INTEGER IMMUTABLE PARALLEL SAFE LANGUAGE SQL AS $$
    SELECT CASE verdict WHEN 'denied' THEN 1 WHEN 'unknown' THEN 2 WHEN 'rejected' THEN 3 WHEN 'accepted' THEN 4
           ELSE 0 END
$$;

CREATE FUNCTION fill_rank(status TEXT) RETURNS INTEGER IMMUTABLE PARALLEL SAFE LANGUAGE SQL AS $$
    SELECT CASE status WHEN 'provisional' THEN 1 WHEN 'final' THEN 2 WHEN 'void' THEN 3 ELSE 0 END
$$;
