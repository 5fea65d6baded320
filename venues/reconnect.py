"""Between two connections: the old one goes without a trace, the next one comes after a wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

from websockets.asyncio.client import ClientConnection


class ConnectionLost(Exception):
    """A connection that is of no more use; the message says why. Ends the connection it is raised in, and no more."""


def full_jitter(failures: int, *, first_s: float, most_s: float, rng: random.Random) -> float:
    """Seconds to wait after this many failures in a row: uniform up to `first_s` doubled per failure, at most `most_s`,
    so that many clients cut off at once do not come back at once."""
    return rng.uniform(0, min(most_s, first_s * 2.0 ** min(failures, 16)))


async def close_socket(ws: ClientConnection) -> None:
    """Close it, whatever the peer does: the closing handshake is bounded by the socket's own `close_timeout`, and a
    cancel meanwhile does not leak the socket."""
    try:
        await ws.close()
    except asyncio.CancelledError:
        ws.transport.abort()
        raise


async def hang_up(ws: ClientConnection | None, tasks: Iterable[asyncio.Task[None]]) -> None:
    """End the tasks that live on a socket, then close it. What they raise is nobody's any more."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
    if ws is not None:
        await close_socket(ws)
