"""The ledger's reads: SQL in, the values of `ledger.story` out. One connection, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from domain.admission import AtWork
from domain.halt import Halt
from domain.market import Venue
from domain.operator import CommandRecord
from domain.snapshot import Capital, Ended, LedgerFacts, OrderFacts, Reservation, TradeFacts, VenueCapital
from domain.trade import AT_WORK, DONE_TRADING, TradeState
from ledger import codec, workflow_faults
from ledger.connection import Connection
from ledger.halts import HaltRecord, halt_of, record_of
from ledger.story import Run, SentBody, Snapshot, TradeRow, TradeStory, choose

_TRADES = """
SELECT t.*, i.strategy, i.pair, i.size, i.edge, i.decided_at FROM trades_now t JOIN intents i USING (intent_id)
 WHERE ($1::text IS NULL OR t.run_id = $1) AND ($2::text IS NULL OR t.state = $2)
 ORDER BY i.decided_at DESC, t.intent_id LIMIT $3"""


_HELD = """
WITH counted AS (
    SELECT COALESCE(named.intent_id, numbered.intent_id, '') AS intent_id,
           COALESCE(named.client_order_id, numbered.client_order_id) AS own_id, f.side, f.size
      FROM fills f
      LEFT JOIN orders named ON named.client_order_id = f.client_order_id
      LEFT JOIN LATERAL (SELECT intent_id, client_order_id FROM orders
                          WHERE orders.order_id = f.order_id AND orders.venue = f.venue LIMIT 1) numbered ON TRUE
     WHERE f.venue = $1 AND f.market = $2 AND f.status <> 'void'
), unexplained AS (
    SELECT o.intent_id, o.side,
           o.filled - COALESCE((SELECT SUM(size) FROM counted WHERE own_id = o.client_order_id), 0) AS size
      FROM orders o WHERE o.venue = $1 AND o.market = $2 AND o.filled > 0
)
SELECT intent_id, SUM(shares) AS shares FROM (
    SELECT intent_id, CASE side WHEN 'buy' THEN size ELSE -size END AS shares FROM counted
     UNION ALL
    SELECT intent_id, CASE side WHEN 'buy' THEN size ELSE -size END FROM unexplained WHERE size > 0
     UNION ALL
    SELECT intent_id, -shares FROM redemptions WHERE venue = $1 AND market = $2
) moved GROUP BY intent_id HAVING SUM(shares) <> 0"""


async def held_in(connection: Connection, venue: Venue, market: str) -> dict[str, Decimal]:
    rows = await connection.fetch(_HELD, venue, market)
    return {row["intent_id"]: row["shares"] for row in rows}


async def latest_run(connection: Connection) -> Run | None:
    row = await connection.fetchrow("SELECT * FROM runs ORDER BY started_at DESC, run_id DESC LIMIT 1")
    return _run(row) if row is not None else None


async def trades(connection: Connection, run: str | None, state: TradeState | None, limit: int) -> tuple[TradeRow, ...]:
    rows = await connection.fetch(_TRADES, run, state, limit)
    return tuple(
        TradeRow(
            run_id=row["run_id"],
            intent_id=row["intent_id"],
            strategy=row["strategy"],
            pair=row["pair"],
            size=row["size"],
            edge=row["edge"],
            decided_at=row["decided_at"],
            **_standing(row),
        )
        for row in rows
    )


async def standing(connection: Connection, run: str | None) -> dict[TradeState, tuple[int, Decimal]]:
    """By state: how many trades of the run (of every run: None), and how many shares of theirs stand alone."""
    rows = await connection.fetch(
        "SELECT state, count(*) AS n, sum(residual) AS alone FROM trades_now "
        "WHERE $1::text IS NULL OR run_id = $1 GROUP BY state",
        run,
    )
    return {TradeState(row["state"]): (row["n"], row["alone"]) for row in rows}


async def story(connection: Connection, wanted: str) -> TradeStory:
    candidates = await connection.fetch(
        "SELECT intent_id FROM intents "
        "WHERE $1 <> '' AND (starts_with(intent_id, $1) OR starts_with(intent_id, 'i-' || $1))",
        wanted,
    )
    intent_id = choose(wanted, [row["intent_id"] for row in candidates])
    intent = await connection.fetchrow("SELECT run_id, canonical FROM intents WHERE intent_id = $1", intent_id)
    assert intent is not None
    facts = await _trade_facts(connection, intent_id)
    orders = await connection.fetch("SELECT * FROM orders WHERE intent_id = $1", intent_id)
    ids = [row["client_order_id"] for row in orders]
    sends = await connection.fetch("SELECT * FROM sends WHERE client_order_id = ANY($1) ORDER BY at, n", ids)
    theirs = [row["order_id"] for row in orders if row["order_id"]]  # fills may carry no client id
    fills = await connection.fetch(
        "SELECT * FROM fills WHERE client_order_id = ANY($1) OR order_id = ANY($2) ORDER BY at, trade_id", ids, theirs
    )
    redemptions = await connection.fetch(
        "SELECT * FROM redemptions WHERE intent_id = $1 ORDER BY at, venue, market", intent_id
    )
    steps = await connection.fetch("SELECT * FROM steps WHERE intent_id = $1 ORDER BY n", intent_id)
    return TradeStory(
        run_id=intent["run_id"],
        intent=codec.intent_of(intent["canonical"]),
        trade=facts[0] if facts else None,
        orders=codec.in_story_order(codec.order_of(row) for row in orders),
        sends=tuple(SentBody(s["client_order_id"], s["n"], s["sha256"], s["body"], s["at"]) for s in sends),
        fills=tuple(codec.fill_of(row) for row in fills),
        steps=tuple(codec.step_of(row) for row in steps),
        commands=await commands(connection, intent_id),
        redemptions=tuple(codec.redemption_of(row) for row in redemptions),
        faults=await workflow_faults.of_trade(connection, intent_id),
    )


async def snapshot(connection: Connection, run_id: str | None) -> Snapshot:
    run = await connection.fetchrow("SELECT * FROM runs WHERE run_id = $1", run_id)
    intents = await connection.fetch(
        "SELECT canonical FROM intents WHERE $1::text IS NULL OR run_id = $1 ORDER BY decided_at, intent_id", run_id
    )
    suppressions = await connection.fetch(
        "SELECT * FROM suppressions WHERE $1::text IS NULL OR run_id = $1 ORDER BY at, pair, gate", run_id
    )
    return Snapshot(
        run=_run(run) if run is not None else None,
        intents=tuple(codec.intent_of(row["canonical"]) for row in intents),
        suppressions=tuple(codec.suppression_of(row) for row in suppressions),
        facts=await _facts(connection),
        halts=await halts(connection),
    )


async def unsettled_orders(connection: Connection) -> tuple[OrderFacts, ...]:
    rows = await connection.fetch(
        "SELECT * FROM orders WHERE NOT settled AND (sends > 0 OR foreign_id <> '') ORDER BY first_sent_at"
    )
    return tuple(codec.order_of(row) for row in rows)


async def order_outcome(connection: Connection, client_order_id: str) -> OrderFacts | None:
    row = await connection.fetchrow("SELECT * FROM orders WHERE client_order_id = $1", client_order_id)
    return codec.order_of(row) if row is not None else None


async def order_at(connection: Connection, venue: Venue, order_id: str) -> OrderFacts | None:
    row = await connection.fetchrow(
        "SELECT * FROM orders WHERE order_id = $2 AND venue = $1 AND order_id <> '' LIMIT 1", venue, order_id
    )
    return codec.order_of(row) if row is not None else None


async def halts(connection: Connection) -> tuple[Halt, ...]:
    """Those that were set, and those that standing workflow faults are."""
    rows = await connection.fetch("SELECT * FROM halts WHERE cleared_at IS NULL")
    found = [halt_of(row) for row in rows]
    found += [halt for fault in await workflow_faults.standing(connection) for halt in fault.halts()]
    return tuple(sorted(found, key=lambda halt: (halt.at, halt.id)))


async def halt_history(connection: Connection, limit: int | None) -> tuple[HaltRecord, ...]:
    rows = await connection.fetch("SELECT * FROM halts ORDER BY at DESC, id LIMIT $1", limit)
    return tuple(record_of(row) for row in rows)


async def commands(connection: Connection, intent_id: str) -> tuple[CommandRecord, ...]:
    rows = await connection.fetch("SELECT * FROM commands WHERE intent_id = $1 ORDER BY at, n", intent_id)
    return tuple(codec.command_of(row) for row in rows)


async def done_trading(connection: Connection, ids: list[str]) -> set[str]:
    rows = await connection.fetch(
        "SELECT intent_id FROM trades WHERE intent_id = ANY($1) AND state = ANY($2)", ids, sorted(DONE_TRADING)
    )
    return {row["intent_id"] for row in rows}


async def at_work(connection: Connection) -> list[AtWork]:
    rows = await connection.fetch(
        "SELECT n.at, n.residual > 0 AS alone FROM trades_now n JOIN trades t USING (intent_id) "
        "WHERE t.state = ANY($1)",
        sorted(AT_WORK),
    )
    return [AtWork(row["at"], row["alone"]) for row in rows]


async def open_trades(connection: Connection) -> tuple[TradeFacts, ...]:
    rows = await connection.fetch(
        "SELECT t.*, i.canonical FROM trades_now t JOIN intents i USING (intent_id) "
        "WHERE t.state <> 'CLOSED' ORDER BY i.decided_at, intent_id"
    )
    return tuple(_facts_of(row, ()) for row in rows)


async def outcomes_since(connection: Connection, at: int) -> tuple[Ended, ...]:
    rows = await connection.fetch(
        "SELECT t.*, i.strategy FROM trades t JOIN intents i USING (intent_id) "
        "WHERE t.state = ANY($2) AND t.at >= $1 ORDER BY t.at, intent_id",
        at,
        sorted(DONE_TRADING),
    )
    return tuple(
        Ended(
            id=row["intent_id"],
            strategy=row["strategy"],
            state=TradeState(row["state"]),
            outcome=codec.outcome_of(row["outcome"]),
            pnl=row["pnl"],
            at=row["at"],
        )
        for row in rows
    )


async def capital(connection: Connection) -> tuple[VenueCapital, ...]:
    held: dict[str, list[Capital]] = {}
    for row in await connection.fetch("SELECT * FROM capital WHERE released_at IS NULL ORDER BY venue, intent_id"):
        held.setdefault(row["venue"], []).append(codec.capital_of(row))
    accounts = await connection.fetch("SELECT * FROM accounts ORDER BY venue")
    return tuple(
        VenueCapital(
            venue=Venue(account["venue"]),
            cash=account["cash"] + sum((one.cash for one in held.get(account["venue"], ())), Decimal(0)),
            reserved=account["reserved"],
            free=account["cash"] - account["reserved"] if account["opened"] else None,
            held=tuple(held.get(account["venue"], ())),
        )
        for account in accounts
    )


async def _facts(connection: Connection) -> LedgerFacts:
    orders = await connection.fetch("SELECT * FROM orders ORDER BY first_sent_at, client_order_id")
    sends = await connection.fetch("SELECT client_order_id, n, sha256, at FROM sends ORDER BY at, client_order_id, n")
    fills = await connection.fetch("SELECT * FROM fills ORDER BY at, trade_id, order_id")
    cash = await connection.fetch("SELECT * FROM cash ORDER BY at, kind, ref")
    redemptions = await connection.fetch("SELECT * FROM redemptions ORDER BY at, venue, market, intent_id")
    positions = await connection.fetch("SELECT venue, market, shares FROM positions")
    known = await connection.fetch("SELECT DISTINCT known_as FROM acknowledgements")
    return LedgerFacts(
        trades=await _trade_facts(connection, None),
        orders=tuple(codec.order_of(row) for row in orders),
        sends=tuple(codec.send_of(row) for row in sends),
        fills=tuple(codec.fill_of(row) for row in fills),
        cash=tuple(codec.cash_of(row) for row in cash),
        positions={(Venue(row["venue"]), row["market"]): row["shares"] for row in positions},
        redemptions=tuple(codec.redemption_of(row) for row in redemptions),
        capital=await capital(connection),
        known=frozenset(row["known_as"] for row in known),
    )


async def _trade_facts(connection: Connection, intent_id: str | None) -> tuple[TradeFacts, ...]:
    rows = await connection.fetch(
        "SELECT t.*, i.canonical FROM trades_now t JOIN intents i USING (intent_id) "
        "WHERE $1::text IS NULL OR intent_id = $1 ORDER BY i.decided_at, intent_id",
        intent_id,
    )
    held: dict[str, list[Any]] = {}
    for row in await connection.fetch(
        "SELECT * FROM reservations WHERE $1::text IS NULL OR intent_id = $1 ORDER BY intent_id, revision", intent_id
    ):
        held.setdefault(row["intent_id"], []).append(codec.reservation_of(row))
    return tuple(_facts_of(row, held.get(row["intent_id"], ())) for row in rows)


def _facts_of(row: codec.Row, held: Iterable[Reservation]) -> TradeFacts:
    return TradeFacts(
        id=row["intent_id"],
        intent=codec.intent_of(row["canonical"]),
        reservations=tuple(held),
        **_standing(row),
    )


def _standing(row: codec.Row) -> dict[str, Any]:
    """Where a trade stands: the columns a list and a story share."""
    same = ("hedged", "unwound", "residual", "pnl", "reserved", "revision", "at")
    state = {"state": TradeState(row["state"]), "outcome": codec.outcome_of(row["outcome"])}
    return state | {name: row[name] for name in same}


def _run(row: codec.Row) -> Run:
    return Run(row["run_id"], row["profile"], row["mode"], row["source"], row["started_at"], row["finished_at"])
