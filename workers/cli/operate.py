"""unwind: a person's word to a running trade, through Temporal."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
from typing import Annotated

import typer

from domain.errors import BadInput, Denied, Unavailable
from domain.operator import OperatorCommand
from workers.cli.ledger import full_id
from workers.cli.options import options, out, say
from workers.stack.layout import Stack
from workflows.names import SIGNAL_FORCE_FLAT, UPDATE_UNWIND

UPDATE_SECONDS = 5.0
_FULL_ID = re.compile(r"i-[0-9a-f]{32}")


def register(app: typer.Typer) -> None:
    app.command("unwind")(unwind)


def _user() -> str:
    try:
        return os.environ.get("USER") or getpass.getuser()
    except (KeyError, OSError):
        return ""


def unwind(
    trade: Annotated[str, typer.Argument(help="The trade's id, or a beginning of it that no other trade shares.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the trade's story.")],
    author: Annotated[str, typer.Option("--author", help="Who, $USER if not given; kept in the story.")] = "",
) -> None:
    """Tell a trade to sell what stands alone and close.

    Asked as an update, which a validator of the trade may refuse (exit code 4). If no worker answers within 5 s it is
    left as a signal, which the trade obeys as soon as a worker is up.
    """
    command = OperatorCommand((author or _user()).strip(), reason.strip())
    for flag, value in (("--reason", command.reason), ("--author", command.author)):
        if not value:
            raise BadInput(f"{flag} is empty; say in a few words what goes on record", "operator")
    stack = options.stack()
    answer = asyncio.run(_unwind(stack, trade, command))
    out.print(answer, markup=False)
    if stack.temporal_ui_url:
        say(f"Temporal UI: {stack.temporal_ui_url}")


async def _unwind(stack: Stack, trade: str, command: OperatorCommand) -> str:
    # The SDK's native library is loaded by the one command that needs it.
    from temporalio.client import (  # noqa: PLC0415
        Client,
        WorkflowUpdateFailedError,
        WorkflowUpdateRPCTimeoutOrCancelledError,
    )
    from temporalio.contrib.pydantic import pydantic_data_converter  # noqa: PLC0415
    from temporalio.service import RPCError, RPCStatusCode  # noqa: PLC0415

    trade_id = trade if _FULL_ID.fullmatch(trade) else await full_id(stack, trade)
    try:
        async with asyncio.timeout(UPDATE_SECONDS):
            client = await Client.connect(
                stack.temporal_address, namespace=stack.temporal_namespace, data_converter=pydantic_data_converter
            )
    except (RuntimeError, TimeoutError):
        raise Unavailable(
            f"Temporal at {stack.temporal_address} does not answer; start the stack with `surefoot up`, then repeat",
            "temporal",
        ) from None
    handle = client.get_workflow_handle(trade_id)
    try:
        try:
            async with asyncio.timeout(UPDATE_SECONDS):
                done: str = await handle.execute_update(UPDATE_UNWIND, command, result_type=str)
                return f"trade {trade_id}: {done}"
        except WorkflowUpdateFailedError as refused:
            raise Denied(f"trade {trade_id} refused: {refused.cause}", "refused") from None
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            await handle.signal(SIGNAL_FORCE_FLAT, command)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise Denied(
                f"trade {trade_id} is not running: it ended, or never was ({error.message}); "
                f"see `surefoot trade {trade_id}`",
                "not_running",
            ) from None
        raise Unavailable(
            f"Temporal at {stack.temporal_address} failed: {error.message}; repeat later", "temporal"
        ) from None
    return (
        f"trade {trade_id}: no worker answered within {UPDATE_SECONDS:g} s; the command is stored and will be obeyed "
        "as soon as a worker is up"
    )
