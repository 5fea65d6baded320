-- As `refuse_stranger(TEXT, TEXT)`, and: nothing is bought after an opening that never was. An opening leaves no earlier
-- than its bytes are in here, so a hedge without one is not our trade's. What gives back passes, even into a lost ledger.
CREATE FUNCTION refuse_stranger(sent JSONB, sender TEXT) RETURNS JSONB STABLE LANGUAGE SQL AS $$
    SELECT COALESCE(
        refuse_stranger(sent ->> 'intent_id', sender),
        CASE WHEN sender <> '' AND sent ->> 'purpose' IN ('hedge', 'complete')
              AND NOT EXISTS (SELECT 1 FROM orders o
                               WHERE o.intent_id = sent ->> 'intent_id' AND o.purpose = 'open' AND o.sends > 0)
             THEN jsonb_build_object('stranger', 'never_opened') END)
$$;
