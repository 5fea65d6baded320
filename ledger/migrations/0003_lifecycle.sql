-- What the complete lifecycle leaves behind: halts, commands, redemptions, and the capital that trades hold.

ALTER TABLE fills ADD COLUMN merged BOOLEAN NOT NULL DEFAULT FALSE;  -- handed back as part of complete sets
CREATE INDEX fills_by_venue_order ON fills (order_id);  -- an order placed elsewhere may have no client id

ALTER TABLE orders ADD COLUMN foreign_id TEXT NOT NULL DEFAULT '';  -- of an order placed elsewhere and adopted
DROP INDEX orders_unsettled;
CREATE INDEX orders_unsettled ON orders (client_order_id) WHERE NOT settled AND (sends > 0 OR foreign_id <> '');

CREATE TABLE halts (
    id             TEXT PRIMARY KEY,
    scope          TEXT NOT NULL,
    target         TEXT NOT NULL,
    rule           TEXT NOT NULL,
    author         TEXT NOT NULL,
    reason         TEXT NOT NULL,
    at             BIGINT NOT NULL,
    cleared_by     TEXT,
    cleared_reason TEXT,
    cleared_at     BIGINT
);
CREATE UNIQUE INDEX halts_in_force ON halts (scope, target, rule) WHERE cleared_at IS NULL;

CREATE TABLE commands (
    intent_id TEXT NOT NULL,
    n         INTEGER NOT NULL,  -- the how-manieth of its trade; -1: recorded where it was given, before the trade took it
    action    TEXT NOT NULL,
    author    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    answer    TEXT NOT NULL,
    at        BIGINT NOT NULL
);
CREATE UNIQUE INDEX commands_once ON commands (intent_id, at, action, md5(author || chr(10) || reason || chr(10) || answer));

CREATE TABLE redemptions (
    venue     TEXT NOT NULL,
    market    TEXT NOT NULL,
    intent_id TEXT NOT NULL,
    shares    NUMERIC NOT NULL,  -- signed: the position that became cash
    payout    NUMERIC NOT NULL,
    cash      NUMERIC NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (venue, market, intent_id)
);
CREATE INDEX redemptions_by_intent ON redemptions (intent_id);

CREATE OR REPLACE VIEW positions AS
    SELECT venue, market, SUM(shares) AS shares
      FROM (SELECT venue, market, CASE side WHEN 'buy' THEN size ELSE -size END AS shares
              FROM fills WHERE status <> 'void'
             UNION ALL
            SELECT venue, market, -shares FROM redemptions) moved
     GROUP BY venue, market;

-- Whose cash an entry is; NULL for openings, transfers, and fills of orders the ledger does not know (yet).
ALTER TABLE cash ADD COLUMN intent_id TEXT;
UPDATE cash SET intent_id = o.intent_id
  FROM fills f JOIN orders o USING (client_order_id)
 WHERE cash.kind IN ('fill', 'void') AND cash.venue = f.venue AND cash.ref = f.trade_id || '/' || f.order_id;

-- What a trade holds of a venue's money, from its first order until it is closed.
CREATE TABLE capital (
    intent_id   TEXT NOT NULL,
    venue       TEXT NOT NULL,
    reserved    NUMERIC NOT NULL,  -- while it trades: the most it may have out; while it settles: what is locked
    cash        NUMERIC NOT NULL DEFAULT 0,  -- signed cash of its fills and redemptions booked until it was released
    released_at BIGINT,
    PRIMARY KEY (intent_id, venue)
);
CREATE INDEX capital_held ON capital (venue) WHERE released_at IS NULL;

-- A venue's money apart from what trades hold. The cash of an open trade is in its capital and moves here when it is
-- released, so that a fill touches its own trade's row only: trades never wait for each other because one filled.
--     cash at the venue = accounts.cash + cash of all capital held;    free = accounts.cash - accounts.reserved
CREATE TABLE accounts (
    venue    TEXT PRIMARY KEY,
    cash     NUMERIC NOT NULL DEFAULT 0,
    reserved NUMERIC NOT NULL DEFAULT 0,  -- sum over all capital held
    opened   BOOLEAN NOT NULL DEFAULT FALSE  -- has an opening balance; without one nothing is known to be short
);

