"""The ledger of a stack that is down, for commands that need nothing else: its Postgres is started for as long as they
work, and stopped again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from domain.errors import SurefootError, Unavailable
from ledger.store import Ledger
from workers.local.books import open_ledger
from workers.local.layout import Stack
from workers.local.locks import READER, locked
from workers.local.postgres import EmbeddedPostgres
from workers.local.presence import supervisor_in, unsupervised
from workers.local.processes import marked
from workers.local.supervisor import RestartPolicy, Supervisor


@asynccontextmanager
async def reading(stack: Stack, say: Callable[[str], None]) -> AsyncIterator[Ledger]:
    """The ledger, whether the stack runs or not. Nobody can start the stack while its Postgres runs for this alone.

    Raises `Unavailable` if its Postgres neither answers nor can be started, saying what to do; `AlreadyUp` if the stack
    is just being started."""
    embedded = stack.settings.postgres.dsn is None
    if not embedded or supervisor_in(stack.layout) is not None or await _answers(stack):
        async with open_ledger(stack) as ledger:
            yield ledger
        return
    if left := unsupervised(stack.layout):
        raise Unavailable(
            f"the ledger of {stack.state_dir} does not answer, and no supervisor runs that would start it again, only "
            f"{', '.join(record.name for record in left)}; `surefoot halt --all` still stops what opens trades, "
            "`surefoot down` ends all",
            "unsupervised",
        )
    say("the stack is down; starting its Postgres for this command, and stopping it again afterwards")
    with locked(stack.layout, READER):
        stopping, ready = asyncio.Event(), asyncio.Event()
        try:
            server = EmbeddedPostgres(stack.layout, stack.ports["postgres"], lambda line: None)
            supervisor = Supervisor(
                [marked(server.spec(), stack.layout.root)],
                say=lambda line: None,
                changed=lambda records: None,
                ready=ready.set,
                policy=RestartPolicy(deaths=1),
            )
            running = asyncio.create_task(supervisor.run(stopping))
            await _either(running, ready)
        except SurefootError as error:
            raise Unavailable(
                f"the stack in {stack.state_dir} is down and its Postgres cannot be started for this command "
                f"({error.message}); start the stack with `surefoot up`",
                "down",
            ) from None
        try:
            async with open_ledger(stack) as ledger:
                yield ledger
        finally:
            stopping.set()
            await running


async def _answers(stack: Stack) -> bool:
    """A killed supervisor leaves a Postgres that others still use."""
    try:
        async with open_ledger(stack):
            return True
    except SurefootError:
        return False


async def _either(running: asyncio.Task[None], ready: asyncio.Event) -> None:
    """Returns once it is ready; raises what ended it before."""
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        raise
    finally:
        waiting.cancel()
    if running.done():
        running.result()
