"""unwind, hold, retry, accept, adopt, flat: a person's word to one trade, through Temporal.

All but `flat` are updates: a validator of the trade may refuse them, and the answer says what will be done. `flat` is a
signal, stored by Temporal even while no worker is up. Each carries a seal (docs/security.md), or it would pass for a
stranger's.

An update that nobody answered within five seconds, or that Temporal could not bring to the trade, is left as a signal
as well, whichever command it is: no worker is up, its workflow task fails, or an earlier command has timed out before
it.
Signals are obeyed in the order they came, before the trade sends anything else.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, command_of
from domain.errors import BadInput, Denied, SurefootError, Unavailable
from domain.market import Venue
from domain.operator import Action, CommandRecord, OperatorCommand
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

TradeId = Annotated[str, typer.Argument(help="The trade's id, or a beginning of it that no other trade shares.")]


def register(app: typer.Typer) -> None:
    for command in (unwind, hold, retry, accept, adopt, flat):
        app.command(command.__name__)(command)


def unwind(
    trade: TradeId,
    *,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; goes on record. Not for --preview.")] = None,
    author: Author = "",
    min_price: Annotated[
        str, typer.Option("--min-price", help="Dollars a share that it must bring at least; any price if not given.")
    ] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Say what it would do now; nothing is asked.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """Tell a trade to sell what stands alone, at any price or for no less than --min-price.

    --preview shows what would be sold at the bids of now, and what completing would bring instead. If no worker answers
    within 5 s the wish is left as a signal, which the trade obeys as soon as a worker is up. So is every other command.
    """
    least = _price(min_price)
    if preview:
        _preview(trade, least, json_output=json_output)
        return
    if reason is None:
        raise typer.BadParameter("say why; only --preview needs no reason", param_hint="--reason")
    _tell(Action.UNWIND, trade, command_of(author, reason, min_price=least), json_output=json_output)


def _price(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(0)
    if not (price.is_finite() and 0 < price < 1):
        raise BadInput(f"--min-price {text!r}; expected dollars a share between 0 and 1, such as 0.35", "operator")
    return price


def _preview(trade: str, least: Decimal | None, *, json_output: bool) -> None:
    import asyncio

    stack = options.stack_with_ledger()
    trade_id, ways = asyncio.run(_brings(stack, trade, least))
    if json_output:
        print_json({"trade": trade_id, "outlooks": [asdict(way) | {"words": way.words} for way in ways]})
        return
    for way in ways:
        out.print(f"trade {trade_id}: {way.words}", markup=False)
    say("nothing was asked of the trade; `surefoot unwind` without --preview sells")


async def _brings(stack: Stack, trade: str, least: Decimal | None) -> tuple[str, tuple[Outlook, ...]]:
    from workers.accounts import venue_clients
    from workers.local.books import open_ledger
    from workers.preview import outlooks

    async with open_ledger(stack) as ledger:
        story = await ledger.trade(trade)
    async with venue_clients(stack) as clients:
        return story.intent.id, await outlooks(story, clients, least)


async def live_outlooks(stack: Stack, trade: str, least: Decimal | None = None) -> tuple[Outlook, ...]:
    """The same, for who shows it beside something else: nothing where it cannot be had soon."""
    import asyncio

    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return (await _brings(stack, trade, least))[1]
    except (SurefootError, TimeoutError, OSError):
        return ()


def hold(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Tell a trade to send nothing more until it is told otherwise (retry, unwind or accept)."""
    _tell(Action.HOLD, trade, command_of(author, reason), json_output=json_output)


