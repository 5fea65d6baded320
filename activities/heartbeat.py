"""A pulse for activities that take longer than a blink."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

_EVERY_S = 0.5


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Tell Temporal that this process lives, so that its death is noticed within the heartbeat timeout."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
