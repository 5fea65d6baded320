"""What a reconciliation reads of the ledger, and the rows it leaves there. Postgres on a small pool of its own.

Kept apart from `ledger.store`: nothing here lies on the way of an order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
import msgspec

from domain.books import DeclaredTransfer, VenueBooks, unrecorded
from domain.custody import CapitalHeld, OpenTrade
from domain.evidence import Redemption
from domain.halt import Rule
from domain.intent import Intent
from domain.market import Venue
from domain.orders import SETS
from domain.reconcile import Comparison, Finding, Kind, Reconciliation, Trigger
from domain.snapshot import VenueSnapshot
from domain.trade import TradeState
from ledger import codec
from ledger.faults import translated

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

_PATIENCE_S = 10.0
_OPEN_TRADES = """
SELECT t.intent_id, t.state,
       ARRAY(SELECT DISTINCT (leg->>'venue') || '/' || (leg->>'market')
               FROM jsonb_array_elements(i.canonical::jsonb->'legs') leg ORDER BY 1) AS markets,
       ARRAY(SELECT leg->>'name' FROM jsonb_array_elements(i.canonical::jsonb->'legs') leg) AS legs,
       EXISTS (SELECT 1 FROM orders o WHERE o.intent_id = t.intent_id AND o.filled > 0) AS filled,
       EXISTS (SELECT 1 FROM orders o
                WHERE o.intent_id = t.intent_id AND o.sends > 0 AND NOT o.settled) AS unproven
  FROM trades t JOIN intents i USING (intent_id)
 WHERE t.state <> 'CLOSED'
 ORDER BY t.intent_id"""
# An order's fills carry the id we gave it, or at least the venue's own.
_OWN_FILLS = """
SELECT f.trade_id, f.order_id, f.size, f.status, COALESCE(named.client_order_id, numbered.client_order_id) AS own_id
  FROM fills f
  LEFT JOIN orders named ON named.client_order_id = f.client_order_id
  LEFT JOIN LATERAL (SELECT client_order_id FROM orders
                      WHERE orders.order_id = f.order_id AND orders.venue = f.venue LIMIT 1) numbered
         ON named.client_order_id IS NULL
 WHERE f.venue = $1"""
_UNOWNED = f"SELECT trade_id, order_id FROM ({_OWN_FILLS}) own WHERE own_id IS NULL"  # noqa: S608 - constants
_ORDERS = f"""
WITH counted AS (
    SELECT own_id, SUM(size) FILTER (WHERE status <> 'void') AS shares FROM ({_OWN_FILLS}) own GROUP BY own_id
)
SELECT * FROM orders
 WHERE venue = $1 AND (client_order_id = ANY($2) OR order_id = ANY($3) OR (sends > 0 AND NOT settled)
       OR client_order_id IN (
           SELECT o.client_order_id
             FROM orders o JOIN trades t USING (intent_id) LEFT JOIN counted ON counted.own_id = o.client_order_id
            WHERE o.venue = $1 AND t.state = 'CLOSED' AND o.leg <> $4 AND o.filled <> COALESCE(counted.shares, 0)))
