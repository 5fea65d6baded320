"""The ledger in Postgres. Every write is one prepared statement and one round trip; every read one consistent view.

Connections are warmed with the statements of the order path and never reset on release (nothing here leaves session
state behind), so a write costs its own round trip and the server's fsync, nothing more. When Postgres dies, calls
raise `Unavailable`; the pool reconnects by itself once it is back.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg

from domain.decisions import Suppression
from domain.errors import Unavailable
from domain.evidence import Fill
from domain.intent import Intent
from domain.market import Venue
from domain.orders import OrderTicket, SubmitResult
from domain.snapshot import OrderFacts
from domain.trade import TradeRecord, TradeState
from ledger import codec, reads, statements
from ledger.faults import translated
from ledger.story import Run, Snapshot, TradeRow, TradeStory

_PATIENCE_S = 10.0
_DEADLOCKS = 3


class Ledger:
    """The ledger of one database; see `ledger.port` for what each write promises."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, min_size: int = 2, max_size: int = 10) -> Ledger:
        """Open the pool. The schema must be there (`ledger.migrate`).

        Raises `Unavailable` when Postgres cannot be reached, `BadInput` when it refuses us or was never migrated.
        """
        with translated():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                timeout=_PATIENCE_S,
                command_timeout=_PATIENCE_S,
                max_inactive_connection_lifetime=0,
                init=_warm,
                reset=_keep,
            )
        return cls(pool)

    async def close(self) -> None:
        """Close every connection; those that do not come back in time are cut."""
        try:
            await asyncio.wait_for(self._pool.close(), _PATIENCE_S)
        except (TimeoutError, asyncpg.InterfaceError):
            self._pool.terminate()

    # ------------------------------------------------------------------ runs

    async def start_run(self, run_id: str, profile: str, mode: str, at: int, source: str) -> None:
        """Starting the same run again changes nothing."""
        await self._write(statements.START_RUN, run_id, profile, mode, source, at)

    async def finish_run(self, run_id: str, at: int) -> None:
        await self._write(statements.FINISH_RUN, run_id, at)

    async def latest_run(self) -> Run | None:
        async with self._view() as connection:
            return await reads.latest_run(connection)

    # ------------------------------------------------------------------ writes

    async def record_opening(self, venue: Venue, cash: Decimal, at: int) -> None:
        """The venue's cash before the first trade this ledger ever saw. The first one recorded stays."""
        await self._write(statements.RECORD_OPENING, venue, cash, at)

    async def record_intent(self, intent: Intent, run_id: str) -> None:
        await self._write(statements.RECORD_INTENT, codec.rows_json(codec.intent_row(intent, run_id)))

    async def record_suppressions(self, run_id: str, items: Iterable[Suppression]) -> None:
        rows = [codec.suppression_row(item, run_id) for item in items]
        if rows:
            await self._write(statements.RECORD_SUPPRESSIONS, codec.rows_json(*rows))

    async def begin_order(self, run_id: str, intent: Intent | None, ticket: OrderTicket, body: bytes, at: int) -> int:
        digest = hashlib.sha256(body).hexdigest()
        order = codec.ticket_row(ticket) | {
            "body_sha256": digest,
            "sends": 1,
            "first_sent_at": at,
            "last_sent_at": at,
        }
        opening = ("[]", "[]", "[]")
        if intent is not None:
            planned = codec.intent_row(intent, run_id)
            opening = (
                codec.rows_json(planned),
                codec.rows_json(codec.begun_row(planned["intent_id"], intent, run_id, at)),
                codec.rows_json(codec.begun_reservation(planned["intent_id"], intent, ticket, at)),
            )
        text = body.decode("utf-8", "backslashreplace")
        copy = await self._write(statements.BEGIN_ORDER, *opening, codec.rows_json(order), text)
        if copy is None:
            raise codec.different_bytes(ticket, digest)
        return int(copy)

    async def finish_order(self, ticket: OrderTicket, result: SubmitResult) -> None:
        await self._write(statements.FINISH_ORDER, codec.rows_json(codec.result_row(ticket, result)))

    async def record_fills(self, fills: Iterable[Fill]) -> None:
        rows = codec.fill_rows(fills)
        if rows:
            await self._write(statements.RECORD_FILLS, codec.rows_json(*rows))

    async def record_trade(self, run_id: str, intent: Intent, record: TradeRecord) -> None:
        await self._write(
            statements.RECORD_TRADE,
            codec.rows_json(codec.intent_row(intent, run_id)),
            codec.rows_json(codec.trade_row(record, run_id)),
            codec.rows_json(codec.reservation_row(intent, record)),
            codec.rows_json(*(codec.order_row(order) for order in record.orders)),
            codec.rows_json(*codec.step_rows(record)),
            codec.rows_json(*codec.fill_rows(record.fills)),
        )

    # ------------------------------------------------------------------ reads

    async def trades(
        self, run: str | None = None, state: TradeState | None = None, limit: int = 100
    ) -> tuple[TradeRow, ...]:
        """Newest decision first."""
        async with self._view() as connection:
            return await reads.trades(connection, run, state, limit)

    async def standing(self, run: str) -> dict[TradeState, tuple[int, Decimal]]:
        """By state: how many trades of the run there are, and how many shares of theirs stand alone."""
        async with self._view() as connection:
            return await reads.standing(connection, run)

    async def trade(self, wanted: str) -> TradeStory:
        """By id or any unique start of one, with or without `i-`. Raises `BadInput` if none or several match."""
        async with self._view() as connection:
            return await reads.story(connection, wanted)

    async def snapshot(self, run: str | None = None) -> Snapshot:
        """Everything the report and the invariants need, as of one moment."""
        async with self._view() as connection:
            return await reads.snapshot(connection, run)

    async def unsettled_orders(self) -> tuple[OrderFacts, ...]:
        """Orders of which bytes may have left and whose end no evidence has shown; oldest first."""
        async with self._view() as connection:
            return await reads.unsettled_orders(connection)

    async def order_outcome(self, client_order_id: str) -> OrderFacts | None:
        async with self._view() as connection:
            return await reads.order_outcome(connection, client_order_id)

    # ------------------------------------------------------------------ one round trip

    async def _write(self, statement: str, *arguments: Any) -> Any:
        """Run one statement. A deadlock rolled it back whole, so it is simply run again."""
        for _ in range(_DEADLOCKS):
            try:
                async with self._connection() as connection:
                    return await connection.fetchval(statement, *arguments)
            except asyncpg.DeadlockDetectedError:
                continue
        raise Unavailable(
            f"the ledger's Postgres ended {_DEADLOCKS} tries of one write as deadlocks; nothing was written, ask again",
            "ledger_unavailable",
        )

    @asynccontextmanager
    async def _view(self) -> AsyncIterator[reads.Connection]:
        async with (
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[reads.Connection]:
        with translated():
            async with self._pool.acquire(timeout=_PATIENCE_S) as connection:
                try:
                    yield connection
                except asyncpg.InternalClientError:
                    connection.terminate()  # it heard the server's farewell; back in the pool it would fail again
                    raise


async def _warm(connection: reads.Connection) -> None:
    for statement, arguments in statements.WARM:
        await connection.fetchval(statement, *arguments)


async def _keep(connection: reads.Connection) -> None:
    """Nothing to reset: no session state is ever set, and a reset would cost a round trip on the order path."""
