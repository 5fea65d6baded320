"""A scripted Kalshi on loopback: answers what a test tells it to, drops or hangs on request, remembers what it got."""

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

MARKET = "KXTEST-26NOV21-AAA"
EVENT = "KXTEST-26NOV21"
ROOT = "/trade-api/v2"
NOW = 1_795_226_400_000_000  # 2026-11-21T02:00:00Z
DATE = {"Date": "Sat, 21 Nov 2026 02:00:00 GMT"}  # the same, as an HTTP server says it
# Nothing of the last three months is historical yet.
CUTOFF = dict.fromkeys(
    ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts"),
    "2026-08-21T00:00:00Z",
)
HISTORY: dict[str, dict[str, Any]] = {
    f"{ROOT}/historical/cutoff": CUTOFF,
    f"{ROOT}/historical/orders": {"orders": [], "cursor": ""},
    f"{ROOT}/historical/fills": {"fills": [], "cursor": ""},
}

Params = dict[str, str]
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Answer with this body: bytes as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def reply(_: web.Request) -> web.StreamResponse:
        return web.Response(body=raw, status=status, content_type="application/json", headers=DATE | (headers or {}))

    return reply


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
class FakeKalshi:
    """`script[(method, path below /trade-api/v2)]` is what comes next, in order; the last one repeats."""

    base_url: str = ""
    seen: list[Seen] = field(default_factory=list)
    script: dict[tuple[str, str], list[Reply]] = field(default_factory=lambda: defaultdict(list))

    def on(self, method: str, path: str, *replies: Reply) -> None:
        self.script[method, path] = list(replies)

    def asked(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, ROOT + path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.rel_url.raw_path
        self.seen.append(Seen(request.method, path, dict(request.query), dict(request.headers), body))
        replies = self.script.get((request.method, path.removeprefix(ROOT)))
        if not replies and path in HISTORY:
            return web.json_response(HISTORY[path], headers=DATE)
        if not replies:
            return web.json_response({"error": {"code": "not_found", "message": "not found"}}, status=404)
        return await (replies.pop(0) if len(replies) > 1 else replies[0])(request)


def ticket(**changes: Any) -> OrderTicket:
    values: dict[str, Any] = {
        "intent_id": "i-0123",
        "leg": "A",
        "attempt": 1,
        "purpose": Purpose.OPEN,
        "venue": Venue.KALSHI,
        "market": MARKET,
        "side": Side.BUY,
        "size": Decimal(10),
        "limit": Decimal("0.56"),
        "tif": TimeInForce.IOC,
        "decided_at": NOW,
    }
    return OrderTicket(**(values | changes))


def order(asked: OrderTicket, **changes: Any) -> dict[str, Any]:
    """The order as the venue lists it, by default executed in full."""
    return {
        "order_id": "o-1",
        "client_order_id": asked.client_order_id,
        "ticker": asked.market,
        "status": "executed",
        "fill_count_fp": "10.00",
        "remaining_count_fp": "0.00",
        "initial_count_fp": "10.00",
        "book_side": "bid",
        "created_time": "2026-11-21T02:00:00Z",
        "last_update_time": "2026-11-21T02:00:00.5Z",
    } | changes


def fill(trade_id: str, count: str, **changes: Any) -> dict[str, Any]:
    return {
        "fill_id": trade_id,
        "trade_id": trade_id,
        "order_id": "o-1",
        "ticker": MARKET,
        "market_ticker": MARKET,
        "book_side": "bid",
        "outcome_side": "yes",
        "count_fp": count,
        "yes_price_dollars": "0.5600",
        "fee_cost": "0.017300",
        "is_taker": True,
        "created_time": "2026-11-21T02:00:00.25Z",
    } | changes
