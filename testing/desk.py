"""A desk on virtual time: whole lives of trades in microseconds of ours, every call and wait failing on demand.

    desk = FakeDesk(start, submit=…, evidence=…, cancel=…, quote=…, settle=…, record=…, resolution=…, look_up=…)
    trade = Trade(intent, desk)
    desk.script("submit", None, Lost.AFTER)              # the worker dies after the second submit took effect
    desk.at(start + 500_000, lambda: trade.unwind(…), message=True)   # a person speaks half a second into it
    record = await trade.run()

What stands behind it is given as callables with the requests of `domain.requests`, so a test puts the very activities
of production there, on a venue in memory. A call costs `call_ms`; a pause ends at its time or at the next message.
The promises checked on every submit: an order id belongs to one ticket for ever, and a closed trade sends nothing.
"""

from __future__ import annotations

import heapq
import inspect
import itertools
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from temporalio.exceptions import ApplicationError

from domain.errors import SurefootError
from domain.evidence import OrderEvidence, Resolution
from domain.intent import Intent
from domain.orders import Guard, OrderTicket, Quote, SubmitResult, Verdict
from domain.requests import (
    CancelRequest,
    EvidenceRequest,
    LookUp,
    LookUpRequest,
    Origin,
    Position,
    PositionRequest,
    QuoteRequest,
    RecordRequest,
    ResolutionRequest,
    Settlement,
    SettleRequest,
    SubmitRequest,
)
from domain.trade import TradeRecord, TradeState
from workflows.state import EDITION, Fault

_CHAIN = "rehearsal"
_RETRY_FIRST_MS, _RETRY_SLOWEST_MS = 100, 2_000
_LOST_WORKER_MS, _FROZEN_MS = 2_000, 6_000

T = TypeVar("T")


class Lost(StrEnum):
    """How the process that carries a call dies, or seems to. The caller hears nothing for two seconds."""

    BEFORE = "before"  # the call never ran
    AFTER = "after"  # it ran, its answer is lost
    FROZEN = "frozen"  # taken for dead, it runs six seconds later all the same


class Broken(AssertionError):
    """A promise of the lifecycle was broken; the message says which and with what."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One call of `submit`: when it was decided, and its answer, None if it never came to be or nobody knows."""

    decided_at: int
    ticket: OrderTicket
    guard: Guard
    result: SubmitResult | None


