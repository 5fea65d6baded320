"""The desk: all a trade may ask of the world. In production it is Temporal; in rehearsal a fake on virtual time.

The lifecycle is ordinary async code against this port, so the same coroutine runs in both.
"""

from __future__ import annotations

from typing import Protocol

from domain.evidence import OrderEvidence, Resolution
from domain.intent import Intent
from domain.orders import Guard, OrderTicket, Quote, SubmitResult
from domain.requests import LookUp, Position, Settlement
from domain.trade import TradeRecord
from workflows.state import Fault


class Desk(Protocol):
    """Every call may take long, and the process may die during any of them; none may be inferred to have failed.

    `submit` returns UNKNOWN for whatever it cannot prove. `evidence`, `quote`, `resolution` and `position` return None
    when the venue could not be asked in time; asking again is safe, and `look_up` says so in its refusal. `settle` says
    so if venue and ledger have not answered in time; `record` tries for a bounded time, since `settle` writes all of it
    again.
    """

    def now(self) -> int:
        """Microseconds since the epoch, on the trade's own clock."""
        ...

    def edition(self) -> int:
        """Which decisions this trade makes: those of the code that it began on. See `workflows.state.EDITION`."""
        ...

    def build(self) -> str:
        """The version of the code that runs now; empty if nobody gave it one."""
        ...

    def history_is_long(self) -> bool:
        """Whether the trade had better go on in a run of its own."""
        ...

    async def pause(self, ms: int) -> bool:
        """Wait, but no longer than until a message arrives for this trade; one since the last pause ends it at once.

        True if a message did.
        """
        ...

    async def heard(self) -> None:
        """Wait, but not for long, until every command that has arrived is taken or refused."""
        ...

    async def submit(self, ticket: OrderTicket, guard: Guard, opening: Intent | None) -> SubmitResult: ...

    async def evidence(
        self, ticket: OrderTicket, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence | None: ...

    async def cancel(self, ticket: OrderTicket, order_id: str) -> None: ...

    async def quote(self, venue: str, market: str) -> Quote | None: ...

    async def resolution(self, venue: str, market: str) -> Resolution | None: ...

    async def position(self, venue: str, market: str, intent_id: str) -> Position | None: ...

    async def takes_orders(self, venue: str, market: str) -> bool | None:
        """Whether the market takes orders now; None where its venue could not be asked."""
        ...

    async def look_up(self, venue: str, order_id: str, intent_id: str) -> LookUp: ...

    async def settle(self, intent: Intent, record: TradeRecord) -> Settlement: ...

    async def record(self, intent: Intent, record: TradeRecord) -> bool:
        """Whether the ledger has it now."""
        ...

    def show(self, record: TradeRecord) -> None:
        """Let people see where the trade stands: search attributes and details; never waits."""
        ...

    def parked(self, fault: Fault | None) -> None:
        """Let people find that the trade is parked over a fault; None: it goes on."""
        ...