def retry(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Tell a trade to try again now, with all of its policy's time and budget; a parked one goes on."""
    _tell(Action.RETRY, trade, command_of(author, reason), json_output=json_output)


def accept(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Tell a trade that what stands alone may stay as it is, until its market pays."""
    _tell(Action.ACCEPT, trade, command_of(author, reason), json_output=json_output)


def adopt(
    trade: TradeId,
    *,
    venue: Annotated[Venue, typer.Option("--venue", help="Where the order was placed.")],
    order: Annotated[str, typer.Option("--order", help="The venue's own id of the order.")],
    reason: Reason,
    author: Author = "",
    json_output: JsonFlag = False,
) -> None:
    """Tell a trade that an order placed by hand is one of its own: its fills count as the leg's."""
    if not order.strip():
        raise BadInput("--order is empty; give the venue's own id of the order", "operator")
    command = command_of(author, reason, order_id=order.strip(), venue=venue)
    _tell(Action.ADOPT, trade, command, json_output=json_output)


def flat(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Leave an unwind with a trade without asking it: accepted while no worker is up, told in the trade's story."""
    _tell(Action.FORCE_FLAT, trade, command_of(author, reason), json_output=json_output)


def _tell(action: Action, trade: str, command: OperatorCommand, *, json_output: bool) -> None:
    import asyncio

    from cli import faults

    stack = options.stack()
    trade_id, told, wrong, bids = asyncio.run(_told(stack, action, trade, command))
    if json_output:
        kept: dict[str, Any] = {"trade": trade_id, "action": action, "answer": told.answer, "stored": told.stored}
        if bids is not None:
            kept["bids"] = asdict(bids) | {"words": bids.words}
        print_json(kept | {"faults": [faults.plain(fault) for fault in wrong]})
        return
    for fault in wrong:
        say(f"trade {trade_id}: {fault.words}")
    out.print(f"trade {trade_id}: {told.answer}", markup=False)
    if bids is not None:
        say(f"as the books stood when you asked: {bids.words}")
    ui = f"; in the Temporal UI: `surefoot ui {trade_id}`" if stack.temporal_ui_url else ""
    say(f"what becomes of it: `surefoot trade {trade_id}`{ui}")


async def _told(
    stack: Stack, action: Action, trade: str, command: OperatorCommand
) -> tuple[str, Told, list[WorkflowFault], Outlook | None]:
    """As `_ask`; for an unwind also what the bids would bring, looked at meanwhile: the command waits for nothing."""
    import asyncio

    if action is not Action.UNWIND:
        return *await _ask(stack, action, trade, command), None
    looking = asyncio.create_task(live_outlooks(stack, trade, command.min_price))
    try:
        trade_id, told, wrong = await _ask(stack, action, trade, command)
        ways = await looking
    finally:
        looking.cancel()
    return trade_id, told, wrong, ways[0] if ways and ways[0].parts else None


async def _ask(
    stack: Stack, action: Action, trade: str, command: OperatorCommand
) -> tuple[str, Told, list[WorkflowFault]]:
    """The trade's id, what it answers, and what is known to be wrong with it where it did not answer itself."""
    from temporalio.service import RPCError, RPCStatusCode

    from cli import faults
    from cli.ledger import full_id
    from workers.local.seals import as_sealed, load_seal_keys

    trade_id = trade if _FULL_ID.fullmatch(trade) else await full_id(stack, trade)
    command = as_sealed(load_seal_keys(stack), trade_id, action, command)
    client = await connected(stack)
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
            f"Temporal at {stack.temporal_address} failed: {error.message}; repeat later", "temporal"
        ) from None

    wrong: list[WorkflowFault] = []
    if told.stored:
        await _keep(stack, trade_id, action, command, told.answer)
        wrong = [fault for fault in await faults.read(stack) or () if fault.intent_id == trade_id]
    return trade_id, told, wrong


@dataclass(frozen=True, slots=True)
class Told:
    """What a person hears back. `stored`: left as a signal, so the trade has not answered for itself."""

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
    """Whether its workflow task was tried before and is pending again. False where Temporal does not say in time."""
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


async def _keep(stack: Stack, trade_id: str, action: Action, command: OperatorCommand, answer: str) -> None:
    """A command the trade has not taken yet goes on record here; Temporal has it whether or not the ledger does."""
    from workers.local.books import now, open_ledger

    left = Action.FORCE_FLAT if action is Action.UNWIND else action
    record = CommandRecord(left, command.author, command.reason, answer, now())
    try:
        async with open_ledger(stack) as ledger:
            await ledger.record_command(trade_id, record)
    except SurefootError as away:
        say(f"the ledger has it once the trade takes it: {away.message}")


async def connected(stack: Stack) -> Client:
    # The SDK's native library is loaded by the few commands that need it.
    import asyncio

    from temporalio.client import Client
    from temporalio.contrib.pydantic import pydantic_data_converter

    try:
        async with asyncio.timeout(UPDATE_SECONDS):
            return await Client.connect(
                stack.temporal_address, namespace=stack.temporal_namespace, data_converter=pydantic_data_converter
            )
    except (RuntimeError, TimeoutError):
        raise Unavailable(
            f"Temporal at {stack.temporal_address} does not answer; start the stack with `surefoot up`, then repeat",
            "temporal",
        ) from None
