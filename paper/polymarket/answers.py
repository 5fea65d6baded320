"""What the routes of this side share: who asked, what a fault wants of them, and the shape of an answer."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from paper.core.filling import Filling
from paper.polymarket import refusals
from paper.polymarket.records import ApiKey

KEY = web.RequestKey("polymarket.key", ApiKey)
"""The API key whose signature a request carried."""
FILLING = web.RequestKey("polymarket.filling", Filling)
"""How an order is filled: a fault may want it otherwise than by the book."""

LAG = web.RequestKey("polymarket.lag", int)
"""How many microseconds a read trails: a scripted fault."""


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers)


def document(body: bytes) -> Any:
    """The JSON of a request; an empty body is an empty object. Raises `PolyRefusal`."""
    try:
        return msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise refusals.bad_payload() from None
