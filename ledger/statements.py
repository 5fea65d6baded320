"""The SQL of every write. Each is one statement, so one round trip and one transaction; each is idempotent.

Rows arrive as JSON arrays and are read with the table's own row type, so a statement does not change with the number
of rows, and an empty array makes it a no-op (which is how connections are warmed).
"""

from __future__ import annotations

_FILLS = """
fresh AS (
    INSERT INTO fills
    SELECT * FROM jsonb_populate_recordset(NULL::fills, {rows}::jsonb) ORDER BY venue, trade_id, order_id
    ON CONFLICT (venue, trade_id, order_id) DO UPDATE SET status = excluded.status
        WHERE fill_rank(excluded.status) > fill_rank(fills.status)
    RETURNING venue, trade_id || '/' || order_id AS ref, status, at,
              CASE side WHEN 'sell' THEN price * size ELSE -price * size END - fee AS amount
), entries AS (
    INSERT INTO cash
    SELECT venue, 'fill', ref, amount, at FROM fresh
    UNION ALL
    SELECT venue, 'void', ref, -amount, at FROM fresh WHERE status = 'void'
    ON CONFLICT (venue, kind, ref) DO NOTHING
)"""

_INTENT = """
planned AS (
    INSERT INTO intents SELECT * FROM jsonb_populate_recordset(NULL::intents, $1::jsonb)
    ON CONFLICT (intent_id) DO NOTHING
)"""

_ANSWER = """
    verdict  = CASE WHEN {sure} THEN excluded.verdict ELSE orders.verdict END,
    code     = CASE WHEN {sure} THEN excluded.code    ELSE orders.code    END,
    detail   = CASE WHEN {sure} THEN excluded.detail  ELSE orders.detail  END,
    order_id = COALESCE(excluded.order_id, orders.order_id)""".format(
    sure="excluded.verdict IS NOT NULL AND verdict_rank(excluded.verdict) >= verdict_rank(orders.verdict)"
)

RECORD_INTENT = f"WITH {_INTENT} SELECT 1"

RECORD_SUPPRESSIONS = """
INSERT INTO suppressions SELECT * FROM jsonb_populate_recordset(NULL::suppressions, $1::jsonb)
ON CONFLICT DO NOTHING"""

RECORD_OPENING = "INSERT INTO cash VALUES ($1, 'opening', 'opening', $2, $3) ON CONFLICT DO NOTHING"

START_RUN = """
INSERT INTO runs (run_id, profile, mode, source, started_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"""

FINISH_RUN = "UPDATE runs SET finished_at = $2 WHERE run_id = $1"

# $1 intents, $2 trades, $3 reservations, $4 the order with its digest and time, $5 body.
# The order's row is the referee: a copy with another digest updates nothing, so it returns nothing and is not sent.
BEGIN_ORDER = f"""
WITH {_INTENT}, begun AS (
    INSERT INTO trades SELECT * FROM jsonb_populate_recordset(NULL::trades, $2::jsonb)
    ON CONFLICT (intent_id) DO NOTHING
), reserved AS (
    INSERT INTO reservations SELECT * FROM jsonb_populate_recordset(NULL::reservations, $3::jsonb)
    ON CONFLICT (intent_id, revision) DO NOTHING
), the_order AS (
    INSERT INTO orders SELECT * FROM jsonb_populate_recordset(NULL::orders, $4::jsonb)
    ON CONFLICT (client_order_id) DO UPDATE SET
        sends = orders.sends + 1,
        body_sha256 = excluded.body_sha256,
        first_sent_at = CASE orders.sends WHEN 0 THEN excluded.first_sent_at ELSE orders.first_sent_at END,
        last_sent_at = excluded.last_sent_at
        WHERE orders.body_sha256 IS NULL OR orders.body_sha256 = excluded.body_sha256
    RETURNING client_order_id, sends, body_sha256, last_sent_at
)
INSERT INTO sends SELECT client_order_id, sends, body_sha256, $5, last_sent_at FROM the_order RETURNING n"""  # noqa: S608 - composed of constants

# A refusal settles an order only if it speaks for every copy: the venue's for the only one that left, ours for none.
FINISH_ORDER = f"""
INSERT INTO orders SELECT * FROM jsonb_populate_recordset(NULL::orders, $1::jsonb)
ON CONFLICT (client_order_id) DO UPDATE SET {_ANSWER},
    filled  = GREATEST(orders.filled, excluded.filled),
    settled = orders.settled OR (excluded.settled AND orders.verdict IS NULL
              AND orders.sends <= CASE excluded.verdict WHEN 'denied' THEN 0 ELSE 1 END)"""  # noqa: S608 - constants

RECORD_FILLS = f"WITH {_FILLS.format(rows='$1')} SELECT 1"

# $1 intents, $2 trades, $3 reservations, $4 orders, $5 steps, $6 fills. Fills are facts whatever the revision;
# everything else hangs on `current`, which is empty for a revision older than the one recorded.
RECORD_TRADE = f"""
WITH {_INTENT}, current AS (
    INSERT INTO trades SELECT * FROM jsonb_populate_recordset(NULL::trades, $2::jsonb)
    ON CONFLICT (intent_id) DO UPDATE SET
        state = excluded.state, outcome = excluded.outcome, hedged = excluded.hedged, unwound = excluded.unwound,
        residual = excluded.residual, pnl = excluded.pnl, reserved = excluded.reserved,
        revision = excluded.revision, at = excluded.at
        WHERE excluded.revision >= trades.revision
    RETURNING intent_id
), held AS (
    INSERT INTO reservations
    SELECT r.* FROM current, jsonb_populate_recordset(NULL::reservations, $3::jsonb) AS r
    ON CONFLICT (intent_id, revision) DO NOTHING
), known AS (
    INSERT INTO orders
    SELECT o.* FROM current, jsonb_populate_recordset(NULL::orders, $4::jsonb) AS o ORDER BY o.client_order_id
    ON CONFLICT (client_order_id) DO UPDATE SET {_ANSWER},
        filled  = CASE WHEN excluded.settled THEN excluded.filled ELSE GREATEST(orders.filled, excluded.filled) END,
        settled = orders.settled OR excluded.settled
), told AS (
    INSERT INTO steps
    SELECT s.* FROM current, jsonb_populate_recordset(NULL::steps, $5::jsonb) AS s ORDER BY s.n
    ON CONFLICT (intent_id, n) DO UPDATE SET at = excluded.at, state = excluded.state, text = excluded.text
), {_FILLS.format(rows="$6")}
SELECT COUNT(*) FROM current"""  # noqa: S608 - composed of constants

# The writes on the order path, with arguments that make each a no-op.
WARM: tuple[tuple[str, tuple[str, ...]], ...] = (
    (BEGIN_ORDER, ("[]", "[]", "[]", "[]", "")),
    (FINISH_ORDER, ("[]",)),
    (RECORD_FILLS, ("[]",)),
    (RECORD_TRADE, ("[]",) * 6),
)
