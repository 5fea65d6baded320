"""The desk as Temporal gives it: every call an activity, every wait a durable timer.

Order activities have one attempt and are never local: a result that does not come back (a dead worker, a timeout)
is UNKNOWN, never failed. Reads are retried by Temporal within a bounded time and then answered with None. Only the
first try to settle, which sends nothing, is local.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, FailureError

from domain.evidence import OrderEvidence, Resolution
from domain.intent import Intent
from domain.money import plain
from domain.naming import shown
from domain.operator import Action, OperatorCommand
from domain.orders import Guard, OrderTicket, Purpose, Quote, SubmitResult, Verdict
from domain.requests import (
    CancelRequest,
    CheckRequest,
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
from domain.seal import Seal
from domain.trade import TradeRecord, TradeState
from workflows import names
from workflows.state import EDITION, Fault

STATE = SearchAttributeKey.for_keyword(names.SEARCH_STATE)
UNHEDGED = SearchAttributeKey.for_float(names.SEARCH_UNHEDGED)
PARKED = SearchAttributeKey.for_keyword(names.SEARCH_PARKED)
_NO_BUILD = "unversioned"

_ONCE = RetryPolicy(maximum_attempts=1)
_READ = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=2))
_SUBMIT_TIMEOUT = timedelta(seconds=15)
_LOST_WORKER = timedelta(seconds=2)  # no heartbeat for this long: the worker is gone, the outcome unknown
_READ_TIMEOUT = timedelta(seconds=10)
_READ_BUDGET = timedelta(seconds=30)
_QUOTE_BUDGET = timedelta(seconds=2)  # a leg stands alone meanwhile: the other leg's book may be readable
_HEARING_BUDGET = timedelta(seconds=5)
_SETTLE_AT_ONCE = timedelta(seconds=1)  # half the workflow task's own time
_SETTLE_TIMEOUT = timedelta(seconds=30)
_SETTLE_BUDGET = timedelta(minutes=2)

_NO_HURRY = Priority(priority_key=5)  # thousands may wait for their markets; an order of any trade goes first

LONG_HISTORY = 10_240
SLOW_LOOK_MS = 60_000
RARE_LOOK_MS = 12 * 3_600_000

T = TypeVar("T")


class TemporalDesk:
    """Implements `workflows.desk.Desk` inside a workflow. `wake` is called by message handlers."""

    def __init__(self, intent: Intent, seal: Seal | None, *, new: bool = True) -> None:
        """`new` for a trade's first run: later ones do not know what the search attributes say."""
        self._intent, self._seal, self._new = intent, seal, new
        self._messages = self._heard = self._unheard = 0
        self._showing = (TradeState.LEG_A, 0.0)  # what the starter put into the search attributes
        self._shown = self._showing if new else None

    def wake(self) -> None:
        self._messages += 1

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """While a command that came as a signal is looked at: `heard` waits for it."""
        self._unheard += 1
        try:
            yield
        finally:
            self._unheard -= 1

    async def heard(self) -> None:
        if self._unheard:  # bounded: who may signal could do so without end
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: not self._unheard, timeout=_HEARING_BUDGET)

    def now(self) -> int:
        return workflow.time_ns() // 1000

    def edition(self) -> int:
        if workflow.patched(names.PATCH_EDITION_4):
            return EDITION
        if workflow.patched(names.PATCH_EDITION_3):
            return 3
        if not self._new:  # a later run of edition 2 took that edition without a mark
            return 2
        return 2 if workflow.patched(names.PATCH_EDITION_2) else 1

    def build(self) -> str:
        version = workflow.info().get_current_deployment_version()
        return version.build_id if version is not None else ""

    def history_is_long(self) -> bool:
        return workflow.info().get_current_history_length() > LONG_HISTORY

    async def pause(self, ms: int) -> bool:
        # Counted from the last pause, not from now: a command that came during the activity before it must not wait.
        ms = paced(ms, workflow.info().get_current_history_length())
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._messages != self._heard, timeout=timedelta(milliseconds=ms))
        woken, self._heard = self._messages != self._heard, self._messages
        return woken

    async def submit(self, ticket: OrderTicket, guard: Guard, opening: Intent | None) -> SubmitResult:
        self._publish()
        try:
            result: SubmitResult = await workflow.execute_activity(
                names.SUBMIT_ORDER,
                SubmitRequest(ticket, guard, opening, self._origin(self._intent if opening is None else None)),
                result_type=SubmitResult,
                start_to_close_timeout=_SUBMIT_TIMEOUT,
                heartbeat_timeout=_LOST_WORKER,
                retry_policy=_ONCE,
                priority=Priority(priority_key=2 if ticket.purpose is Purpose.OPEN else 1),
                summary=f"{ticket.purpose} {ticket.side} {plain(ticket.size)} {shown(ticket.market)} "
                f"at {plain(ticket.limit)}",
            )
            return result
        except ActivityError as error:
            cause = type(error.cause).__name__ if error.cause else "no cause given"
            return SubmitResult(Verdict.UNKNOWN, "no_answer", f"the worker did not answer ({cause})", at=self.now())

    async def evidence(
        self, ticket: OrderTicket, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence | None:
        request = EvidenceRequest(ticket=ticket, order_id=order_id, sent_at=sent_at, grace_ms=grace_ms)
        return await self._read(names.FIND_EVIDENCE, request, OrderEvidence)

    async def quote(self, venue: str, market: str) -> Quote | None:
        return await self._read(names.TAKE_QUOTE, QuoteRequest(venue=venue, market=market), Quote, _QUOTE_BUDGET)

    async def resolution(self, venue: str, market: str) -> Resolution | None:
        request = ResolutionRequest(venue=venue, market=market)
        return await self._read(names.READ_RESOLUTION, request, Resolution, priority=_NO_HURRY)

    async def position(self, venue: str, market: str, intent_id: str) -> Position | None:
        request = PositionRequest(venue=venue, market=market, intent_id=intent_id)
        return await self._read(names.READ_POSITION, request, Position)

    async def takes_orders(self, venue: str, market: str) -> bool | None:
        return await self._read(names.READ_OPEN, ResolutionRequest(venue=venue, market=market), bool)

    async def look_up(self, venue: str, order_id: str, intent_id: str) -> LookUp:
        request = LookUpRequest(venue=venue, order_id=order_id, intent_id=intent_id)
        found = await self._read(names.LOOK_UP_ORDER, request, LookUp)
        return found or LookUp(None, f"{venue} could not be asked for order {order_id} in time; ask again")

    async def cancel(self, ticket: OrderTicket, order_id: str) -> None:
        """Best effort: a cancel's answer proves nothing, only the counts read after it do."""
        self._publish()
        try:
            await workflow.execute_activity(
                names.CANCEL_ORDER,
                CancelRequest(ticket, order_id, self._origin(self._intent)),
                start_to_close_timeout=_READ_TIMEOUT,
                heartbeat_timeout=_LOST_WORKER,
                retry_policy=_ONCE,
            )
        except ActivityError as error:
            workflow.logger.warning("cancel not confirmed", extra={"cause": str(error.cause)})

    async def settle(self, intent: Intent, record: TradeRecord) -> Settlement:
        """The first try rides inside the workflow task: it sends no order, may be repeated (the ledger keeps the
        highest revision), and saves three of ten durable writes a trade. What it cannot settle at once is an
        ordinary activity, and people see the state that waits for it."""
        request = SettleRequest(intent, record, self._origin())
        try:
            settlement: Settlement = await workflow.execute_local_activity(
                names.SETTLE_TRADE,
                request,
                result_type=Settlement,
                schedule_to_close_timeout=_SETTLE_AT_ONCE,
                retry_policy=_ONCE,
            )
        except FailureError:  # not ActivityError alone: a local activity's own failure arrives unwrapped
            self._publish()
            try:
                settlement = await workflow.execute_activity(
                    names.SETTLE_TRADE,
                    request,
                    result_type=Settlement,
                    start_to_close_timeout=_SETTLE_TIMEOUT,
                    schedule_to_close_timeout=_SETTLE_BUDGET,
                    heartbeat_timeout=_LOST_WORKER,
                    retry_policy=_READ,
                )
            except ActivityError as error:  # it is asked again without end, but people are heard and told in between
                return Settlement(agrees=False, evidence=(), record=record, unsettled=str(error.cause or error))
        return settlement

    async def record(self, intent: Intent, record: TradeRecord) -> bool:
        self._publish()
        try:
            await workflow.execute_activity(
                names.RECORD_TRADE,
                RecordRequest(intent, record, self._origin()),
                start_to_close_timeout=_READ_TIMEOUT,
                schedule_to_close_timeout=_READ_BUDGET,
                heartbeat_timeout=_LOST_WORKER,
                retry_policy=_READ,
            )
        except ActivityError as error:  # a ledger that is away must not keep the trade from looking for a way out
            workflow.logger.warning("trade not in the ledger yet", extra={"cause": str(error.cause)})
            return False
        return True

    async def check(self, action: Action, command: OperatorCommand) -> bool:
        """Whether a command that came as a signal was given on our installation. Asked until there is an answer."""
        sealed: bool = await workflow.execute_activity(
            names.CHECK_COMMAND,
            CheckRequest(self._intent.id, action, command),
            result_type=bool,
            start_to_close_timeout=_READ_TIMEOUT,
            heartbeat_timeout=_LOST_WORKER,
            retry_policy=_READ,
            priority=Priority(priority_key=1),
        )
        return sealed

    def _origin(self, intent: Intent | None = None) -> Origin:
        return Origin(workflow.info().first_execution_run_id, self._seal, intent)

    def show(self, record: TradeRecord) -> None:
        """State and unhedged shares as search attributes, the story as the UI's current details.

        Every change of an attribute is a durable write, so a state is published when the trade is about to wait in
        it, or ends; one it only passes through is in the story."""
        self._showing = (record.state, float(record.residual))  # an index for people; never read back
        if record.state is TradeState.CLOSED and record.outcome is not None:
            self._publish()
        workflow.set_current_details(details_of(record))

    def parked(self, fault: Fault | None) -> None:
        value = PARKED.value_unset() if fault is None else PARKED.value_set(fault.build or _NO_BUILD)
        workflow.upsert_search_attributes([value])
        workflow.upsert_memo({names.MEMO_FAULT: None if fault is None else fault.text})

    def _publish(self) -> None:
        if self._showing != self._shown:
            self._shown = self._showing
            state, unhedged = self._showing
            workflow.upsert_search_attributes([STATE.value_set(state.value), UNHEDGED.value_set(unhedged)])

    async def _read(
        self,
        name: str,
        request: object,
        result_type: type[T],
        budget: timedelta = _READ_BUDGET,
        priority: Priority = Priority.default,
    ) -> T | None:
        self._publish()
        try:
            answer: T = await workflow.execute_activity(
                name,
                request,
                result_type=result_type,
                start_to_close_timeout=_READ_TIMEOUT,
                schedule_to_close_timeout=budget,
                heartbeat_timeout=_LOST_WORKER,
                retry_policy=_READ,
                priority=priority,
            )
            return answer
        except ActivityError as error:
            workflow.logger.warning("the venue could not be asked", extra={"asked": name, "cause": str(error.cause)})
            return None


def paced(ms: int, events: int) -> int:
    """How long to wait between two looks, with a history of `events`. Looks that are slow anyway become rare in a long
    one: a trade that waits for a year must not reach the 51,200 events at which Temporal ends a workflow
    (docs.temporal.io/workflow-execution/limits; it warns from 10,240). A message ends any wait at once.
    """
    return max(ms, RARE_LOOK_MS) if events > LONG_HISTORY and ms >= SLOW_LOOK_MS else ms


def details_of(record: TradeRecord) -> str:
    """The trade in Markdown: where it stands and how it came there."""
    ending = f", {record.outcome}" if record.outcome is not None else ""
    head = (
        f"**{record.state}**{ending} · hedged {plain(record.hedged)} · unwound {plain(record.unwound)} · "
        f"standing alone {plain(record.residual)} · P&L ${record.pnl:.4f}"
    )
    lines = [head, "", *(f"- {step.text}" for step in record.steps[-40:])]
    return "\n".join(lines).replace("$", r"\$")  # two of them in one line would be read as a formula
