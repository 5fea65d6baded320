"""A task that does what is due when it is due."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable


class DueLoop:
    """`take_due()` does what is due by now and returns when the next is (µs), 0 if nothing is to come; `now` is the
    exchange's clock. `failed` is what `take_due` raises once the exchange has failed and says so to everybody: the loop
    ends then, a restart takes up what was due."""

    def __init__(self, take_due: Callable[[], int], now: Callable[[], int], *, failed: type[Exception]) -> None:
        self._take_due = take_due
        self._now = now
        self._failed = failed
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await ended(self._task)
        self._task = None

    def wake(self) -> None:
        """Something new may be due earlier than what was waited for."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                due = self._take_due()
            except self._failed:
                return
            wait = max(0, due - self._now()) / 1_000_000 if due else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait)


async def ended(task: asyncio.Task[None] | None) -> None:
    """Cancel it, and wait until it is over; what it raised besides is raised here."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
