"""Records the venues' cash before the first trade, so that what came and went is counted from there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from domain.errors import Unavailable
from workers.accounts import venue_clients
from workers.local.books import now, open_ledger
from workers.local.layout import Layout, load_stack

_PATIENCE = 30.0


def record_opening_once(layout: Layout) -> Callable[[], Awaitable[None]]:
    """Records each venue's cash before anything of ours can trade; the ledger keeps the first it was ever told.

    The venues must answer within half a minute the first time; later starts of a worker do not depend on them.
    """
    recorded = False

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
