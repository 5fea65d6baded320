"""A websocket to the address that was configured, and to no other.

Left to itself the library follows a redirect of the handshake, to any host, and says there what it would have said
here: signed headers, or the API secret with which a private channel is asked for. No redirect is followed: it is a
refused handshake like any other.
"""

from __future__ import annotations

from collections.abc import Mapping

from websockets.asyncio.client import ClientConnection, connect

MOST_BYTES = 32 << 20
"""Of one message: a snapshot of many whole books."""


class _Here(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(
    url: str,
    *,
    open_s: float,
    headers: Mapping[str, str] | None = None,
    ping_s: float | None = 20.0,
    most_bytes: int = MOST_BYTES,
) -> ClientConnection:
    """Raises `InvalidStatus` for a handshake that is answered otherwise than by an open socket, and what else the
    library raises for one that fails: `OSError`, `TimeoutError`, `InvalidHandshake`. No `ping_s`: no pings of ours."""
    return await _Here(
        url,
        additional_headers=dict(headers or {}),
        user_agent_header="surefoot",
        compression=None,  # inflating costs more than the bytes on a market-data path
        proxy=None,
        open_timeout=open_s,
        ping_interval=ping_s,
        close_timeout=1.0,
        max_size=most_bytes,
        max_queue=4096,
    )
