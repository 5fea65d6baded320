"""The durable workflow that carries one intent to a final state. Platform concerns only; `driver` says what runs."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from temporalio import workflow

from domain.intent import Intent
from domain.operator import Action, OperatorCommand
from domain.seal import Seal
from domain.trade import TradeRecord
from workflows import names
from workflows.driver import Driver
from workflows.state import TradeMemory, carried
from workflows.temporal_desk import TemporalDesk

T = TypeVar("T")

LISTENS_TO_THE_END = 4
"""The edition whose runs hear what came last before they go on as new."""
_MOMENT_S = 0.001


@workflow.defn(name=names.TRADE_WORKFLOW)
class TradeWorkflow:
    """Input: the intent, which is also its id. Result: the trade's final record.

    Anybody who reaches Temporal can start one and speak to it. What it asks for is weighed where it is done
    (`activities.authority`); of commands, a validator refuses an update without our seal, and an activity looks at the
    seal of a signal.
    """

    @workflow.init
    def __init__(self, intent: Intent, memory: TradeMemory | None = None, seal: Seal | None = None) -> None:
        self._intent = _decoded(intent, Intent)
        known = _decoded(memory, TradeMemory) if memory is not None else None
        self._seal = seal
        self._desk = TemporalDesk(self._intent, seal, new=known is None)
        self._driver = Driver(self._intent, self._desk, known)
        self._hearing = asyncio.Lock()
        self._over = False  # what comes in the same task as the end may add no command to it

    @workflow.run
    async def run(self, intent: Intent, memory: TradeMemory | None = None, seal: Seal | None = None) -> TradeRecord:
        """`memory` is what an earlier run of this trade handed on: one that was parked, or had grown long. `seal` says
        that this installation decided the intent; a trade of before there were seals has none."""
        end = await self._driven()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if isinstance(end, TradeMemory):
            if self._desk.edition() >= LISTENS_TO_THE_END:
                await self._last_words()
            workflow.continue_as_new(args=[self._intent, carried(end), self._seal])
        self._over = True
        return end

    async def _last_words(self) -> None:
        """A signal that came while a local activity ran is delivered, when the task is tried again, after everything
        that followed from it: it would be lost to a run that has gone on by then. After a timer it comes before."""
        await asyncio.sleep(_MOMENT_S)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _driven(self) -> TradeRecord | TradeMemory:
        """The run in a task of its own, out of reach of a cancel: cancelling a trade must not drop it on one leg.

        A cancel from the UI or the CLI is taken as the wish to unwind, by somebody: it bears no seal. (Temporal
        delivers it once. A second cancellation, or one that nobody asked for, is the workflow leaving this worker's
        cache.)
        """
        driven = asyncio.create_task(self._driver.run())
        heard = False
        while True:
            try:
                return await asyncio.shield(driven)
            except asyncio.CancelledError:
                reason = workflow.cancellation_reason()
                if heard or reason is None or driven.cancelled():
                    raise
                heard = True
            await self._hear(Action.FORCE_FLAT, OperatorCommand("Temporal", reason or "the workflow was cancelled"))

    @workflow.update(name=names.UPDATE_UNWIND)
    def unwind(self, command: OperatorCommand) -> str:
        return self._take(Action.UNWIND, command)

    @unwind.validator
    def _may_unwind(self, command: OperatorCommand) -> None:
        self._may(Action.UNWIND, command)

    @workflow.update(name=names.UPDATE_HOLD)
    def hold(self, command: OperatorCommand) -> str:
        return self._take(Action.HOLD, command)

    @hold.validator
    def _may_hold(self, command: OperatorCommand) -> None:
        self._may(Action.HOLD, command)

    @workflow.update(name=names.UPDATE_RETRY)
    def retry(self, command: OperatorCommand) -> str:
        return self._take(Action.RETRY, command)

    @retry.validator
    def _may_retry(self, command: OperatorCommand) -> None:
        self._may(Action.RETRY, command)

    @workflow.update(name=names.UPDATE_ACCEPT)
    def accept(self, command: OperatorCommand) -> str:
        return self._take(Action.ACCEPT, command)

    @accept.validator
    def _may_accept(self, command: OperatorCommand) -> None:
        self._may(Action.ACCEPT, command)

    @workflow.update(name=names.UPDATE_ADOPT)
    def adopt(self, command: OperatorCommand) -> str:
        return self._take(Action.ADOPT, command)

    @adopt.validator
    def _may_adopt(self, command: OperatorCommand) -> None:
        self._may(Action.ADOPT, command)

    def _may(self, action: Action, command: OperatorCommand) -> None:
        """Validators are not run again on replay, so here a key of the worker's may be asked."""
        if self._over:
            raise ValueError("the trade has ended")
        is_sealed = workflow.extern_functions().get(names.EXTERN_IS_SEALED)
        if is_sealed is None or not is_sealed(self._intent.id, action, command):
            raise ValueError(
                f"{action} bears no seal of this installation; use `surefoot {action}` on a host that has its key"
            )
        self._driver.may(action, command)

    def _take(self, action: Action, command: OperatorCommand) -> str:
        answer = self._driver.take(action, command)
        self._desk.wake()
        return answer

    @workflow.signal(name=names.SIGNAL_FORCE_FLAT)
    async def force_flat(self, command: OperatorCommand) -> None:
        """An unwind while no worker is up to validate it: done if it still can be, else told in the story."""
        await self._hear(Action.FORCE_FLAT, command)

    @workflow.signal(name=names.SIGNAL_COMMAND)
    async def command(self, action: Action, command: OperatorCommand) -> None:
        """Any command, left for a trade that could not answer."""
        await self._hear(action, command)

    async def _hear(self, action: Action, command: OperatorCommand) -> None:
        """One after the other, as they came. Of trades that began before there were seals each is believed."""
        if self._over:
            return
        with self._desk.hearing():
            async with self._hearing:
                if self._desk.edition() < 3 or await self._desk.check(action, command):
                    self._driver.signalled(action, command)
                else:
                    self._driver.unsealed(action, command)
                self._desk.wake()

    @workflow.signal(name=names.SIGNAL_RESUME)
    def resume(self, build: str) -> None:
        if not self._over:
            self._driver.resume(build)
            self._desk.wake()

    @workflow.signal(name=names.SIGNAL_ORDER_UPDATE)
    def order_update(self, client_order_id: str) -> None:
        """The venue's user channel spoke of an order. Nothing is believed from it; it only ends a wait early."""
        self._desk.wake()

    @workflow.query(name=names.QUERY_RECORD)
    def record(self) -> TradeRecord:
        return self._driver.record()


def _decoded(given: Any, kind: type[T]) -> T:
    """What an older start named: the SDK decodes by type only as many arguments as `run` has."""
    if isinstance(given, kind):
        return given
    converter = workflow.payload_converter()
    decoded: T = converter.from_payload(converter.to_payload(given), kind)
    return decoded
