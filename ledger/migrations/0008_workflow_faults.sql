-- Trades whose workflow cannot go on. While one stands, nothing opens on the trade's markets.
CREATE TABLE workflow_faults (
    intent_id  TEXT NOT NULL,
    kind       TEXT NOT NULL,     -- failing: its task fails; parked: its code raised
    build      TEXT NOT NULL,
    source     TEXT NOT NULL,     -- worker or server: who saw it
    text       TEXT NOT NULL,
    attempt    INTEGER NOT NULL,  -- as last told; 0 if nobody did
    markets    JSONB NOT NULL,    -- the venue's names of the trade's markets
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    cleared_at BIGINT
);
CREATE UNIQUE INDEX workflow_faults_standing ON workflow_faults (intent_id, kind) WHERE cleared_at IS NULL;
CREATE INDEX workflow_faults_by_intent ON workflow_faults (intent_id);

-- As before, and: nothing opens on a market of another trade whose workflow cannot go on.
CREATE OR REPLACE FUNCTION open_trade(opening JSONB) RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE
    refusal JSONB;
    pin TEXT := COALESCE(opening ->> 'claim', '');
    newest claims;
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

    SELECT jsonb_build_object('fault', to_jsonb(f)) INTO refusal
      FROM workflow_faults f
     WHERE f.cleared_at IS NULL
       AND f.intent_id IS DISTINCT FROM opening -> 'intents' -> 0 ->> 'intent_id'
       AND EXISTS (SELECT 1 FROM jsonb_array_elements(f.markets) m
                    WHERE jsonb_build_array('market', m) IN
                          (SELECT pair FROM jsonb_array_elements(opening -> 'scopes') pair))
     ORDER BY f.first_seen, f.intent_id LIMIT 1;
    IF FOUND THEN
        RETURN refusal;
    END IF;

    IF pin <> '' THEN
        SELECT * INTO newest FROM claims WHERE id = split_part(pin, '@', 1) ORDER BY version DESC LIMIT 1;
        IF NOT FOUND OR newest.id || '@' || newest.version <> pin OR newest.status <> 'approved' THEN
            RETURN jsonb_build_object('claim', pin, 'newest', newest.document);
        END IF;
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
