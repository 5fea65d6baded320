"""The durable workflow that carries one intent to a final state. Platform concerns only; the life is `lifecycle`."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

from domain.intent import Intent
from domain.operator import Action, OperatorCommand
from domain.trade import TradeRecord
from workflows import names
from workflows.lifecycle import Trade
from workflows.temporal_desk import TemporalDesk


@workflow.defn(name=names.TRADE_WORKFLOW)
class TradeWorkflow:
    """Input: the intent, which is also its id. Result: the trade's final record."""

    @workflow.init
    def __init__(self, intent: Intent) -> None:
        self._desk = TemporalDesk()
        self._trade = Trade(intent, self._desk)

    @workflow.run
    async def run(self, intent: Intent) -> TradeRecord:
        try:
            record = await self._live()
        except FailureError as error:
            # Raised as it is, it would end the trade with a leg standing. A failed task waits for mended code instead.
            raise RuntimeError(f"the lifecycle let a failure through: {error}") from error
        await workflow.wait_condition(workflow.all_handlers_finished)
        return record

    async def _live(self) -> TradeRecord:
        """The life in a task of its own, out of reach of a cancel: cancelling a trade must not drop it on one leg.

        A cancel from the UI or the CLI is taken as the wish to unwind. (Temporal delivers it once. A second
        cancellation, or one that nobody asked for, is the workflow leaving this worker's cache.)
        """
        life = asyncio.create_task(self._trade.run())
        heard = False
        while True:
            try:
                return await asyncio.shield(life)
            except asyncio.CancelledError:
                reason = workflow.cancellation_reason()
                if heard or reason is None or life.cancelled():
                    raise
                heard = True
                self.force_flat(OperatorCommand("Temporal", reason or "the workflow was cancelled"))

    @workflow.update(name=names.UPDATE_UNWIND)
    def unwind(self, command: OperatorCommand) -> str:
        return self._take(Action.UNWIND, command)

    @unwind.validator
    def _may_unwind(self, command: OperatorCommand) -> None:
        self._trade.may(Action.UNWIND, command)

    @workflow.update(name=names.UPDATE_HOLD)
    def hold(self, command: OperatorCommand) -> str:
        return self._take(Action.HOLD, command)

    @hold.validator
    def _may_hold(self, command: OperatorCommand) -> None:
        self._trade.may(Action.HOLD, command)

    @workflow.update(name=names.UPDATE_RETRY)
    def retry(self, command: OperatorCommand) -> str:
        return self._take(Action.RETRY, command)

    @retry.validator
    def _may_retry(self, command: OperatorCommand) -> None:
        self._trade.may(Action.RETRY, command)

    @workflow.update(name=names.UPDATE_ACCEPT)
    def accept(self, command: OperatorCommand) -> str:
        return self._take(Action.ACCEPT, command)

    @accept.validator
    def _may_accept(self, command: OperatorCommand) -> None:
        self._trade.may(Action.ACCEPT, command)

    @workflow.update(name=names.UPDATE_ADOPT)
    def adopt(self, command: OperatorCommand) -> str:
        return self._take(Action.ADOPT, command)

    @adopt.validator
    def _may_adopt(self, command: OperatorCommand) -> None:
        self._trade.may(Action.ADOPT, command)

    def _take(self, action: Action, command: OperatorCommand) -> str:
        answer = self._trade.take(action, command)
        self._desk.wake()
        return answer

    @workflow.signal(name=names.SIGNAL_FORCE_FLAT)
    def force_flat(self, command: OperatorCommand) -> None:
        """An unwind while no worker is up to validate it: done if it still can be, else told in the story."""
        try:
            self._trade.may(Action.FORCE_FLAT, command)
        except ValueError as refusal:
            self._trade.tell(f"{command.author} asked to unwind ({command.reason}), too late: {refusal}")
        else:
            self._trade.take(Action.FORCE_FLAT, command)
        self._desk.wake()

    @workflow.signal(name=names.SIGNAL_ORDER_UPDATE)
    def order_update(self, client_order_id: str) -> None:
        """The venue's user channel spoke of an order. Nothing is believed from it; it only ends a wait early."""
        self._desk.wake()

    @workflow.query(name=names.QUERY_RECORD)
    def record(self) -> TradeRecord:
        return self._trade.record()
