"""`kalshi_python_async` 3.2.0, the newest that installs below Python 3.13.

It was generated before Kalshi's V2 orders. Its own `create_order` posts to an address the venue has retired (410), and
its models of orders, fills, positions and markets demand integer-cent fields the venue no longer sends. What still
works is what carries them: its signing, its request building and its HTTP. So the orders and reads here are the
documented requests of today, sent by its `ApiClient`; `open` proves both halves of this with its typed calls.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from decimal import Decimal
from typing import Any

from proof.conformance.checks import Wrong
from proof.conformance.desk import BookView, Extra, Filled, OrderState, Placed, Refused, Wish
from proof.conformance.desks.kalshi_official import order_fields
from proof.conformance.desks.kalshi_sdk import KalshiSdk, sdk
from proof.conformance.stand import Stand

_errors: Any = importlib.import_module("kalshi_python_async.exceptions")
_ORDERS = "/portfolio/events/orders"


class KalshiOlder(KalshiSdk):
    """The documented requests of today, carried by its `ApiClient`."""

    def extras(self) -> list[Extra]:
        return []

    async def open(self) -> None:
        await sdk.ExchangeApi(self._client).get_exchange_status()
        await sdk.PortfolioApi(self._client).get_balance()
        try:
            await sdk.OrdersApi(self._client).create_order(
                ticker=self._stand.market, side="yes", action="buy", count=1, type="limit", yes_price=1
            )
        except _errors.ApiException as error:
            if error.status == 410:
                return
            raise
        raise Wrong("its create_order was taken; expected 410 as at the venue")

    async def wrong_key(self) -> None:
        stranger = self._signed("other_key")
        try:
            await self._call("GET", "/portfolio/balance", client=stranger)
        finally:
            await stranger.close()

    async def _call(
        self, method: str, path: str, body: Any = None, client: Any = None, **query: str | int
    ) -> dict[str, Any]:
        client = client or self._client
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body is not None else {})
        request = client.param_serialize(
            method, path, query_params=list(query.items()), header_params=headers, body=body, auth_settings=[]
        )
        answer = await asyncio.wait_for(client.call_api(*request), 20)
        raw = await answer.read()
        if answer.status >= 400:
            raise Refused(raw.decode(), status=answer.status)
        found: dict[str, Any] = json.loads(raw) if raw else {}
        return found

    # -- orders -----------------------------------------------------------------------------------------------------

    async def make(self, wish: Wish) -> Any:
        return order_fields(wish)

    async def send(self, made: Any) -> Placed:
        answer = await self._call("POST", _ORDERS, made)
        return Placed(answer["order_id"], Decimal(answer["fill_count"]))

    async def send_many(self, made: list[Any]) -> list[Placed | Refused]:
        answer = await self._call("POST", f"{_ORDERS}/batched", {"orders": made})
        return [
            Refused(json.dumps(one["error"]))
            if one.get("error")
            else Placed(one["order_id"], Decimal(one["fill_count"]))
            for one in answer["orders"]
        ]

    async def cancel(self, market: str, order_id: str) -> None:
        await self._call("DELETE", f"{_ORDERS}/{order_id}", market_ticker=market, exchange_index=-1)

    async def cancel_all(self) -> None:
        await self._call("DELETE", _ORDERS)

    async def order(self, order_id: str) -> OrderState:
        found = (await self._call("GET", f"/portfolio/orders/{order_id}"))["order"]
        filled, size = Decimal(found["fill_count_fp"]), Decimal(found["initial_count_fp"])
        return OrderState(order_id, found["status"] == "resting", filled, size)

    async def open_orders(self) -> dict[str, Decimal]:
        listed = (await self._call("GET", "/portfolio/orders", status="resting"))["orders"]
        return {order["order_id"]: Decimal(order["remaining_count_fp"]) for order in listed}

    # -- the account ------------------------------------------------------------------------------------------------

    async def fills(self) -> list[Filled]:
        return [
            Filled(
                fill_id=fill["fill_id"],
                order_id=fill["order_id"],
                market=fill["ticker"],
                side="buy" if fill["book_side"] == "bid" else "sell",
                price=Decimal(fill["yes_price_dollars"]),
                size=Decimal(fill["count_fp"]),
                fee=Decimal(fill["fee_cost"]),
            )
            for fill in (await self._call("GET", "/portfolio/fills"))["fills"]
        ]

    async def position(self, market: str) -> Decimal:
        listed = (await self._call("GET", "/portfolio/positions"))["market_positions"]
        return sum((Decimal(p["position_fp"]) for p in listed if p["ticker"] == market), Decimal(0))

    async def cash(self) -> Decimal:
        return Decimal((await self._call("GET", "/portfolio/balance"))["balance_dollars"])

    # -- the market -------------------------------------------------------------------------------------------------

    async def book(self, market: str) -> BookView:
        sides = (await self._call("GET", f"/markets/{market}/orderbook"))["orderbook_fp"]
        return BookView(
            {Decimal(price): Decimal(size) for price, size in sides["yes_dollars"]},
            {1 - Decimal(price): Decimal(size) for price, size in sides["no_dollars"]},
        )

    async def rules(self, market: str) -> tuple[Decimal, Decimal]:
        ranges = (await self._call("GET", f"/markets/{market}"))["market"]["price_ranges"]
        middle = [r for r in ranges if Decimal(r["start"]) <= Decimal("0.5") <= Decimal(r["end"])]
        return Decimal(middle[0]["step"]), Decimal(0)


def desk(stand: Stand) -> KalshiOlder:
    return KalshiOlder(stand)