"""  # noqa: S608 - constants
_RECORD = """
INSERT INTO reconciliations
       (id, venue, trigger, at, agrees, safe_mode, looks, cash, booked, unreached, findings, moving, done)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING"""
_STARTED = """
SELECT EXISTS (SELECT 1 FROM reconciliations r
                WHERE r.venue = '' AND r.trigger = $1 AND r.at >= $2
                  AND NOT EXISTS (SELECT 1 FROM reconciliations v WHERE v.id = r.id AND v.unreached IS NOT NULL))"""
_ACKNOWLEDGE = """
INSERT INTO acknowledgements (known_as, kind, found_at, amount, text, author, reason, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"""

_DECLARED = """
SELECT known_as || '@' || found_at AS ref, amount, author, reason, at, kind = 'unexplained_cash' AS seen
  FROM acknowledgements a
 WHERE split_part(known_as, '/', 1) = $1 AND kind = ANY($2)
   AND NOT EXISTS (SELECT 1 FROM cash c
                    WHERE c.venue = $1 AND c.kind = 'transfer' AND c.ref = a.known_as || '@' || a.found_at)
 ORDER BY at, ref"""

DECLARES = frozenset({Kind.TRANSFER, Kind.UNEXPLAINED_CASH})
"""Kinds of acknowledgement that say: this money was moved."""

MOST_PAID = 1_000

_FINDINGS = msgspec.json.Decoder(tuple[Finding, ...])
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_ALL = ""  # the row of a run that belongs to no venue


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who declares something known, and why; `at` wall-clock microseconds."""

    author: str
    reason: str
    at: int


class ReconcileLedger(Protocol):
    """What a reconciliation asks of the ledger beside its ordinary writes. All raise `Unavailable`."""

    async def books(self, account: VenueSnapshot) -> VenueBooks:
        """The ledger's side of this account, as of one moment."""
        ...

    async def open_trades(self) -> tuple[OpenTrade, ...]:
        """All trades not CLOSED, by id."""
        ...

    async def recorded(self, intent_ids: Iterable[str]) -> frozenset[str]:
        """Which of these intents the ledger knows."""
        ...

    async def capital_held(self) -> tuple[CapitalHeld, ...]:
        """Every reservation not released."""
        ...

    async def realised_since(self, at: int) -> Decimal:
        """Dollars that the trades closed since `at` (µs) earned, or since a person last cleared a halt for losses."""
        ...

    async def known(self) -> frozenset[str]:
        """What a person has acknowledged, as `Finding.known_as`."""
        ...

    async def acknowledge(self, run: Reconciliation, findings: Iterable[Finding], by: Acknowledgement) -> None:
        """Record that a person declares these findings of a run known; once a run and finding."""
        ...

    async def declare_transfer(self, venue: Venue, amount: Decimal, by: Acknowledgement) -> None:
        """Record that a person says dollars were moved to (negative: from) a venue. Booked once a balance shows it."""
        ...

    async def paid(self) -> tuple[tuple[Intent, ...], tuple[Redemption, ...]]:
        """The trades that markets have paid of late, a thousand payments of them, and those payments."""
        ...

    async def record(self, result: Reconciliation) -> None:
        """Record a run; the first record of an id stays."""
        ...

    async def latest(self, limit: int = 1) -> tuple[Reconciliation, ...]:
        """The last runs, the newest first. Their comparisons carry no fills."""
        ...

    async def started_since(self, at: int) -> bool:
        """Whether a start-up run that reached every venue ended at or after `at` (µs)."""
        ...


class Reconciliations:
    """`ReconcileLedger` in Postgres."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str) -> Reconciliations:
        """Raises `Unavailable` when Postgres cannot be reached, `BadInput` when it refuses us."""
        with translated():
            pool = await asyncpg.create_pool(
                dsn, min_size=1, max_size=2, timeout=_PATIENCE_S, command_timeout=6 * _PATIENCE_S
            )
        return cls(pool)

    async def close(self) -> None:
        """Close every connection; those that do not come back in time are cut."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._pool.close()
        except (TimeoutError, asyncpg.InterfaceError):
            self._pool.terminate()

    async def books(self, account: VenueSnapshot) -> VenueBooks:
        venue = account.venue
        async with self._view() as connection:
            opened = await connection.fetchval("SELECT at FROM cash WHERE venue = $1 AND kind = 'opening'", venue)
            cash = await connection.fetchval("SELECT coalesce(sum(amount), 0) FROM cash WHERE venue = $1", venue)
            held = await connection.fetch("SELECT market, shares FROM positions WHERE venue = $1", venue)
            fills = await connection.fetch("SELECT * FROM fills WHERE venue = $1 ORDER BY at, trade_id", venue)
            known = await connection.fetch("SELECT known_as, kind, amount FROM acknowledgements")
            declared = await connection.fetch(_DECLARED, venue, list(DECLARES))
            books = VenueBooks(
                opened_at=opened,
                cash=cash,
                positions={row["market"]: row["shares"] for row in held if row["shares"]},
                fills=tuple(codec.fill_of(row) for row in fills),
                orders=(),
                states={},
                open_trades=await _open_trades(connection),
                known=frozenset(row["known_as"] for row in known),
                known_shares=known_shares(venue, [(row["known_as"], row["kind"], row["amount"]) for row in known]),
                declared=tuple(DeclaredTransfer(*row.values()) for row in declared),
            )
            listed = [(one.client_order_id, one.order_id) for one in account.working]
            listed += [(one.client_order_id, one.order_id) for one in unrecorded(account, books)]
            orders = await connection.fetch(_ORDERS, venue, [c for c, _ in listed], [o for _, o in listed], SETS)
            unowned = await connection.fetch(_UNOWNED, venue)
            owners = await connection.fetch(
                "SELECT intent_id, state FROM trades WHERE intent_id = ANY($1)", [row["intent_id"] for row in orders]
            )
        return replace(
            books,
            orders=tuple(codec.order_of(row) for row in orders),
            states={row["intent_id"]: TradeState(row["state"]) for row in owners},
            unowned=frozenset((row["trade_id"], row["order_id"]) for row in unowned),
        )

    async def open_trades(self) -> tuple[OpenTrade, ...]:
        async with self._view() as connection:
            return await _open_trades(connection)

    async def recorded(self, intent_ids: Iterable[str]) -> frozenset[str]:
        async with self._view() as connection:
            rows = await connection.fetch("SELECT intent_id FROM intents WHERE intent_id = ANY($1)", list(intent_ids))
        return frozenset(row["intent_id"] for row in rows)

    async def capital_held(self) -> tuple[CapitalHeld, ...]:
        async with self._view() as connection:
            rows = await connection.fetch(
                "SELECT c.intent_id, c.venue, c.reserved, t.state FROM capital c LEFT JOIN trades t USING (intent_id) "
                "WHERE c.released_at IS NULL ORDER BY c.intent_id, c.venue"
            )
        return tuple(
            CapitalHeld(
                row["intent_id"], row["venue"], row["reserved"], TradeState(row["state"]) if row["state"] else None
            )
            for row in rows
        )

    async def realised_since(self, at: int) -> Decimal:
        async with self._view() as connection:
            total: Decimal = await connection.fetchval(
                "SELECT coalesce(sum(pnl), 0) FROM trades WHERE state = 'CLOSED' AND at >= greatest($1, "
                "(SELECT coalesce(max(cleared_at), 0) FROM halts WHERE rule = $2 AND cleared_at IS NOT NULL))",
                at,
                Rule.LOSS,
            )
        return total

    async def known(self) -> frozenset[str]:
        async with self._view() as connection:
            rows = await connection.fetch("SELECT DISTINCT known_as FROM acknowledgements")
        return frozenset(row["known_as"] for row in rows)

    async def acknowledge(self, run: Reconciliation, findings: Iterable[Finding], by: Acknowledgement) -> None:
        rows = [
            (name, f.kind, run.at, f.amount, f.text, by.author, by.reason, by.at) for f in findings for name in f.names
        ]
        with translated():
            async with self._pool.acquire(timeout=_PATIENCE_S) as connection, connection.transaction():
                await connection.executemany(_ACKNOWLEDGE, rows)

    async def declare_transfer(self, venue: Venue, amount: Decimal, by: Acknowledgement) -> None:
        text = "declared by a person"
        row = (f"{venue}/transfer", Kind.TRANSFER, by.at, amount, text, by.author, by.reason, by.at)
        with translated():
            async with self._pool.acquire(timeout=_PATIENCE_S) as connection:
                await connection.execute(_ACKNOWLEDGE, *row)

    async def paid(self) -> tuple[tuple[Intent, ...], tuple[Redemption, ...]]:
        async with self._view() as connection:
            rows = await connection.fetch("SELECT * FROM redemptions ORDER BY at DESC, intent_id LIMIT $1", MOST_PAID)
            intents = await connection.fetch(
                "SELECT canonical FROM intents WHERE intent_id = ANY($1) ORDER BY intent_id",
                list({row["intent_id"] for row in rows}),
            )
        return (
            tuple(codec.intent_of(row["canonical"]) for row in intents),
            tuple(codec.redemption_of(row) for row in rows),
        )

    async def record(self, result: Reconciliation) -> None:
        with translated():
            async with self._pool.acquire(timeout=_PATIENCE_S) as connection, connection.transaction():
                await connection.executemany(_RECORD, list(_rows(result)))

    async def latest(self, limit: int = 1) -> tuple[Reconciliation, ...]:
        async with self._view() as connection:
            rows = await connection.fetch(
                "SELECT * FROM reconciliations WHERE id IN (SELECT id FROM reconciliations WHERE venue = '' "
                "ORDER BY at DESC, id DESC LIMIT $1) ORDER BY venue",
                limit,
            )
        runs: dict[str, list[asyncpg.Record]] = {}
        for row in rows:
            runs.setdefault(row["id"], []).append(row)
        return tuple(sorted((_run(parts) for parts in runs.values()), key=lambda run: (-run.at, run.id)))

    async def started_since(self, at: int) -> bool:
        async with self._view() as connection:
            found: bool = await connection.fetchval(_STARTED, Trigger.START_UP, at)
        return found

    @asynccontextmanager
    async def _view(self) -> AsyncIterator[Connection]:
        with translated():
            async with (
                self._pool.acquire(timeout=_PATIENCE_S) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection


def known_shares(venue: str, rows: Iterable[tuple[str, str, Decimal]]) -> dict[str, Decimal]:
    """Shares by market that a person has declared known, from rows of (known_as, kind, amount)."""
    shares: dict[str, Decimal] = {}
    for known_as, kind, amount in rows:
        where, _, market = known_as.partition("/")
        if kind == Kind.POSITION and where == venue:
            shares[market] = shares.get(market, Decimal(0)) + amount
    return shares


async def _open_trades(connection: Connection) -> tuple[OpenTrade, ...]:
    return tuple(
        OpenTrade(
            id=row["intent_id"],
            state=TradeState(row["state"]),
            markets=tuple(row["markets"]),
            legs=tuple(row["legs"]),
            filled=row["filled"],
            unproven=row["unproven"],
        )
        for row in await connection.fetch(_OPEN_TRADES)
    )


def _rows(result: Reconciliation) -> Iterator[tuple[Any, ...]]:
    """One row a venue, and the one of the run itself; each carries the findings of its own venue."""
    asked = {comparison.venue: comparison for comparison in result.comparisons}
    for venue in (*sorted({*asked, *result.unreached}), _ALL):
        comparison = asked.get(venue)
        found = [finding for finding in result.findings if finding.venue == venue]
        yield (
            result.id,
            venue,
            result.trigger,
            result.at,
            result.agrees if venue == _ALL else venue in asked and not any(finding.stops for finding in found),
            result.safe_mode,
            comparison.looks if comparison is not None else 0,
            comparison.cash if comparison is not None else None,
            comparison.booked if comparison is not None else None,
            result.unreached.get(venue),
            _json(found),
            _json([finding for finding in result.moving if finding.venue == venue]),
            _json(result.done if venue == _ALL else ()),
        )


def _run(rows: list[asyncpg.Record]) -> Reconciliation:
    whole = next(row for row in rows if row["venue"] == _ALL)
    venues = [row for row in rows if row["venue"] != _ALL]
    return Reconciliation(
        id=whole["id"],
        trigger=Trigger(whole["trigger"]),
        at=whole["at"],
        comparisons=tuple(
            Comparison(row["venue"], row["at"], row["looks"], row["cash"], row["booked"])
            for row in venues
            if row["unreached"] is None
        ),
        unreached={row["venue"]: row["unreached"] for row in venues if row["unreached"] is not None},
        findings=tuple(finding for row in rows for finding in _FINDINGS.decode(row["findings"])),
        moving=tuple(finding for row in rows for finding in _FINDINGS.decode(row["moving"])),
        done=_TEXTS.decode(whole["done"]),
        safe_mode=whole["safe_mode"],
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