class FakeDesk:
    """Implements `workflows.desk.Desk`. Raises `Broken` for what no trade may do, and after `most_calls` calls."""

    def __init__(
        self,
        start: int,
        *,
        submit: Callable[[SubmitRequest], Awaitable[SubmitResult]],
        evidence: Callable[[EvidenceRequest], Awaitable[OrderEvidence]],
        cancel: Callable[[CancelRequest], Awaitable[None]],
        quote: Callable[[QuoteRequest], Awaitable[Quote]],
        settle: Callable[[SettleRequest], Awaitable[Settlement]],
        record: Callable[[RecordRequest], Awaitable[None]],
        resolution: Callable[[ResolutionRequest], Awaitable[Resolution]],
        look_up: Callable[[LookUpRequest], Awaitable[LookUp]],
        position: Callable[[PositionRequest], Awaitable[Position]] | None = None,
        takes_orders: Callable[[ResolutionRequest], Awaitable[bool]] | None = None,
        call_ms: int = 5,
        most_calls: int = 5_000,
    ) -> None:
        self._now = start
        self._submit, self._evidence, self._cancel = submit, evidence, cancel
        self._quote, self._settle, self._record = quote, settle, record
        self._resolution, self._look_up, self._position = resolution, look_up, position
        self._takes_orders = takes_orders
        self._call_ms = call_ms
        self._calls_left = most_calls
        self._due: list[tuple[int, int, bool, Callable[[], object]]] = []
        self._sequence = itertools.count()
        self._messages = self._heard = 0
        self._faults: dict[str, deque[Lost | None]] = defaultdict(deque)
        self._origin = Origin(_CHAIN)
        self.sent: dict[str, OrderTicket] = {}
        self.submits: list[Submit] = []
        self.shown: list[TradeRecord] = []
        self.parked_on: list[str | None] = []
        self.recorded: list[TradeRecord] = []
        self.settlements: list[Settlement] = []

    # ------------------------------------------------------------------ what a test says

    def at(self, when: int, action: Callable[[], object], *, message: bool = False) -> None:
        """Do (or await) something when the clock reaches `when`; a `message` also ends the pause it falls into."""
        heapq.heappush(self._due, (when, next(self._sequence), message, action))

    def script(self, call: str, *faults: Lost | None) -> None:
        """One entry for each coming call of that method of the port."""
        self._faults[call].extend(faults)

    # ------------------------------------------------------------------ the port

    def now(self) -> int:
        return self._now

    def edition(self) -> int:
        return EDITION

    def build(self) -> str:
        return "rehearsal"

    def history_is_long(self) -> bool:
        return False

    async def pause(self, ms: int) -> bool:
        await self._advance(ms, stop_at_message=True)
        woken, self._heard = self._messages != self._heard, self._messages
        return woken

    async def heard(self) -> None:
        """A command is taken as it arrives."""

    async def submit(self, ticket: OrderTicket, guard: Guard, opening: Intent | None) -> SubmitResult:
        if any(s.agrees and s.record.state is TradeState.CLOSED for s in self.settlements):
            raise Broken(f"order {ticket.leg}{ticket.attempt} was sent after the trade had closed")
        known = self.sent.setdefault(ticket.client_order_id, ticket)
        if known != ticket:
            raise Broken(f"order id {ticket.client_order_id} was given to two tickets: {known} and {ticket}")
        self._origin = Origin(_CHAIN, intent=opening or self._origin.intent)
        request, decided_at = SubmitRequest(ticket, guard, opening, self._origin), self._now
        fault = await self._call("submit")
        result: SubmitResult | None = None
        if fault is Lost.FROZEN:
            self.at(self._now + (_LOST_WORKER_MS + _FROZEN_MS) * 1000, lambda: self._submit(request))
        elif fault is not Lost.BEFORE:
            result = await _or_none(self._submit(request))
        self.submits.append(Submit(decided_at, ticket, guard, result))
        if result is None or fault is Lost.AFTER:
            await self._advance(_LOST_WORKER_MS)
            return SubmitResult(Verdict.UNKNOWN, "no_answer", "the worker did not answer", at=self._now)
        return result

    async def evidence(
        self, ticket: OrderTicket, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence | None:
        if await self._call("evidence") is not None:
            return None
        request = EvidenceRequest(ticket=ticket, order_id=order_id, sent_at=sent_at, grace_ms=grace_ms)
        return await _or_none(self._evidence(request))

    async def cancel(self, ticket: OrderTicket, order_id: str) -> None:
        if await self._call("cancel") is not Lost.BEFORE:
            await _or_none(self._cancel(CancelRequest(ticket, order_id, self._origin)))

    async def quote(self, venue: str, market: str) -> Quote | None:
        if await self._call("quote") is not None:
            return None
        return await _or_none(self._quote(QuoteRequest(venue=venue, market=market)))

    async def resolution(self, venue: str, market: str) -> Resolution | None:
        if await self._call("resolution") is not None:
            return None
        return await _or_none(self._resolution(ResolutionRequest(venue=venue, market=market)))

    async def position(self, venue: str, market: str, intent_id: str) -> Position | None:
        if await self._call("position") is not None or self._position is None:
            return None
        return await _or_none(self._position(PositionRequest(venue=venue, market=market, intent_id=intent_id)))

    async def takes_orders(self, venue: str, market: str) -> bool | None:
        if await self._call("takes_orders") is not None or self._takes_orders is None:
            return None
        return await _or_none(self._takes_orders(ResolutionRequest(venue=venue, market=market)))

    async def look_up(self, venue: str, order_id: str, intent_id: str) -> LookUp:
        found = None
        if await self._call("look_up") is None:
            found = await _or_none(self._look_up(LookUpRequest(venue=venue, order_id=order_id, intent_id=intent_id)))
        return found or LookUp(None, f"{venue} could not be asked for order {order_id} in time; ask again")

    async def settle(self, intent: Intent, record: TradeRecord) -> Settlement:
        wait = _RETRY_FIRST_MS
        while True:
            fault = await self._call("settle")
            request = SettleRequest(intent, record, self._origin)
            settlement = await _or_none(self._settle(request)) if fault is not Lost.BEFORE else None
            if settlement is not None and fault is None:
                self.settlements.append(settlement)
                return settlement
            await self._advance(wait)
            wait = min(wait * 2, _RETRY_SLOWEST_MS)

    async def record(self, intent: Intent, record: TradeRecord) -> bool:
        if await self._call("record") is Lost.BEFORE:
            return False
        await _or_none(self._record(RecordRequest(intent, record, self._origin)))
        self.recorded.append(record)
        return True

    def show(self, record: TradeRecord) -> None:
        self.shown.append(record)

    def parked(self, fault: Fault | None) -> None:
        self.parked_on.append(fault.text if fault is not None else None)

    # ------------------------------------------------------------------ time

    async def _call(self, name: str) -> Lost | None:
        self._calls_left -= 1
        if self._calls_left < 0:
            raise Broken(f"the trade is not at an end after {len(self.submits)} submits; it goes round in circles")
        await self._advance(self._call_ms)
        return self._faults[name].popleft() if self._faults[name] else None

    async def _advance(self, ms: int, *, stop_at_message: bool = False) -> None:
        """Let time pass, doing what falls due. A message that came before the pause ends it at once."""
        until = self._now + ms * 1000
        while not (stop_at_message and self._messages != self._heard):
            if not self._due or self._due[0][0] > until:
                self._now = until
                return
            when, _, message, action = heapq.heappop(self._due)
            self._now = max(self._now, when)
            self._messages += message
            done = action()
            if inspect.isawaitable(done):
                await done


async def _or_none(asked: Awaitable[T]) -> T | None:
    """None where an activity would have failed; what is not a failure of ours or of an activity passes through."""
    try:
        return await asked
    except (SurefootError, ApplicationError):
        return None
