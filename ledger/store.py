"""The ledger in Postgres. Every write is one prepared statement and one round trip; every read one consistent view.

Connections are warmed with the statements of the order path and never reset on release (nothing here leaves session
state behind), so a write costs its own round trip and the server's fsync, nothing more. When Postgres dies, calls
raise `Unavailable`; the pool reconnects by itself once it is back.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg

from domain.admission import AtWork
from domain.decisions import Suppression
from domain.errors import Unavailable
from domain.evidence import Fill
from domain.halt import Halt
from domain.intent import Intent
from domain.market import Venue
from domain.operator import CommandRecord
from domain.orders import OrderTicket, SubmitResult
from domain.snapshot import Ended, OrderFacts, TradeFacts, VenueCapital
from domain.trade import TradeRecord, TradeState
from ledger import capital, codec, reads, statements
from ledger.claims import ClaimStore
from ledger.connection import Connection
from ledger.faults import translated
from ledger.halts import HaltRecord, halt_of, halt_row, new_id, not_in_force, require_person, taken
from ledger.in_hand import InHandStore
from ledger.origins import OriginStore
from ledger.story import Run, Snapshot, TradeRow, TradeStory
from ledger.workflow_faults import FaultStore

_PATIENCE_S = 10.0
_DEADLOCKS = 3


class Ledger(ClaimStore, FaultStore, OriginStore, InHandStore):
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
        await self._write(statements.RECORD_CASH, venue, "opening", "opening", cash, at)

    async def record_transfer(self, venue: Venue, amount: Decimal, ref: str, at: int) -> None:
        """Dollars moved to (or from: negative) the venue's account by hand; `ref` names the movement, once each."""
        await self._write(statements.RECORD_CASH, venue, "transfer", ref, amount, at)

    async def record_intent(self, intent: Intent, run_id: str) -> None:
        await self._write(statements.RECORD_INTENT, codec.rows_json(codec.intent_row(intent, run_id)))

    async def record_suppressions(self, run_id: str, items: Iterable[Suppression]) -> None:
        rows = [codec.suppression_row(item, run_id) for item in items]
        if rows:
            await self._write(statements.RECORD_SUPPRESSIONS, codec.rows_json(*rows))

    async def begin_order(
        self,
        run_id: str,
        intent: Intent | None,
        ticket: OrderTicket,
        body: bytes,
        at: int,
        *,
        order_id: str = "",
        chain: str = "",
    ) -> int:
        digest = hashlib.sha256(body).hexdigest()
        order = codec.ticket_row(ticket) | {
            "body_sha256": digest,
            "sends": 1,
            "first_sent_at": at,
            "last_sent_at": at,
            "order_id": order_id or None,
        }
        opening = _opening(run_id, intent, ticket, at, chain) if intent is not None else None
        text = body.decode("utf-8", "backslashreplace")
        answer = json.loads(await self._write(statements.BEGIN_ORDER, opening, codec.rows_json(order), text, chain))
        if answer["refusal"] is not None:
            raise capital.refused(ticket.intent_id, answer["refusal"])
        if answer["copy"] is None:
            raise codec.different_bytes(ticket, digest)
        return int(answer["copy"])

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
            codec.rows_json(*(codec.capital_row(held) for held in capital.kept(intent, record))),
            codec.rows_json(*codec.command_rows(record)),
            codec.rows_json(*(codec.redemption_row(one) for one in record.redemptions)),
        )

    async def record_command(self, intent_id: str, command: CommandRecord) -> None:
        """A command given while its trade could not take it; the same content is recorded once."""
        row = codec.command_row(intent_id, codec.OUTSIDE, command)
        await self._write(statements.RECORD_COMMANDS, codec.rows_json(row))

    async def release(self, intent_id: str, at: int) -> bool:
        """Give back the capital of a trade that nothing holds any more; whether it held any. Never asks why."""
        return bool(await self._write(statements.RELEASE, intent_id, at))

    # ------------------------------------------------------------------ halts

    async def set_halt(self, halt: Halt) -> Halt:
        """See `ledger.port.HaltLedger`. An empty id is replaced by a new one, short enough to type."""
        for _ in range(_DEADLOCKS):
            row = halt_row(halt if halt.id else replace(halt, id=new_id()))
            try:
                return halt_of(json.loads(await self._write(statements.SET_HALT, codec.rows_json(row))))
            except asyncpg.UniqueViolationError:
                if halt.id:
                    break
        known = [item.halt for item in await self.halt_history() if item.halt.id == halt.id]
        if known != [halt]:
            raise taken(halt.id)
        return halt  # set before, and ended since

    async def clear_halt(self, halt_id: str, author: str, reason: str, at: int) -> Halt:
        require_person(author, reason)
        cleared = await self._write(statements.CLEAR_HALT, halt_id, author, reason, at)
        if cleared is None:
            raise not_in_force(halt_id)
        return halt_of(json.loads(cleared))

    async def halts(self) -> tuple[Halt, ...]:
        async with self._connection() as connection:
            return await reads.halts(connection)

    async def halt_history(self, limit: int | None = None) -> tuple[HaltRecord, ...]:
        """Every halt there was, in force or ended; newest first."""
        async with self._connection() as connection:
            return await reads.halt_history(connection, limit)

    # ------------------------------------------------------------------ reads

    async def trades(
        self, run: str | None = None, state: TradeState | None = None, limit: int = 100
    ) -> tuple[TradeRow, ...]:
        """Newest decision first."""
        async with self._view() as connection:
            return await reads.trades(connection, run, state, limit)

    async def standing(self, run: str | None) -> dict[TradeState, tuple[int, Decimal]]:
        """By state: how many trades of the run there are (of every run: None), and their shares that stand alone."""
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

    async def capital(self) -> tuple[VenueCapital, ...]:
        """Each venue's cash, what is reserved and free, and which trade holds what; by name of the venue."""
        async with self._view() as connection:
            return await reads.capital(connection)

    async def done_trading(self, ids: Iterable[str]) -> set[str]:
        """Which of these trades buy and sell nothing more (SETTLING or CLOSED). Cheap: asked several times a second."""
        async with self._connection() as connection:
            return await reads.done_trading(connection, list(ids))

    async def at_work(self) -> list[AtWork]:
        async with self._connection() as connection:
            return await reads.at_work(connection)

    async def open_trades(self) -> tuple[TradeFacts, ...]:
        """All trades that are not CLOSED, without their reservations; oldest decision first."""
        async with self._view() as connection:
            return await reads.open_trades(connection)

    async def outcomes_since(self, at: int) -> tuple[Ended, ...]:
        """Trades that came to rest, or closed, at `at` (microseconds) or later; oldest first."""
        async with self._connection() as connection:
            return await reads.outcomes_since(connection, at)

    async def realised_since(self, at: int) -> Decimal:
        """Realised P&L in dollars of the trades closed at `at` or later."""
        ended = await self.outcomes_since(at)
        return sum((trade.pnl for trade in ended if trade.state is TradeState.CLOSED), Decimal(0))

    async def commands(self, intent_id: str) -> tuple[CommandRecord, ...]:
        """What people told this trade, in the order it was said."""
        async with self._connection() as connection:
            return await reads.commands(connection, intent_id)

    async def order_outcome(self, client_order_id: str) -> OrderFacts | None:
        async with self._view() as connection:
            return await reads.order_outcome(connection, client_order_id)

    async def order_at(self, venue: Venue, order_id: str) -> OrderFacts | None:
        async with self._view() as connection:
            return await reads.order_at(connection, venue, order_id)

    async def held_in(self, venue: Venue, market: str) -> dict[str, Decimal]:
        async with self._view() as connection:
            return await reads.held_in(connection, venue, market)

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
    async def _view(self) -> AsyncIterator[Connection]:
        async with (
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with translated():
            async with self._pool.acquire(timeout=_PATIENCE_S) as connection:
                try:
                    yield connection
                except asyncpg.InternalClientError:
                    connection.terminate()  # it heard the server's farewell; back in the pool it would fail again
                    raise


def _opening(run_id: str, intent: Intent, ticket: OrderTicket, at: int, chain: str) -> str:
    """The document that `open_trade` takes."""
    planned = codec.intent_row(intent, run_id)
    intent_id = planned["intent_id"]
    document = {
        "intents": [planned],
        "trades": [codec.begun_row(intent_id, intent, run_id, at) | {"chain": chain or None}],
        "reservations": [codec.begun_reservation(intent_id, intent, ticket, at)],
        "capital": [codec.capital_row(held) for held in capital.wanted(intent, intent_id)],
        "scopes": capital.scopes(intent),
        "claim": intent.claim,
    }
    return codec.json_text(document)


async def _warm(connection: Connection) -> None:
    for statement, arguments in statements.WARM:
        await connection.fetchval(statement, *arguments)


async def _keep(connection: Connection) -> None:
    """Nothing to reset: no session state is ever set, and a reset would cost a round trip on the order path."""
