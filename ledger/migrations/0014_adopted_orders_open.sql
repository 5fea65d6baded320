-- What a person placed elsewhere and had the trade take over stands without any opening of ours: it may be hedged.
CREATE OR REPLACE FUNCTION refuse_stranger(sent JSONB, sender TEXT) RETURNS JSONB STABLE LANGUAGE SQL AS $$
    SELECT COALESCE(
        refuse_stranger(sent ->> 'intent_id', sender),
        CASE WHEN sender <> '' AND sent ->> 'purpose' IN ('hedge', 'complete')
              AND NOT EXISTS (SELECT 1 FROM orders o
                               WHERE o.intent_id = sent ->> 'intent_id'
                                 AND (o.purpose = 'adopted' OR o.purpose = 'open' AND o.sends > 0))
             THEN jsonb_build_object('stranger', 'never_opened') END)
$$;
