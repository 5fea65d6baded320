"""Between two connections: the old one goes without a trace, the next one comes after a wait."""

from __future__ import annotations

import asyncio
import random

from websockets.asyncio.client import ClientConnection


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
