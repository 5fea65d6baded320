"""Kalshi's WebSocket for clients that have none: plain aiohttp, the handshake signed by the client's own code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp

from proof.conformance.desk import BookView, Ears, Filled, Levels

WS_PATH = "/trade-api/ws/v2"
_CHANNELS = ("orderbook_delta", "fill", "user_orders")


class Socket:
    """`headers` gives the signed headers of the handshake."""

    def __init__(self, url: str, headers: Callable[[], dict[str, str]]) -> None:
        self._url = url
        self._headers = headers
        self._http: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    async def listen(self, markets: list[str], ears: Ears) -> None:
        self._http = aiohttp.ClientSession()
        ws = await self._http.ws_connect(self._url, headers=self._headers())
        for number, channel in enumerate(_CHANNELS, 1):
            params: dict[str, Any] = {"channels": [channel]}
            if channel == "orderbook_delta":
                params |= {"market_tickers": markets, "use_yes_price": True}
            await ws.send_json({"id": number, "cmd": "subscribe", "params": params})
        self._task = asyncio.create_task(self._read(ws, ears))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def _read(self, ws: aiohttp.ClientWebSocketResponse, ears: Ears) -> None:
        acknowledged = 0
        async for message in ws:
            frame = json.loads(message.data)
            kind, body = frame["type"], frame.get("msg", {})
            if kind == "subscribed":
                acknowledged += 1
                ears.up = acknowledged == len(_CHANNELS)
            else:
                take(kind, body, ears)


def take(kind: str, body: dict[str, Any], ears: Ears) -> None:
    """What one frame says. Books are kept in YES prices (`use_yes_price`): NO bids are the asks."""
    if kind == "orderbook_snapshot":
        ears.books[body["market_ticker"]] = BookView(
            _levels(body.get("yes_dollars_fp") or ()), _levels(body.get("no_dollars_fp") or ())
        )
    elif kind == "orderbook_delta":
        book = ears.books[body["market_ticker"]]
        side = book.bids if body["side"] == "yes" else book.asks
        price = Decimal(body["price_dollars"])
        left = side.get(price, Decimal(0)) + Decimal(body["delta_fp"])
        side.pop(price, None)
        if left:
            side[price] = left
    elif kind == "user_order":
        ears.orders.append(body["order_id"])
    elif kind == "fill":
        ears.fills.append(
            Filled(
                fill_id=body["trade_id"],
                order_id=body["order_id"],
                market=body["market_ticker"],
                side="buy" if body["book_side"] == "bid" else "sell",
                price=Decimal(body["yes_price_dollars"]),
                size=Decimal(body["count_fp"]),
                fee=Decimal(body["fee_cost"]),
            )
        )
    elif kind == "error":
        ears.errors.append(str(body))


def _levels(rows: Any) -> Levels:
    return {Decimal(price): Decimal(size) for price, size in rows}
