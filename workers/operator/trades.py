"""Brings a person's command to one trade through Temporal, and keeps it where the trade cannot answer.

All but `FORCE_FLAT` are updates: a validator of the trade may refuse them, and the answer says what will be done.
`FORCE_FLAT` is a signal, stored by Temporal even while no worker is up. Each carries a seal (docs/security.md), or it
would pass for a stranger's.

An update that nobody answered within five seconds, or that Temporal could not bring to the trade, is left as a signal
as well, whichever command it is: no worker is up, its workflow task fails, or an earlier command has timed out before
it. Signals are obeyed in the order they came, before the trade sends anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.errors import Denied, SurefootError, Unavailable
from domain.operator import Action, CommandRecord, OperatorCommand
from workers.operator.port import NotRevived, Person, Revivals, TradeAnswer, UnwindPreview
from workflows import names

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowHandle

    from domain.outlook import Outlook
    from domain.workflow_fault import WorkflowFault
    from workers.local.layout import Stack

UPDATE_SECONDS = 5.0
LOOK_SECONDS = 3.0
_FULL_ID = re.compile(r"i-[0-9a-f]{32}")
_UPDATES = {
    Action.UNWIND: names.UPDATE_UNWIND,
    Action.HOLD: names.UPDATE_HOLD,
    Action.RETRY: names.UPDATE_RETRY,
    Action.ACCEPT: names.UPDATE_ACCEPT,
    Action.ADOPT: names.UPDATE_ADOPT,
}


class StackTrades:
    """`TradeOperator` of one stack. `say` hears what a person waits for: a Postgres that is started for a reading."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._say = say

    async def tell(
        self,
        trade: str,
        action: Action,
        person: Person,
        *,
        order_id: str = "",
        venue: str = "",
        min_price: Decimal | None = None,
    ) -> TradeAnswer:
        import asyncio

        command = OperatorCommand(person.author, person.reason, order_id, venue, min_price=min_price)
        if action is not Action.UNWIND:
            return await self._tell(trade, action, command)
        # What the bids would bring is looked at meanwhile: the command waits for nothing.
        looking = asyncio.create_task(self.live_outlooks(trade, min_price))
        try:
            answer = await self._tell(trade, action, command)
            ways = await looking
        finally:
            looking.cancel()
        return answer if not (ways and ways[0].parts) else _with_bids(answer, ways[0])

    async def preview_unwind(self, trade: str, min_price: Decimal | None = None) -> UnwindPreview:
        from workers.accounts import venue_clients
        from workers.local.books import open_ledger
        from workers.preview import outlooks

        async with open_ledger(self._stack) as ledger:
            story = await ledger.trade(trade)
        async with venue_clients(self._stack) as clients:
            return UnwindPreview(story.intent.id, await outlooks(story, clients, min_price))

    async def live_outlooks(self, trade: str, min_price: Decimal | None = None) -> tuple[Outlook, ...]:
        """The same, for who shows it beside something else: nothing where it cannot be had soon."""
        import asyncio

        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return (await self.preview_unwind(trade, min_price)).ways
        except (SurefootError, TimeoutError, OSError):
            return ()

    async def revive(self, trade: str, person: Person) -> Revivals:
        # Loaded here: they bring the SDK's native library along.
        from workers.accounts import venue_clients
        from workers.local.books import now, open_ledger
        from workers.local.seals import load_seal_keys
        from workers.revival import Reviver

        client = await connected(self._stack)
        async with open_ledger(self._stack) as ledger, venue_clients(self._stack) as clients:
            reviver = Reviver(
                client,
                ledger,
                clients,
                seal=load_seal_keys(self._stack).intent,
                clock=now,
                task_timeout_ms=self._stack.settings.worker.task_timeout_ms,
            )
            if trade:
                return Revivals((await reviver.revive(trade, person.author, person.reason),))
            done, failed = [], []
            for orphan in await reviver.orphans():
                try:
                    done.append(await reviver.revive(orphan, person.author, person.reason))
                except SurefootError as error:
                    failed.append(NotRevived(orphan, error.message))
            return Revivals(tuple(done), tuple(failed))

    async def _tell(self, trade: str, action: Action, command: OperatorCommand) -> TradeAnswer:
        from temporalio.service import RPCError, RPCStatusCode

        from workers.local.seals import as_sealed, load_seal_keys

        trade_id = trade if _FULL_ID.fullmatch(trade) else await self._full_id(trade)
        command = as_sealed(load_seal_keys(self._stack), trade_id, action, command)
        client = await connected(self._stack)
        try:
            told = await tell(client.get_workflow_handle(trade_id), action, command)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Denied(
                    f"trade {trade_id} is not running: it ended, or never was ({error.message}); see `surefoot trade "
                    f"{trade_id}`. If it is open there, its workflow is gone: `surefoot revive {trade_id} --reason …`",
                    "not_running",
                ) from None
            raise Unavailable(
                f"Temporal at {self._stack.temporal_address} failed: {error.message}; repeat later", "temporal"
            ) from None
        if not told.stored:
            return TradeAnswer(trade_id, told.answer)
        unkept = await self._keep(trade_id, action, command, told.answer)
        faults = tuple(fault for fault in await self._faults() if fault.intent_id == trade_id)
        return TradeAnswer(trade_id, told.answer, stored=True, faults=faults, notes=(unkept,) if unkept else ())

    async def _full_id(self, beginning: str) -> str:
        from workers.local.asleep import reading

        async with reading(self._stack, self._say) as ledger:
            return (await ledger.trade(beginning)).intent.id

    async def _keep(self, trade_id: str, action: Action, command: OperatorCommand, answer: str) -> str:
        """A command the trade has not taken yet goes on record here; Temporal has it whether or not the ledger does.
        Returns what a person should know if the ledger has it not."""
        from workers.local.books import now, open_ledger

        left = Action.FORCE_FLAT if action is Action.UNWIND else action
        record = CommandRecord(left, command.author, command.reason, answer, now())
        try:
            async with open_ledger(self._stack) as ledger:
                await ledger.record_command(trade_id, record)
        except SurefootError as away:
            return f"the ledger has it once the trade takes it: {away.message}"
        return ""

    async def _faults(self) -> tuple[WorkflowFault, ...]:
        from workers.local.books import open_ledger

        try:
            async with open_ledger(self._stack) as ledger:
                return await ledger.workflow_faults()
        except SurefootError:
            return ()