CREATE FUNCTION add_to_account(the_venue TEXT, more_cash NUMERIC, more_reserved NUMERIC, opens BOOLEAN) RETURNS VOID
LANGUAGE SQL AS $$
    INSERT INTO accounts AS a VALUES (the_venue, more_cash, more_reserved, opens)
    ON CONFLICT (venue) DO UPDATE SET
        cash = a.cash + excluded.cash, reserved = a.reserved + excluded.reserved, opened = a.opened OR excluded.opened
$$;

-- Both sums are kept by triggers: whatever writes cash or capital, in whatever order, each amount counts once.
CREATE FUNCTION cash_was_booked() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN  -- an entry found its owner: leave where it was, arrive where it belongs
        UPDATE capital SET cash = cash - OLD.amount
         WHERE intent_id = OLD.intent_id AND venue = OLD.venue AND released_at IS NULL;
        IF NOT FOUND THEN
            PERFORM add_to_account(OLD.venue, -OLD.amount, 0, FALSE);
        END IF;
    END IF;
    UPDATE capital SET cash = cash + NEW.amount
     WHERE intent_id = NEW.intent_id AND venue = NEW.venue AND released_at IS NULL;
    IF NOT FOUND THEN
        PERFORM add_to_account(NEW.venue, NEW.amount, 0, NEW.kind = 'opening');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cash_was_booked AFTER INSERT OR UPDATE ON cash FOR EACH ROW EXECUTE FUNCTION cash_was_booked();

CREATE FUNCTION capital_was_moved() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    held NUMERIC := CASE WHEN NEW.released_at IS NULL THEN NEW.reserved ELSE 0 END;
    back NUMERIC := CASE WHEN NEW.released_at IS NULL THEN 0 ELSE NEW.cash END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        held := held - CASE WHEN OLD.released_at IS NULL THEN OLD.reserved ELSE 0 END;
        back := back - CASE WHEN OLD.released_at IS NULL THEN 0 ELSE OLD.cash END;
    END IF;
    IF held <> 0 OR back <> 0 THEN
        PERFORM add_to_account(NEW.venue, back, held, FALSE);
    END IF;
    RETURN NULL;
END $$;

-- What older trades hold: the ledger reserved per trade then, and knew one venue.
INSERT INTO capital (intent_id, venue, reserved)
SELECT DISTINCT t.intent_id, leg ->> 'venue', t.reserved
  FROM trades t JOIN intents i USING (intent_id), jsonb_array_elements(i.canonical::jsonb -> 'legs') leg
 WHERE t.state <> 'CLOSED';
UPDATE capital SET cash = booked.amount
  FROM (SELECT intent_id, venue, SUM(amount) AS amount FROM cash GROUP BY intent_id, venue) booked
 WHERE capital.intent_id = booked.intent_id AND capital.venue = booked.venue;
INSERT INTO accounts
SELECT venue,
       SUM(amount) - COALESCE((SELECT SUM(c.cash) FROM capital c WHERE c.venue = cash.venue), 0),
       COALESCE((SELECT SUM(c.reserved) FROM capital c WHERE c.venue = cash.venue), 0),
       BOOL_OR(kind = 'opening')
  FROM cash GROUP BY venue;

CREATE TRIGGER capital_was_moved AFTER INSERT OR UPDATE ON capital
    FOR EACH ROW EXECUTE FUNCTION capital_was_moved();

-- Begin a trade, its capital reserved, or say what forbids it: a halt in force, or a venue with too little free.
-- `opening` holds rows: intents, trades, reservations, capital; and `scopes`, the [scope, target] pairs it lies in.
-- NULL: begun, now or before.
CREATE FUNCTION open_trade(opening JSONB) RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE
    refusal JSONB;
