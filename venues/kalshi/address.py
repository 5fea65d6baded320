"""Where the WebSocket is: one path below the host, encrypted anywhere but on loopback."""

from __future__ import annotations

from urllib.parse import urlsplit

from domain.errors import BadInput
from venues.wire import LOOPBACK

WS_PATH = "/trade-api/ws/v2"


def socket_url(ws_url: str) -> str:
    """`wss://host[:port]` with the path that is signed. Raises `BadInput` for what would leak or miss."""
    parts = urlsplit(ws_url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username is not None:
        raise BadInput(f"Kalshi WebSocket URL {ws_url!r} is not usable; expected wss://host or ws://127.0.0.1:port")
    if parts.path.rstrip("/") not in ("", WS_PATH):
        raise BadInput(f"Kalshi WebSocket URL {ws_url!r} has path {parts.path!r}; expected none, or {WS_PATH}")
    if parts.scheme == "ws" and parts.hostname not in LOOPBACK:
        raise BadInput(f"Kalshi WebSocket URL {ws_url!r} is not encrypted; expected wss (ws only on loopback)")
    return f"{parts.scheme}://{parts.netloc}{WS_PATH}"
