"""What a trade may ask of the world, carried out by the real activities, with the time-outs production gives them.

Requests and answers pass through the payload converter that Temporal's workers use: what it cannot write or read again
would freeze the trade there. Figures are those of `workflows.temporal_desk`.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from temporalio.exceptions import ApplicationError

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
from domain.trade import TradeRecord
from workers.payloads import DATA_CONVERTER
from workflows.state import EDITION, Fault

_SUBMIT_S, _READ_S, _SETTLE_S, _AT_ONCE_S = 15.0, 10.0, 30.0, 1.0
_READ_BUDGET_S, _QUOTE_BUDGET_S, _SETTLE_BUDGET_S = 30.0, 2.0, 120.0
_FIRST_S, _SLOWEST_S = 0.1, 2.0
_CHAIN = "fuzzed"

Activity = Callable[[Any], Awaitable[Any]]
T = TypeVar("T")


class Desk:
    """A `workflows.desk.Desk`. `now` is wall-clock microseconds, `shown` hears every record that people would see and
    `raised` what came out of an activity that may come out of none."""

    def __init__(
        self,
        activities: Mapping[str, Activity],
        now: Callable[[], int],
        shown: Callable[[TradeRecord], None],
        raised: Callable[[str], None],
    ) -> None:
        self._activities, self._now, self._shown, self._raised = activities, now, shown, raised
        self._woken = asyncio.Event()
        self._origin = Origin(_CHAIN)

    def wake(self) -> None:
        self._woken.set()

    def now(self) -> int:
        return self._now()

    def edition(self) -> int:
        return EDITION

    def build(self) -> str:
        return "fuzzed"

    def history_is_long(self) -> bool:
        return False

    def parked(self, fault: Fault | None) -> None:
        """Nobody looks for it here."""

    async def pause(self, ms: int) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), ms / 1000)
        woken = self._woken.is_set()
        self._woken.clear()
        return woken

    async def heard(self) -> None:
        """A command is taken as it arrives."""

    async def submit(self, ticket: OrderTicket, guard: Guard, opening: Intent | None) -> SubmitResult:
        self._origin = Origin(_CHAIN, intent=opening or self._origin.intent)
        request = SubmitRequest(ticket, guard, opening, self._origin)
        done, answer = await self._attempt("submit", request, SubmitResult, _SUBMIT_S)
        if done:
            result: SubmitResult = answer
            return result
        return SubmitResult(Verdict.UNKNOWN, "no_answer", "the worker did not answer", at=self._now())

    async def evidence(
        self, ticket: OrderTicket, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence | None:
        request = EvidenceRequest(ticket=ticket, order_id=order_id, sent_at=sent_at, grace_ms=grace_ms)
        return await self._read("evidence", request, OrderEvidence)

    async def cancel(self, ticket: OrderTicket, order_id: str) -> None:
        await self._attempt("cancel", CancelRequest(ticket, order_id, self._origin), None, _READ_S)

    async def quote(self, venue: str, market: str) -> Quote | None:
        return await self._read("quote", QuoteRequest(venue=venue, market=market), Quote, _QUOTE_BUDGET_S)

    async def resolution(self, venue: str, market: str) -> Resolution | None:
        return await self._read("resolution", ResolutionRequest(venue=venue, market=market), Resolution)

    async def position(self, venue: str, market: str, intent_id: str) -> Position | None:
        request = PositionRequest(venue=venue, market=market, intent_id=intent_id)
        return await self._read("position", request, Position)

    async def takes_orders(self, venue: str, market: str) -> bool | None:
        return await self._read("takes_orders", ResolutionRequest(venue=venue, market=market), bool)

    async def look_up(self, venue: str, order_id: str, intent_id: str) -> LookUp:
        request = LookUpRequest(venue=venue, order_id=order_id, intent_id=intent_id)
        return await self._read("look_up", request, LookUp) or LookUp(None, "the venue could not be asked; ask again")

    async def settle(self, intent: Intent, record: TradeRecord) -> Settlement:
        request = SettleRequest(intent, record, self._origin)
        done, answer = await self._attempt("settle", request, Settlement, _AT_ONCE_S)
        if not done:
            done, answer = await self._until_done("settle", request, Settlement, _SETTLE_BUDGET_S, _SETTLE_S)
        if not done:
            return Settlement(agrees=False, evidence=(), record=record, unsettled="not within its time")
        settled: Settlement = answer
        return settled

    async def record(self, intent: Intent, record: TradeRecord) -> bool:
        request = RecordRequest(intent, record, self._origin)
        return (await self._until_done("record", request, None, _READ_BUDGET_S, _READ_S))[0]

    def show(self, record: TradeRecord) -> None:
        self._shown(record)

    async def _read(self, name: str, request: Any, kind: type[T], budget_s: float = _READ_BUDGET_S) -> T | None:
        answer: T | None = (await self._until_done(name, request, kind, budget_s, _READ_S))[1]
        return answer

    async def _until_done(
        self, name: str, request: Any, kind: Any, budget_s: float, attempt_s: float
    ) -> tuple[bool, Any]:
        """Ask again as Temporal does, within the budget."""
        loop = asyncio.get_running_loop()
        end = loop.time() + budget_s
        wait_s = _FIRST_S
        while True:
            left_s = min(attempt_s, max(end - loop.time(), 0.0))
            done, answer = await self._attempt(name, request, kind, left_s)
            if done:
                return True, answer
            if loop.time() + wait_s > end:
                return False, None
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _SLOWEST_S)

    async def _attempt(self, name: str, request: Any, kind: Any, seconds: float) -> tuple[bool, Any]:
        """One execution: whether an answer came back, and which."""
        try:
            asked = across(request, type(request))
            async with asyncio.timeout(seconds):
                answer = await self._activities[name](asked)
            return True, answer if kind is None else across(answer, kind)
        except (ApplicationError, TimeoutError):
            return False, None
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            file = where.filename.rpartition("/")[2]
            self._raised(f"{name} raised {type(error).__name__}: {str(error)[:200]} ({file}:{where.lineno})")
            return False, None


def across(value: Any, kind: Any) -> Any:
    """The value as it is on the other side of Temporal's wire."""
    convert = DATA_CONVERTER.payload_converter
    return convert.from_payloads(convert.to_payloads([value]), [kind])[0]
