"""What Polymarket's two channels say, for clients that leave their frames to the user."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp

from proof.conformance.desk import BookView, Ears, Filled, Levels

_VOID = "FAILED"


class Sockets:
    """Both channels by plain aiohttp. `owner` is the API key whose fills are ours."""

    def __init__(self, market_url: str, user_url: str) -> None:
        self._urls = (market_url, user_url)
        self._http: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def listen(self, tokens: list[str], auth: dict[str, str], ears: Ears) -> None:
        self._http = aiohttp.ClientSession()
        public = await self._http.ws_connect(self._urls[0])
        await public.send_json({"assets_ids": tokens, "type": "market", "custom_feature_enabled": True})
        private = await self._http.ws_connect(self._urls[1])
        await private.send_json({"auth": auth, "type": "user"})
        for ws in (public, private):
            self._tasks.append(asyncio.create_task(_read(ws, auth["apiKey"], ears)))
            self._tasks.append(asyncio.create_task(_ping(ws)))
        ears.up = True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()


async def _read(ws: aiohttp.ClientWebSocketResponse, owner: str, ears: Ears) -> None:
    async for message in ws:
        if message.data == "PONG":
            continue
        frame = json.loads(message.data)
        for event in frame if isinstance(frame, list) else [frame]:
            take(event, owner, ears)
    ears.errors.append(f"socket closed with {ws.close_code}")


async def _ping(ws: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        await asyncio.sleep(10)
        await ws.send_str("PING")


def take(event: dict[str, Any], owner: str, ears: Ears) -> None:
    """One event. Level sizes in `price_change` are absolute; 0 removes."""
    kind = event.get("event_type")
    if kind == "book":
        ears.books[event["asset_id"]] = BookView(levels(event["bids"]), levels(event["asks"]))
    elif kind == "price_change":
        for change in event["price_changes"]:
            book = ears.books[change["asset_id"]]
            side = book.bids if change["side"] == "BUY" else book.asks
            price, size = Decimal(change["price"]), Decimal(change["size"])
            side.pop(price, None)
            if size:
                side[price] = size
    elif kind == "order":
        ears.orders.append(event["id"])
    elif kind == "trade" and event["status"] != _VOID:
        ears.fills += fills_of(event, owner)
    elif kind is None and "error" in event:
        ears.errors.append(str(event))


def fills_of(trade: dict[str, Any], owner: str) -> list[Filled]:
    """Our own rows of one trade: as the taker the trade itself, as a maker our rows among its maker orders.

    A maker's row may be of the other token; its price, size and side are its own
    (docs.polymarket.com/api-reference/wss/user)."""
    if trade.get("trader_side", "TAKER") == "TAKER":
        return [_filled(trade, trade["taker_order_id"], trade, "size")]
    rows = [row for row in trade.get("maker_orders") or () if row["owner"] == owner]
    return [_filled(trade, row["order_id"], row, "matched_amount") for row in rows]


def _filled(trade: dict[str, Any], order_id: str, row: dict[str, Any], size: str) -> Filled:
    side = "buy" if str(row["side"]).upper() == "BUY" else "sell"
    return Filled(trade["id"], order_id, row["asset_id"], side, Decimal(row["price"]), Decimal(row[size]))  # type: ignore[arg-type]


def levels(rows: list[dict[str, str]]) -> Levels:
    return {Decimal(row["price"]): Decimal(row["size"]) for row in rows}
