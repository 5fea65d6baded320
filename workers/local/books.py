"""What the ledger needs around a run: its schema, the run itself, the venue's cash before the first trade, the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from domain.errors import SurefootError, Unavailable
from ledger.store import Ledger
from workers.local.layout import Layout, Stack, load_stack

_PATIENCE = 30.0


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


def record_opening_once(layout: Layout) -> Callable[[], Awaitable[None]]:
    """Records each venue's cash before anything of ours can trade; the ledger keeps the first it was ever told.

    The venues must answer within half a minute the first time; later starts of a worker do not depend on them.
    """
    recorded = False

    from workers.accounts import venue_clients  # noqa: PLC0415 - every venue's client

    async def record() -> None:
        nonlocal recorded
        if recorded:
            return
        stack = load_stack(layout.root)
        deadline = time.monotonic() + _PATIENCE
        while not recorded:
            try:
                async with venue_clients(stack) as clients:
                    cash = {venue: await client.cash() for venue, client in clients.items()}
                async with open_ledger(stack) as ledger:
                    for venue, amount in cash.items():
                        await ledger.record_opening(venue, amount, now())
                recorded = True
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)

    return record


async def end_run(layout: Layout) -> None:
    """Records that the run ended, if the ledger can still be asked; a stop never waits for it."""
    try:
        async with asyncio.timeout(5):
            stack = load_stack(layout.root)
            async with open_ledger(stack) as ledger:
                await ledger.finish_run(stack.run_id, now())
    except (SurefootError, TimeoutError, OSError):
        pass
