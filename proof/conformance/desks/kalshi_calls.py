"""What Kalshi's own client can do beyond the script: every read that its models must accept, and orders changed, ended
in batches and bound in groups."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from proof.conformance.checks import Wrong
from proof.conformance.desk import Extra
from proof.conformance.stand import Stand

_PARSED = "answered, and the client's own model accepts it"
Said = Callable[[Awaitable[Any]], Awaitable[Any]]


class Calls:
    """`client` is a signed `KalshiClient`; `said` turns its exceptions into refusals."""

    def __init__(self, sdk: Any, client: Any, stand: Stand, said: Said) -> None:
        self._sdk = sdk
        self._client = client
        self._stand = stand
        self._said = said

    def reads(self) -> list[Extra]:
        market = self._stand.market
        event = market.rpartition("-")[0]
        asked: dict[str, dict[str, Any]] = {
            "get_markets": {"event_ticker": event},
            "get_market_orderbooks": {"tickers": [market]},
            "get_trades": {"ticker": market},
            "get_event": {"event_ticker": event, "with_nested_markets": True},
            "get_series": {"series_ticker": event.partition("-")[0]},
            "get_exchange_schedule": {},
            "get_user_data_timestamp": {},
            "get_series_fee_changes": {},
            "get_account_api_limits": {},
            "get_account_endpoint_costs": {},
            "get_api_keys": {},
            "get_settlements": {},
            "get_positions": {"settlement_status": "all"},
            "get_historical_cutoff": {},
            "get_historical_orders": {},
            "get_fills_historical": {},
            "get_trades_historical": {},
            "get_historical_market": {"ticker": market},
            "get_order_groups": {},
        }
        return [Extra(f"read: {name}", _PARSED, self._read(name, given)) for name, given in asked.items()]

    def _read(self, name: str, given: dict[str, Any]) -> Callable[[], Awaitable[object]]:
        async def call() -> object:
            answer = await self._said(getattr(self._client, name)(**given))
            if answer is None:
                raise Wrong("answered with nothing")
            return type(answer).__name__

        return call

    def orders(self) -> list[Extra]:
        return [
            Extra("amend", "price and count changed under the same order id", self._amend),
            Extra("decrease", "10 down to 4, then to nothing", self._decrease),
            Extra("batch cancel", "two ended, an unknown one refused for itself", self._batch_cancel),
            Extra(
                "order group", "its limit is reached: what rests in it is cancelled, new orders refused", self._group
            ),
        ]

    async def _place(self, price: str, count: str = "10.00", **more: Any) -> Any:
        order = {
            "ticker": self._stand.market,
            "client_order_id": str(uuid.uuid4()),
            "side": "bid",
            "count": count,
            "price": price,
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            "exchange_index": -1,
        }
        return await self._said(self._client.create_order_v2(**order, **more))

    async def _left(self, order_id: str) -> Decimal:
        order = (await self._said(self._client.get_order(order_id))).order
        return Decimal(order.remaining_count_fp)

    async def _end(self, order_id: str) -> None:
        await self._said(self._client.cancel_order_v2(order_id, market_ticker=self._stand.market, exchange_index=-1))

    async def _amend(self) -> object:
        placed = await self._place("0.4000")
        changed = await self._said(
            self._client.amend_order_v2(
                placed.order_id, ticker=self._stand.market, side="bid", price="0.4100", count="12.00"
            )
        )
        order = (await self._said(self._client.get_order(placed.order_id))).order
        seen = (changed.order_id == placed.order_id, order.yes_price_dollars, order.remaining_count_fp, order.status)
        await self._end(placed.order_id)
        if seen[:3] != (True, "0.4100", "12.00"):
            raise Wrong(f"same id, price, left: {seen}")
        return seen

    async def _decrease(self) -> object:
        placed = await self._place("0.4000")
        first = await self._said(
            self._client.decrease_order_v2(placed.order_id, reduce_to="4.00", market_ticker=self._stand.market)
        )
        left = await self._left(placed.order_id)
        await self._said(
            self._client.decrease_order_v2(placed.order_id, reduce_by="4.00", market_ticker=self._stand.market)
        )
        order = (await self._said(self._client.get_order(placed.order_id))).order
        seen = (first.remaining_count, left, order.remaining_count_fp, getattr(order.status, "value", order.status))
        if seen != ("4.00", Decimal(4), "0.00", "canceled"):
            raise Wrong(f"answered, listed, then left, status: {seen}")
        return seen

    async def _batch_cancel(self) -> object:
        placed = [await self._place(price) for price in ("0.4000", "0.4100")]
        unknown = str(uuid.uuid4())
        rows = [
            {"order_id": order_id, "market_ticker": self._stand.market, "exchange_index": -1}
            for order_id in (placed[0].order_id, unknown, placed[1].order_id)
        ]
        answer = await self._said(self._client.batch_cancel_orders_v2(orders=rows))
        seen = [(row.error is None, row.reduced_by) for row in answer.orders]
        if [ok for ok, _ in seen] != [True, False, True]:
            raise Wrong(f"ended, by how much: {seen}")
        return seen

    async def _group(self) -> object:
        group = (
            await self._said(self._client.create_order_group(contracts_limit_fp="10.00", exchange_index=0))
        ).order_group_id
        rests = await self._place("0.4000", order_group_id=group)
        await self._said(self._client.trigger_order_group(group))
        left = await self._left(rests.order_id)
        refused = ""
        try:
            again = await self._place("0.4000", order_group_id=group)
            await self._end(again.order_id)
        except Exception as error:  # any refusal will do
            refused = str(error)
        await self._said(self._client.reset_order_group(group))
        after = await self._place("0.4000", order_group_id=group)
        await self._end(after.order_id)
        await self._said(self._client.delete_order_group(group))
        if left or not refused:
            raise Wrong(f"left {left}, a new order of the group: {refused or 'taken'}")
        return refused