BEGIN
    -- Openings take turns, in one order of venues, so that none counts on what another is about to take. Each
    -- statement below sees what was committed when it began, so after the wait.
    PERFORM 1 FROM accounts
      WHERE venue IN (SELECT c.venue FROM jsonb_populate_recordset(NULL::capital, opening -> 'capital') c)
      ORDER BY venue FOR UPDATE;

    SELECT jsonb_build_object('halt', to_jsonb(h)) INTO refusal
      FROM halts h
     WHERE h.cleared_at IS NULL
       AND (h.scope = 'all' OR jsonb_build_array(h.scope, h.target) IN
            (SELECT pair FROM jsonb_array_elements(opening -> 'scopes') pair))
     ORDER BY h.at, h.id LIMIT 1;
    IF FOUND THEN
        RETURN refusal;
    END IF;

    SELECT jsonb_build_object('venue', w.venue, 'wanted', w.reserved::TEXT, 'free', (a.cash - a.reserved)::TEXT,
                              'reserved', a.reserved::TEXT, 'released_at', c.released_at) INTO refusal
      FROM jsonb_populate_recordset(NULL::capital, opening -> 'capital') w
      LEFT JOIN accounts a USING (venue)
      LEFT JOIN capital c ON c.intent_id = w.intent_id AND c.venue = w.venue
     WHERE CASE WHEN c.intent_id IS NULL THEN a.opened AND w.reserved > a.cash - a.reserved
                ELSE c.released_at IS NOT NULL END
     ORDER BY w.venue LIMIT 1;
    IF FOUND THEN
        RETURN refusal;
    END IF;

    INSERT INTO intents SELECT * FROM jsonb_populate_recordset(NULL::intents, opening -> 'intents')
    ON CONFLICT (intent_id) DO NOTHING;
    INSERT INTO trades SELECT * FROM jsonb_populate_recordset(NULL::trades, opening -> 'trades')
    ON CONFLICT (intent_id) DO NOTHING;
    INSERT INTO reservations SELECT * FROM jsonb_populate_recordset(NULL::reservations, opening -> 'reservations')
    ON CONFLICT (intent_id, revision) DO NOTHING;
    INSERT INTO capital SELECT * FROM jsonb_populate_recordset(NULL::capital, opening -> 'capital') ORDER BY venue
    ON CONFLICT (intent_id, venue) DO NOTHING;
    RETURN NULL;
END $$;

-- A trade writes its own record when it rests or closes; until the first one only its orders tell where it stands.
-- Shares are counted in each leg's own direction; a leg without an order has none. A merge is an order of no leg:
-- what was handed back stays hedged.
CREATE OR REPLACE VIEW trades_now AS
SELECT t.intent_id, t.run_id,
       CASE o.last WHEN 'open' THEN 'LEG_A' WHEN 'hedge' THEN 'RECHECK' WHEN 'unwind' THEN 'UNWIND'
                   WHEN 'complete' THEN 'REBALANCE' WHEN 'adopted' THEN 'REBALANCE' WHEN 'merge' THEN 'HEDGED'
                   ELSE t.state END AS state,
       t.outcome,
       COALESCE(o.hedged, t.hedged) AS hedged,
       COALESCE(o.unwound, t.unwound) AS unwound,
       COALESCE(o.residual, t.residual) AS residual,
       t.pnl, t.reserved, t.revision, t.at
  FROM trades t
  LEFT JOIN LATERAL (
       SELECT (SELECT purpose FROM orders WHERE intent_id = t.intent_id AND t.revision < 0
                ORDER BY first_sent_at DESC, attempt DESC LIMIT 1) AS last,
              MAX(hedged) AS hedged, SUM(LEAST(opened, closed)) AS unwound,
              SUM(ABS(opened - closed - hedged)) AS residual
         FROM (SELECT opened, closed, GREATEST(MIN(opened - closed) OVER (), 0) AS hedged
                 FROM (SELECT COALESCE(SUM(orders.filled) FILTER (WHERE orders.side = planned ->> 'side'), 0) AS opened,
                              COALESCE(SUM(orders.filled) FILTER (WHERE orders.side <> planned ->> 'side'), 0) AS closed
                         FROM intents
                        CROSS JOIN LATERAL jsonb_array_elements(intents.canonical::jsonb -> 'legs') planned
                         LEFT JOIN orders ON orders.intent_id = intents.intent_id AND orders.leg = planned ->> 'name'
                        WHERE intents.intent_id = t.intent_id AND t.revision < 0
                        GROUP BY planned ->> 'name') legs) counted
       ) o ON TRUE;
