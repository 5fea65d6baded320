-- The workflow that opened a trade, by the id of its first run: no other sends orders for it. NULL for trades that were
-- opened before this was kept, and for those that never were.
ALTER TABLE trades ADD COLUMN chain TEXT;

-- Why an order of that trade may not leave, asked for by a workflow whose first run is `sender`; NULL if it may.
CREATE FUNCTION refuse_stranger(trade TEXT, sender TEXT) RETURNS JSONB STABLE LANGUAGE SQL AS $$
    SELECT CASE WHEN t.chain IS NOT NULL
                THEN CASE WHEN t.chain IS DISTINCT FROM sender THEN jsonb_build_object('stranger', 'other_run') END
                WHEN t.state = 'CLOSED' THEN jsonb_build_object('stranger', 'closed') END
      FROM trades t WHERE t.intent_id = trade
$$;
