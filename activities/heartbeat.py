"""A pulse for activities, so that the death of the process that carries one is noticed within the heartbeat timeout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio import activity

_EVERY_S = 0.5

P = ParamSpec("P")
T = TypeVar("T")


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Tell Temporal twice a second that this process lives. A local activity has no pulse: it dies with its workflow's
    worker. Outside of Temporal (a rehearsal) nothing is told."""
    if not activity.in_activity() or activity.info().is_local:
        yield
        return
    loop = asyncio.get_running_loop()
    due: list[asyncio.TimerHandle] = []

    def beat() -> None:
        activity.heartbeat()
        due[:] = [loop.call_later(_EVERY_S, beat)]

    due.append(loop.call_later(_EVERY_S, beat))
    try:
        yield
    finally:
        due[0].cancel()


def pulsed(asked: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The activity, with a pulse for as long as it runs."""

    @wraps(asked)
    async def alive(*args: P.args, **kwargs: P.kwargs) -> T:
        async with heartbeats():
            return await asked(*args, **kwargs)

    return alive
