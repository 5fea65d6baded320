"""A small session of two exclusive markets, and a client that signs like the venue's, owing nothing to our own."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from domain.fees import FeeSchedule
from domain.market import MarketSpec, Venue
from paper.server import PaperServer
from recording.sources.session import BookDelta, BookReset, RecordedSession, SessionEvent

AAA = "KXGAME-26NOV21AAABBB-AAA"
BBB = "KXGAME-26NOV21AAABBB-BBB"
EVENT = "KXGAME-26NOV21AAABBB"
KEY_ID = "6e0c4f0e-0000-4000-8000-000000000001"
T0 = 1_700_000_000_000_000
ORDERS = "/portfolio/events/orders"


def spec(ticker: str, fees: FeeSchedule | None = None) -> MarketSpec:
    return MarketSpec(Venue.KALSHI, ticker, EVENT, f"Will {ticker[-3:]} win?", fees or FeeSchedule())


def micros(text: str | int) -> int:
    return int(Decimal(text) * 1_000_000)


def levels(*pairs: tuple[str, str | int]) -> tuple[tuple[int, int], ...]:
    return tuple((micros(price), micros(size)) for price, size in pairs)


def books(at: int = T0) -> list[SessionEvent]:
    """AAA: bid 0.47×100, 0.46×50; ask 0.49×80 (NO 0.51), 0.50×40. BBB: bid 0.50×30; ask 0.52×60 (NO 0.48)."""
    return [
        BookReset(at, AAA, levels(("0.47", 100), ("0.46", 50)), levels(("0.51", 80), ("0.50", 40))),
        BookReset(at, BBB, levels(("0.50", 30)), levels(("0.48", 60))),
    ]


def session(*events: SessionEvent, fees: FeeSchedule | None = None) -> RecordedSession:
    """The opening books, then `events`, and a last change an hour later so that the session goes on."""
    tail: list[SessionEvent] = [BookDelta(T0 + 3_600_000_000, BBB, "yes", 10_000, 10_000)]
    return RecordedSession("sample", (spec(AAA, fees), spec(BBB, fees)), (*books(), *events, *tail))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again until it holds; the test's own time limit is the bound."""
    while not await holds():  # noqa: ASYNC110 - the condition lives in another process or on the wire
        await asyncio.sleep(0.01)


@dataclass
class Answer:
    status: int
    body: Any
    raw: bytes


@dataclass
class Client:
    """Signs like a client of the venue, with nothing of the project's own client in it."""

    server: PaperServer
    key: rsa.RSAPrivateKey
    http: aiohttp.ClientSession
    skew_ms: int = 0
    sent: list[bytes] = field(default_factory=list)

    def headers(self, method: str, path: str) -> dict[str, str]:
        stamp = str(int(time.time() * 1000) + self.skew_ms)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signature = self.key.sign(f"{stamp}{method}{path}".encode(), pss, hashes.SHA256())
        return {
            "KALSHI-ACCESS-KEY": KEY_ID,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    async def call(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        full = "/trade-api/v2" + path
        payload = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if headers is None:
            headers = self.headers(method, full.partition("?")[0])
        url = f"http://127.0.0.1:{self.server.port}{full}"
        async with self.http.request(method, url, data=payload, headers=headers) as answer:
            raw = await answer.read()
            return Answer(answer.status, json.loads(raw) if raw else None, raw)

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status == 200, answer
        return answer.body

    async def order(self, **fields: object) -> Answer:
        return await self.call("POST", ORDERS, ticket(**fields))

    async def admin(self, method: str, path: str, body: object = None) -> Answer:
        url = f"{self.server.admin_url}{path}"
        async with self.http.request(method, url, json=body) as answer:
            raw = await answer.read()
            return Answer(answer.status, json.loads(raw) if raw else None, raw)

    async def socket(self) -> aiohttp.ClientWebSocketResponse:
        return await self.http.ws_connect(self.server.ws_url, headers=self.headers("GET", "/trade-api/ws/v2"))


def ticket(**fields: object) -> dict[str, object]:
    """A complete create body: buy 1 AAA at 0.49, IOC, with a fresh client id; `fields` replace, None removes."""
    body: dict[str, object] = {
        "ticker": AAA,
        "client_order_id": str(uuid.uuid4()),
        "side": "bid",
        "count": "1.00",
        "price": "0.4900",
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "taker_at_cross",
    }
    return {key: value for key, value in (body | fields).items() if value is not None}