def _with_bids(answer: TradeAnswer, bids: Outlook) -> TradeAnswer:
    from dataclasses import replace

    return replace(answer, bids=bids)


@dataclass(frozen=True, slots=True)
class Told:
    """What Temporal brought back. `stored`: left as a signal, so the trade has not answered for itself."""

    answer: str
    stored: bool = False


async def tell(handle: WorkflowHandle[Any, Any], action: Action, command: OperatorCommand) -> Told:
    """Bring `command` to a trade; whatever cannot be asked of it now is left with it as a signal.

    Raises `Denied` (`refused`) with the validator's words, and the SDK's `RPCError` for a workflow that is not running,
    or for a server that takes not even a signal.
    """
    import asyncio

    from temporalio.client import (
        WorkflowUpdateFailedError,
        WorkflowUpdateRPCTimeoutOrCancelledError,
    )
    from temporalio.service import RPCError, RPCStatusCode

    stored = "the command is stored and will be obeyed as soon as a worker is up"
    if action is Action.FORCE_FLAT:
        await handle.signal(names.SIGNAL_FORCE_FLAT, command)
        return Told(f"{stored}; the trade's story tells what became of it", stored=True)
    try:
        async with asyncio.timeout(UPDATE_SECONDS):
            return Told(await handle.execute_update(_UPDATES[action], command, result_type=str))
    except WorkflowUpdateFailedError as refused:
        why = getattr(refused.cause, "message", "") or refused.cause
        raise Denied(f"trade {handle.id} refused: {why}", "refused") from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        unheard = f"no worker answered within {UPDATE_SECONDS:g} s"
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise
        unheard = f"Temporal could not bring it to the trade ({error.message})"
    await _leave(handle, action, command)
    if await _task_fails(handle):
        return Told(
            "its workflow task is tried again and again: either no worker answers it, or its code fails; the command "
            "is stored and will be obeyed as soon as a worker, or mended code, carries the trade on",
            stored=True,
        )
    return Told(f"{unheard}; {stored}", stored=True)


async def _task_fails(handle: WorkflowHandle[Any, Any]) -> bool:
    """True if its workflow task was tried before and is pending again. False where Temporal does not say in time."""
    import asyncio

    from temporalio.service import RPCError

    try:
        async with asyncio.timeout(UPDATE_SECONDS):
            raw = (await handle.describe()).raw_description
    except (RPCError, TimeoutError):
        return False
    return bool(raw.HasField("pending_workflow_task") and raw.pending_workflow_task.attempt > 1)


async def _leave(handle: WorkflowHandle[Any, Any], action: Action, command: OperatorCommand) -> None:
    if action is Action.UNWIND:
        await handle.signal(names.SIGNAL_FORCE_FLAT, command)
    else:
        await handle.signal(names.SIGNAL_COMMAND, args=[action, command])


async def connected(stack: Stack) -> Client:
    """A client for one command. Raises `Unavailable` if the server does not answer within `UPDATE_SECONDS`."""
    # The SDK's native library is loaded by the few commands that need it.
    import asyncio

    from temporalio.client import Client

    from workers.payloads import DATA_CONVERTER

    try:
        async with asyncio.timeout(UPDATE_SECONDS):
            return await Client.connect(
                stack.temporal_address, namespace=stack.temporal_namespace, data_converter=DATA_CONVERTER
            )
    except (RuntimeError, TimeoutError):
        raise Unavailable(
            f"Temporal at {stack.temporal_address} does not answer; start the stack with `surefoot up`, then repeat",
            "temporal",
        ) from None
