"""Connections that bring no request to its end within fifteen seconds are cut, and there are never more than 64.

aiohttp waits for ever for the rest of a request's head: some hundred such connections would use up the descriptors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

_IDLE_S = 15.0
_EVERY_S = 1.0
_MOST = 64


class Idle:
    def __init__(self, idle_s: float = _IDLE_S) -> None:
        self._idle_s = idle_s
        self._since: dict[asyncio.BaseTransport, float] = {}  # quiet since
        self._busy: dict[asyncio.BaseTransport, int] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def busy(self, request: web.Request) -> Iterator[None]:
        """While its request is answered a connection is not idle."""
        transport = request.transport
        if transport is None:
            yield
            return
        self._busy[transport] = self._busy.get(transport, 0) + 1
        try:
            yield
        finally:
            del self._busy[transport]
            self._since[transport] = asyncio.get_running_loop().time()

    def watch(self, runner: web.AppRunner) -> None:
        self._task = asyncio.create_task(self._run(runner))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, runner: web.AppRunner) -> None:
        while True:
            await asyncio.sleep(min(_EVERY_S, self._idle_s / 4))
            self._sweep(runner)

    def _sweep(self, runner: web.AppRunner) -> None:
        if runner.server is None:
            return
        now = asyncio.get_running_loop().time()
        found = [handler.transport for handler in runner.server.connections if handler.transport is not None]
        self._since = {transport: self._since.get(transport, now) for transport in found}
        idle = sorted((since, n) for n, (each, since) in enumerate(self._since.items()) if each not in self._busy)
        transports = list(self._since)
        for place, (since, n) in enumerate(idle):
            if now - since > self._idle_s or len(idle) - place > _MOST:
                transports[n].abort()  # type: ignore[attr-defined]
