"""A spot feed that is made up: Coinbase's Exchange feed as far as features need it, at `/spot/coinbase`.

Each product walks at random from 60,000, a step every quarter of a second with the volatility of a calm day in bitcoin;
one walk a product for all connections, so that a reconnect finds the price where it is. It says `subscriptions`, a
heartbeat a second and a `ticker` a step, whatever channels are asked for. It has nothing to do with what the session
that plays is about.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from aiohttp import WSCloseCode, web

STEP_US = 250_000

_BEGIN = 6_000_000  # cents
_SIGMA = 4.5e-5  # of the logarithm, a step: 50 % a year
_MOST_STEPS = 4 * 3600
_SPEAK_S = 5.0
_PRODUCT = re.compile(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}")
_STEPS_A_BEAT = 4


class _Asked(msgspec.Struct):
    type: str
    product_ids: tuple[str, ...]


_asked = msgspec.json.Decoder(_Asked)


class Walk:
    """A price in cents that takes a step every STEP_US; the same seed and number of steps are the same price."""

    def __init__(self, seed: str, at: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a made-up price
        self.cents = _BEGIN
        self.steps = 0
        self._stepped_at = at

    def at(self, now: int) -> int:
        """The price at `now` (µs). After a long pause it takes an hour's steps and goes on from there."""
        due = max(now - self._stepped_at, 0) // STEP_US
        for _ in range(min(due, _MOST_STEPS)):
            self.cents = max(round(self.cents * (1.0 + self._random.gauss(0.0, _SIGMA))), 1)
            self.steps += 1
        self._stepped_at += due * STEP_US
        return self.cents


class SpotStreet:
    """The feed and its connections; `clock` is wall clock µs."""

    def __init__(self, seed: int, clock: Callable[[], int]) -> None:
        self._seed = seed
        self._clock = clock
        self._walks: dict[str, Walk] = {}
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        self._open.add(ws)
        sending: asyncio.Task[None] | None = None
        try:
            products = await self._subscription(ws)
            if products:
                sending = asyncio.create_task(self._send(ws, products))
                async for _ in ws:
                    pass  # pings and the close are answered on the way
        finally:
            self._open.discard(ws)
            if sending is not None:
                sending.cancel()
        return ws

    async def close(self) -> None:
        for ws in tuple(self._open):
            await ws.close(code=WSCloseCode.GOING_AWAY)

    async def _subscription(self, ws: web.WebSocketResponse) -> Sequence[str]:
        """What is asked for first; nothing, and the connection closed, if it is no subscription, as the venue does."""
        try:
            async with asyncio.timeout(_SPEAK_S):
                asked = _asked.decode(await ws.receive_str())
        except (TimeoutError, TypeError, msgspec.DecodeError):
            await ws.close(code=WSCloseCode.POLICY_VIOLATION)
            return ()
        if asked.type != "subscribe" or not asked.product_ids or not all(map(_PRODUCT.fullmatch, asked.product_ids)):
            await self._say(ws, {"type": "error", "message": "Failed to subscribe", "reason": "products are not valid"})
            await ws.close(code=WSCloseCode.POLICY_VIOLATION)
            return ()
        await self._say(
            ws, {"type": "subscriptions", "channels": [{"name": "ticker", "product_ids": asked.product_ids}]}
        )
        return asked.product_ids

    async def _send(self, ws: web.WebSocketResponse, products: Sequence[str]) -> None:
        beat = 0
        try:
            while True:
                now = self._clock()
                for product in products:
                    walk = self._walks.setdefault(product, Walk(f"{self._seed} {product}", now))
                    cents = walk.at(now)
                    trade, time = walk.steps + 1, _time(now)
                    if beat % _STEPS_A_BEAT == 0:
                        told = {"sequence": trade, "last_trade_id": trade, "product_id": product, "time": time}
                        await self._say(ws, {"type": "heartbeat", **told})
                    await self._say(ws, _ticker(product, cents, trade, time))
                beat += 1
                await asyncio.sleep(STEP_US / 1e6)
        except (ConnectionError, RuntimeError):
            return  # it is gone

    @staticmethod
    async def _say(ws: web.WebSocketResponse, said: object) -> None:
        await ws.send_str(msgspec.json.encode(said).decode())


def _ticker(product: str, cents: int, trade: int, time: str) -> dict[str, object]:
    return {
        "type": "ticker",
        "sequence": trade,
        "product_id": product,
        "price": _dollars(cents),
        "best_bid": _dollars(max(cents - 1, 1)),
        "best_bid_size": "1.00000000",
        "best_ask": _dollars(cents + 1),
        "best_ask_size": "1.00000000",
        "side": "buy",
        "time": time,
        "trade_id": trade,
        "last_size": "0.01000000",
    }


def _dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 1_000_000:06d}Z"
