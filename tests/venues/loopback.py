"""A real WebSocket server on loopback, and what a stream told of its life there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Item = TypeVar("Item")


@dataclass
class Loopback:
    """Its address, and every request that asked for a connection, in order."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)


@asynccontextmanager
async def loopback(
    connection: Callable[[ServerConnection], Awaitable[None]], *, refuse: Iterable[int | None] = (), words: bytes = b""
) -> AsyncIterator[Loopback]:
    """A server that answers handshakes with the statuses of `refuse`, in order, then takes every connection; None
    among them takes one in between.

    `words` is the body of a refusal. A connection that the client closed ends `connection` without a word.
    """
    made, refusals = Loopback(), iter(refuse)

    def handshake(_: ServerConnection, request: Request) -> Response | None:
        made.requests.append(request)
        status = next(refusals, None)
        if status is None:
            return None
        head = [("Content-Length", str(len(words))), ("Connection", "close"), ("Content-Type", "application/json")]
        return Response(status, HTTPStatus(status).phrase, Headers(head), words)

    async def taken(ws: ServerConnection) -> None:
        try:
            await connection(ws)
        except ConnectionClosed:
            return

    async with serve(taken, "127.0.0.1", 0, process_request=handshake, close_timeout=0.1) as server:
        made.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield made


def nth(scripts: Sequence[Item], number: int) -> Item:
    """The script of the connection of this number, from 0; the last one again for any further."""
    return scripts[min(number, len(scripts) - 1)]


@dataclass
class Told:
    """What a stream told its caller, in order: `"up"`, `("down", reason)`, and whatever a test notes besides."""

    story: list[Any] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def state(self, up: bool, reason: str) -> None:
        assert reason
        self.note("up" if up else ("down", reason))

    def note(self, what: Any) -> None:
        self.story.append(what)
        self.changed.set()

    async def until(self, holds: Callable[[list[Any]], bool]) -> None:
        while not holds(self.story):
            self.changed.clear()
            await self.changed.wait()

    @property
    def downs(self) -> list[str]:
        return [item[1] for item in self.story if isinstance(item, tuple) and item[0] == "down"]
