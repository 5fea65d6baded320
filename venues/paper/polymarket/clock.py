"""Sees to it that what is due happens when it is due: settlement, expiry, payment, the dead man's switch."""

from __future__ import annotations

import asyncio
import contextlib

from venues.paper.polymarket.exchange import Clob
from venues.paper.polymarket.heartbeats import Heartbeats
from venues.paper.polymarket.refusals import PolyRefusal


class Clock:
    """Everything due is on disk: what came due while the exchange was down happens as soon as it is up."""

    def __init__(self, clob: Clob, heartbeats: Heartbeats) -> None:
        self._clob = clob
        self._heartbeats = heartbeats
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def wake(self) -> None:
        """Something new may be due earlier than what was waited for."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                due = self._clob.settle_due()
                beat = self._heartbeats.next_due()
                if beat and beat <= self._clob.now():
                    self._heartbeats.sweep()
                    continue
            except PolyRefusal:
                return  # the exchange has failed and says so to everybody; a restart takes this up
            nearest = min((at for at in (due, beat) if at), default=0)
            wait = max(0, nearest - self._clob.now()) / 1_000_000 if nearest else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait)
