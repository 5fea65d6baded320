-- A trade writes its own record when it parks or closes; in between only its orders tell where it stands. This view
-- reads them together, so that people asking in the middle of a trade see the leg it is on and what stands alone.
CREATE VIEW trades_now AS
SELECT t.intent_id, t.run_id,
       CASE WHEN t.revision >= 0 OR o.last IS NULL THEN t.state
            ELSE CASE o.last WHEN 'open' THEN 'LEG_A' WHEN 'hedge' THEN 'RECHECK'
                             WHEN 'complete' THEN 'REBALANCE' ELSE 'UNWIND' END
       END AS state,
       t.outcome,
       CASE WHEN t.revision >= 0 OR o.last IS NULL THEN t.hedged   ELSE GREATEST(LEAST(o.a, o.b), 0) END AS hedged,
       CASE WHEN t.revision >= 0 OR o.last IS NULL THEN t.unwound  ELSE o.sold END AS unwound,
       CASE WHEN t.revision >= 0 OR o.last IS NULL THEN t.residual ELSE ABS(o.a - o.b) END AS residual,
       t.pnl, t.reserved, t.revision, t.at
  FROM trades t
  LEFT JOIN LATERAL (
       SELECT (array_agg(purpose ORDER BY first_sent_at DESC, attempt DESC))[1] AS last,
              COALESCE(SUM(CASE side WHEN 'buy' THEN filled ELSE -filled END) FILTER (WHERE leg = 'A'), 0) AS a,
              COALESCE(SUM(CASE side WHEN 'buy' THEN filled ELSE -filled END) FILTER (WHERE leg <> 'A'), 0) AS b,
              COALESCE(SUM(filled) FILTER (WHERE side = 'sell'), 0) AS sold
         FROM orders WHERE intent_id = t.intent_id AND t.revision < 0
       ) o ON TRUE;
