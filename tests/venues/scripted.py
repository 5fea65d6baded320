"""A scripted venue on loopback: answers what a test tells it to, drops or hangs on request, remembers what it got."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aiohttp import web

from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce

NOW = 1_795_226_400_000_000  # 2026-11-21T02:00:00Z
DATE = {"Date": "Sat, 21 Nov 2026 02:00:00 GMT"}  # the same, as an HTTP server says it

Params = dict[str, str]
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Answer with this body: bytes as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def reply(_: web.Request) -> web.StreamResponse:
        return web.Response(body=raw, status=status, content_type="application/json", headers=DATE | (headers or {}))

    return reply


def written(row: dict[str, Any], name: str, raw: str) -> bytes:
    """The row as JSON with one value exactly as it stands in `raw`: what no writer of JSON would write, too."""
    return json.dumps(row | {name: "@@"}).replace('"@@"', raw).encode()


async def drops(request: web.Request) -> web.StreamResponse:
    """Take the request and cut the connection without a word."""
    assert request.transport is not None
    request.transport.abort()
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def hangs(_: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


@dataclass
class Seen:
    method: str
    path: str
    params: Params
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedVenue:
    """`script[(method, path)]` is what comes next, in order; the last one repeats."""

    base_url: str = ""
    seen: list[Seen] = field(default_factory=list)
    script: dict[tuple[str, str], list[Reply]] = field(default_factory=lambda: defaultdict(list))

    root = ""
    """What every path begins with and a script leaves out."""

    def on(self, method: str, path: str, *replies: Reply) -> None:
        self.script[method, path] = list(replies)

    def asked(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, self.root + path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.rel_url.raw_path
        self.seen.append(Seen(request.method, path, dict(request.query), dict(request.headers), body))
        replies = self.script.get((request.method, path.removeprefix(self.root)))
        if not replies:
            return self.unscripted(path)
        return await (replies.pop(0) if len(replies) > 1 else replies[0])(request)

    def unscripted(self, path: str) -> web.Response:
        """The answer to what no script speaks of."""
        return web.json_response({"error": "not found"}, status=404)


def ticket_at(venue: Venue, market: str, **changes: Any) -> OrderTicket:
    """Ten shares bought at most at 0.56, to open, at once or not at all."""
    values: dict[str, Any] = {
        "intent_id": "i-0123",
        "leg": "A",
        "attempt": 1,
        "purpose": Purpose.OPEN,
        "venue": venue,
        "market": market,
        "side": Side.BUY,
        "size": Decimal(10),
        "limit": Decimal("0.56"),
        "tif": TimeInForce.IOC,
        "decided_at": NOW,
    }
    return OrderTicket(**(values | changes))
