"""What the paper exchange remembers: orders, fills and positions, as exact integers that never change in place.

Prices are YES prices in micro-dollars, counts micro-contracts, money micro-dollars, times wall-clock microseconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

BookSide = Literal["bid", "ask"]
"""`bid` buys YES; `ask` sells YES, which is the same as buying NO at 1 − price."""

OrderState = Literal["resting", "canceled", "executed"]
TimeInForce = Literal["fill_or_kill", "good_till_canceled", "immediate_or_cancel"]
SelfTrade = Literal["taker_at_cross", "maker"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order at one moment; `seq` is its place in the account's history, newest largest.

    `gathered` is what the rounding accumulator of its fees holds; `rows` counts its fills, which makes trade ids.
    `group` is its order group, `expires_at` when it ends by itself (0: never), `on_pause` whether a pause ends it.
    """

    seq: int
    order_id: str
    client_order_id: str
    ticker: str
    side: BookSide
    price: int
    count: int
    filled: int = 0
    remaining: int
    status: OrderState
    time_in_force: TimeInForce
    self_trade: SelfTrade
    created_at: int
    updated_at: int
    taker_cost: int = 0
    maker_cost: int = 0
    taker_fees: int = 0
    maker_fees: int = 0
    gathered: int = 0
    rows: int = 0
    reason: str = ""
    group: str = ""
    expires_at: int = 0
    on_pause: bool = False
    post_only: bool = False


class Cancelled(msgspec.Struct, frozen=True):
    """`reduced_by`: how much of the order was still working, in micros; `at`: when it was taken out."""

    order_id: str
    client_order_id: str
    reduced_by: int
    at: int


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One match at one price level. `fee` is the whole charge of this row, rounding included."""

    seq: int
    trade_id: str
    order_id: str
    client_order_id: str
    ticker: str
    side: BookSide
    price: int
    count: int
    fee: int
    is_taker: bool
    at: int
    position_after: int


class Position(msgspec.Struct, frozen=True):
    """Signed YES shares of one market (negative: NO), what they cost, and what trading there has brought so far.

    `cost` is the money spent on the shares still held (average cost); `realized` excludes fees. `settled`: the market
    paid since it was last traded.
    """

    shares: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    traded: int = 0
    last_price: int = 0
    updated_at: int = 0
    settled: bool = False


class SettlementRow(msgspec.Struct, frozen=True, kw_only=True):
    """A position that a market's end turned into cash. `shares` is signed YES shares, `value` what each paid,
    `cost` what they had cost, `paid` the change of the account's cash: what a share held short gives back included."""

    seq: int
    ticker: str
    event: str
    result: str
    shares: int
    value: int
    cost: int
    paid: int
    at: int


class AccountView(msgspec.Struct, frozen=True):
    """The account at one moment: `cash` after collateral, before `reserved`, which working orders hold back.

    `resting` counts working orders by market.
    """

    cash: int
    reserved: int
    resting: dict[str, int]
    positions: dict[str, Position]


def ended(order: Order, reason: str) -> Order:
    """The order, taken out of the book for `reason`."""
    return msgspec.structs.replace(order, remaining=0, status="canceled", reason=reason)
