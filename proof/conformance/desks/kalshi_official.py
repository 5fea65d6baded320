"""`kalshi_python_async` as Kalshi generates it (3.30 and later: V2 orders), every call typed by its own models.

It has no WebSocket; the socket is plain aiohttp with the handshake signed by the client's own `KalshiAuth`.
"""

from __future__ import annotations

import asyncio
import importlib
import uuid
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any, TypeVar

from proof.conformance.desk import BookView, Extra, Filled, OrderState, Placed, Refused, Wish
from proof.conformance.desks import kalshi_calls
from proof.conformance.desks.kalshi_sdk import KalshiSdk, sdk
from proof.conformance.stand import Stand

_errors: Any = importlib.import_module("kalshi_python_async.exceptions")

TIF = {"rest": "good_till_canceled", "take": "immediate_or_cancel", "all": "fill_or_kill"}
_T = TypeVar("_T")


class KalshiOfficial(KalshiSdk):
    """Every call typed by its own models."""

    def __init__(self, stand: Stand) -> None:
        super().__init__(stand)
        self._orders = sdk.OrdersApi(self._client)
        self._portfolio = sdk.PortfolioApi(self._client)
        self._markets = sdk.MarketApi(self._client)

    def extras(self) -> list[Extra]:
        calls = kalshi_calls.Calls(sdk, self._client, self._stand, said)
        return [*calls.reads(), *calls.orders()]

    async def open(self) -> None:
        await said(sdk.ExchangeApi(self._client).get_exchange_status())

    async def wrong_key(self) -> None:
        stranger = self._signed("other_key")
        try:
            await said(sdk.PortfolioApi(stranger).get_balance())
        finally:
            await stranger.close()

    # -- orders -----------------------------------------------------------------------------------------------------

    async def make(self, wish: Wish) -> Any:
        try:
            return sdk.CreateOrderV2Request(**order_fields(wish))
        except ValueError as error:
            raise Refused(str(error), by_client=True) from None

    async def send(self, made: Any) -> Placed:
        answer = await said(self._orders.create_order_v2(**fields_of(made)))
        return Placed(answer.order_id, Decimal(answer.fill_count))

    async def send_many(self, made: list[Any]) -> list[Placed | Refused]:
        answer = await said(self._orders.batch_create_orders_v2(orders=made))
        return [
            Refused(one.error.to_json())
            if one.error is not None
            else Placed(str(one.order_id), Decimal(one.fill_count or 0))
            for one in answer.orders
        ]

    async def cancel(self, market: str, order_id: str) -> None:
        await said(self._orders.cancel_order_v2(order_id, market_ticker=market, exchange_index=-1))

    async def cancel_all(self) -> None:
        await said(self._orders.cancel_all_orders())

    async def order(self, order_id: str) -> OrderState:
        found = (await said(self._orders.get_order(order_id))).order
        status = getattr(found.status, "value", found.status)
        return OrderState(order_id, status == "resting", Decimal(found.fill_count_fp), Decimal(found.initial_count_fp))

    async def open_orders(self) -> dict[str, Decimal]:
        listed = await said(self._orders.get_orders(status="resting"))
        return {order.order_id: Decimal(order.remaining_count_fp) for order in listed.orders}

    # -- the account ------------------------------------------------------------------------------------------------

    async def fills(self) -> list[Filled]:
        listed = await said(self._portfolio.get_fills())
        return [
            Filled(
                fill_id=fill.fill_id,
                order_id=fill.order_id,
                market=fill.ticker,
                side="buy" if getattr(fill.book_side, "value", fill.book_side) == "bid" else "sell",
                price=Decimal(fill.yes_price_dollars),
                size=Decimal(fill.count_fp),
                fee=Decimal(fill.fee_cost),
            )
            for fill in listed.fills
        ]

    async def position(self, market: str) -> Decimal:
        listed = await said(self._portfolio.get_positions())
        return sum((Decimal(p.position_fp) for p in listed.market_positions if p.ticker == market), Decimal(0))

    async def cash(self) -> Decimal:
        return Decimal((await said(self._portfolio.get_balance())).balance_dollars)

    # -- the market -------------------------------------------------------------------------------------------------

    async def book(self, market: str) -> BookView:
        sides = (await said(self._markets.get_market_orderbook(market))).orderbook_fp
        return BookView(
            {Decimal(price): Decimal(size) for price, size in sides.yes_dollars},
            {1 - Decimal(price): Decimal(size) for price, size in sides.no_dollars},
        )

    async def rules(self, market: str) -> tuple[Decimal, Decimal]:
        listed = (await said(self._markets.get_market(market))).market
        middle = [r for r in listed.price_ranges if Decimal(r.start) <= Decimal("0.5") <= Decimal(r.end)]
        return Decimal(middle[0].step), Decimal(0)


def order_fields(wish: Wish) -> dict[str, Any]:
    """A create order's body, as the venue documents it."""
    return {
        "ticker": wish.market,
        "client_order_id": str(uuid.uuid4()),
        "side": "bid" if wish.side == "buy" else "ask",
        "count": f"{wish.size}" if wish.size != wish.size.to_integral_value() else f"{int(wish.size)}.00",
        "price": f"{wish.price:.4f}",
        "time_in_force": TIF[wish.how],
        "self_trade_prevention_type": "taker_at_cross",
        "post_only": wish.post_only,
        "exchange_index": -1,
    }


def fields_of(made: Any) -> dict[str, Any]:
    return {key: value for key, value in made.to_dict().items() if value is not None}


async def said(call: Awaitable[_T]) -> _T:
    """The client's answer; its exception for a refusal as `Refused`, with the body it kept."""
    try:
        return await asyncio.wait_for(call, 20)
    except _errors.ApiException as error:
        raise Refused(str(error.body or error.data or error.reason), status=error.status) from None


def desk(stand: Stand) -> KalshiOfficial:
    return KalshiOfficial(stand)
