"""What the ledger needs around a run: its schema, the run itself, the venue's cash before the first trade, the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import SurefootError
from ledger.store import Ledger
from workers.local.layout import Layout, Stack, load_stack


def now() -> int:
    """Wall clock in microseconds."""
    return time.time_ns() // 1_000


@asynccontextmanager
async def open_ledger(stack: Stack) -> AsyncIterator[Ledger]:
    """A small pool for a command line. Raises `Unavailable` if Postgres is down, `BadInput` if it refuses us."""
    ledger = await Ledger.connect(stack.postgres_dsn, min_size=1, max_size=2)
    try:
        yield ledger
    finally:
        await ledger.close()


async def begin_run(layout: Layout) -> None:
    """Brings the schema up to date and records the run. Repeatable."""
    from ledger.migrate import migrate  # noqa: PLC0415 - commands that only ask the ledger do without

    stack = load_stack(layout.root)
    settings = stack.settings
    await migrate(stack.postgres_dsn)
    async with open_ledger(stack) as ledger:
        source = "exchange" if stack.live else settings.paper.session.recording or "paper exchange"
        await ledger.start_run(stack.run_id, settings.name, settings.mode, now(), source)


async def end_run(layout: Layout) -> None:
    """Records that the run ended, if the ledger can still be asked; a stop never waits for it."""
    try:
        async with asyncio.timeout(5):
            stack = load_stack(layout.root)
            async with open_ledger(stack) as ledger:
                await ledger.finish_run(stack.run_id, now())
    except (SurefootError, TimeoutError, OSError):
        pass
