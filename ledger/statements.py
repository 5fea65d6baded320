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
    RETURNING venue, trade_id || '/' || order_id AS ref, status, at, client_order_id, order_id,
              CASE side WHEN 'sell' THEN 1 ELSE -1 END * COALESCE(paid, price * size) - fee AS amount
), owned AS (
    SELECT fresh.*, {owner} AS intent_id FROM fresh
), entries AS (
    INSERT INTO cash
    SELECT venue, 'fill', ref, amount, at, intent_id FROM owned
    UNION ALL
    SELECT venue, 'void', ref, -amount, at, intent_id FROM owned WHERE status = 'void'
    ON CONFLICT (venue, kind, ref) DO NOTHING
)"""

_OF_ITS_ORDER = """COALESCE(
        (SELECT intent_id FROM orders WHERE orders.client_order_id = fresh.client_order_id),
        (SELECT intent_id FROM orders WHERE orders.order_id = fresh.order_id AND orders.venue = fresh.venue LIMIT 1))"""
_OF_THIS_TRADE = "($2::jsonb -> 0 ->> 'intent_id')"

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

RECORD_CASH = "INSERT INTO cash VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"

RECORD_COMMANDS = """
INSERT INTO commands SELECT * FROM jsonb_populate_recordset(NULL::commands, $1::jsonb) ON CONFLICT DO NOTHING"""

RELEASE = """
WITH released AS (
    UPDATE capital SET released_at = $2 WHERE intent_id = $1 AND released_at IS NULL RETURNING venue
)
SELECT COUNT(*) FROM released"""

# The same halt again, or one like it in force: nothing new is written, and what stands is returned.
SET_HALT = """
INSERT INTO halts SELECT * FROM jsonb_populate_recordset(NULL::halts, $1::jsonb)
ON CONFLICT (scope, target, rule) WHERE cleared_at IS NULL DO UPDATE SET id = halts.id
RETURNING to_jsonb(halts)::text"""

CLEAR_HALT = """
UPDATE halts SET cleared_by = $2, cleared_reason = $3, cleared_at = $4
 WHERE id = $1 AND (cleared_at IS NULL OR (cleared_by, cleared_reason, cleared_at) = ($2, $3, $4))
RETURNING to_jsonb(halts)::text"""

START_RUN = """
INSERT INTO runs (run_id, profile, mode, source, started_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"""

FINISH_RUN = "UPDATE runs SET finished_at = $2 WHERE run_id = $1"

# $1 what opens a trade (NULL for a later order), $2 the order with its digest and time, $3 body, $4 who sends it
# (`chain`). A refusal leaves nothing to insert. The order's row is the referee of its bytes: a copy with another digest
# updates nothing, so it returns nothing and is not sent.
BEGIN_ORDER = """
WITH gate AS MATERIALIZED (
    SELECT COALESCE(refuse_stranger($2::jsonb -> 0, $4),
                    CASE WHEN $1::jsonb IS NOT NULL THEN open_trade($1::jsonb) END) AS refusal
), the_order AS (
    INSERT INTO orders
    SELECT o.* FROM gate, jsonb_populate_recordset(NULL::orders, $2::jsonb) AS o WHERE gate.refusal IS NULL
    ON CONFLICT (client_order_id) DO UPDATE SET
        sends = orders.sends + 1,
        body_sha256 = excluded.body_sha256,
        first_sent_at = CASE orders.sends WHEN 0 THEN excluded.first_sent_at ELSE orders.first_sent_at END,
        last_sent_at = excluded.last_sent_at
        WHERE orders.body_sha256 IS NULL OR orders.body_sha256 = excluded.body_sha256
    RETURNING client_order_id, sends, body_sha256, last_sent_at
), sent AS (
    INSERT INTO sends SELECT client_order_id, sends, body_sha256, $3, last_sent_at FROM the_order RETURNING n
)
SELECT json_build_object('refusal', (SELECT refusal FROM gate), 'copy', (SELECT n FROM sent))::text"""

# A refusal settles an order only if it speaks for every copy: the venue's for the only one that left, ours for none.
FINISH_ORDER = f"""
INSERT INTO orders SELECT * FROM jsonb_populate_recordset(NULL::orders, $1::jsonb)
ON CONFLICT (client_order_id) DO UPDATE SET {_ANSWER},
    filled  = GREATEST(orders.filled, excluded.filled),
    settled = orders.settled OR (excluded.settled AND orders.verdict IS NULL
              AND orders.sends <= CASE excluded.verdict WHEN 'denied' THEN 0 ELSE 1 END)"""  # noqa: S608 - constants

RECORD_FILLS = f"WITH {_FILLS.format(rows='$1', owner=_OF_ITS_ORDER)} SELECT 1"

# $1 intents, $2 trades, $3 reservations, $4 orders, $5 steps, $6 fills, $7 capital, $8 commands, $9 redemptions.
# Fills, commands and redemptions are facts whatever the revision; everything else hangs on `current`, which is empty
# for a revision older than the one recorded. Fills recorded before their order was known are taken over. Locks are
# taken in the order of every other write (fills, cash, capital, accounts), hence the counts of `fresh`.
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
), heard AS (
    INSERT INTO commands SELECT * FROM jsonb_populate_recordset(NULL::commands, $8::jsonb) ON CONFLICT DO NOTHING
), {_FILLS.format(rows="$6", owner=_OF_THIS_TRADE)}, taken_over AS (
    UPDATE cash SET intent_id = {_OF_THIS_TRADE}
      FROM jsonb_populate_recordset(NULL::fills, $6::jsonb) AS f, (SELECT COUNT(*) FROM fresh) AS first
     WHERE cash.intent_id IS NULL AND cash.kind IN ('fill', 'void')
       AND cash.venue = f.venue AND cash.ref = f.trade_id || '/' || f.order_id
), redeemed AS (
    INSERT INTO redemptions
    SELECT r.* FROM jsonb_populate_recordset(NULL::redemptions, $9::jsonb) AS r ORDER BY r.venue, r.market
    ON CONFLICT (venue, market, intent_id) DO NOTHING
    RETURNING *
), paid AS (
    INSERT INTO cash SELECT venue, 'settlement', market || '/' || intent_id, cash, at, intent_id FROM redeemed
    ON CONFLICT (venue, kind, ref) DO NOTHING
), kept AS (
    INSERT INTO capital
    SELECT k.* FROM current, jsonb_populate_recordset(NULL::capital, $7::jsonb) AS k,
           (SELECT COUNT(*) FROM fresh) AS first
     ORDER BY k.venue
    ON CONFLICT (intent_id, venue) DO UPDATE SET reserved = excluded.reserved, released_at = excluded.released_at
        WHERE capital.released_at IS NULL
)
SELECT COUNT(*) FROM current"""  # noqa: S608 - composed of constants

# The writes on the order path, with arguments that make each a no-op.
_NOTHING = '{"intents": [], "trades": [], "reservations": [], "capital": [], "scopes": []}'

WARM: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    (BEGIN_ORDER, (_NOTHING, "[]", "", "")),
    (FINISH_ORDER, ("[]",)),
    (RECORD_FILLS, ("[]",)),
    (RECORD_TRADE, ("[]",) * 9),
)
