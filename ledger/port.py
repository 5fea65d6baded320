"""What activities and ingest write into the ledger. Postgres keeps it, or a dict (`ledger.memory`).

Every method is idempotent: repeating a call after a crash changes nothing, except that a repeated `begin_order`
records one more copy of the same bytes. All raise `Unavailable` when the ledger could not be asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from domain.decisions import Suppression
from domain.evidence import Fill
from domain.halt import Halt
from domain.intent import Intent
from domain.orders import OrderTicket, SubmitResult
from domain.snapshot import OrderFacts
from domain.trade import TradeRecord


class OrderLedger(Protocol):
    """What the activities of a trade call."""

    async def begin_order(self, run_id: str, intent: Intent | None, ticket: OrderTicket, body: bytes, at: int) -> int:
        """Record, in one round trip and before they leave, the bytes of `ticket`; returns which copy this is (from 1).

        With `intent` (leg A) the intent and its trade, its worst cost reserved, are recorded too. `at` is wall-clock
        microseconds. Raises `Denied` (`different_bytes`) when this order id has gone out with another body.
        """
        ...

    async def finish_order(self, ticket: OrderTicket, result: SubmitResult) -> None:
        """Record how a submit ended. What the venue proved is never replaced by what it did not."""
        ...

    async def order_outcome(self, client_order_id: str) -> OrderFacts | None:
        """What is known of one order, or None if it was never begun."""
        ...

    async def record_fills(self, fills: Iterable[Fill]) -> None:
        """Record fills and their cash, each once. A provisional fill may become final or void, never the reverse."""
        ...

    async def record_trade(self, run_id: str, intent: Intent, record: TradeRecord) -> None:
        """Record a trade with its orders, fills and steps in one transaction.

        An older `revision` never replaces a newer one; its fills are recorded all the same.
        """
        ...


class DecisionLedger(Protocol):
    """What ingest calls."""

    async def record_intent(self, intent: Intent, run_id: str) -> None: ...

    async def record_suppressions(self, run_id: str, items: Iterable[Suppression]) -> None:
        """Keyed (run, strategy, pair, gate, at)."""
        ...


class HaltLedger(Protocol):
    """Durable stops. Reads raise `Unavailable` when the ledger is away: whoever enforces a halt then fails closed."""

    async def set_halt(self, halt: Halt) -> Halt:
        """Record a halt; the one in force if one with this scope, target and rule already stands."""
        ...

    async def clear_halt(self, halt_id: str, author: str, reason: str, at: int) -> Halt:
        """End a halt in force. Raises `BadInput` when there is none with this id."""
        ...

    async def halts(self) -> tuple[Halt, ...]:
        """The halts in force, oldest first."""
        ...


class LedgerPort(OrderLedger, DecisionLedger, HaltLedger, Protocol):
    """All of it."""
