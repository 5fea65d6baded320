"""What Kalshi says, as it says it: REST answers and WebSocket messages.

Tolerant where the venue is free to change: unknown fields are ignored, enum values stay text, fields nobody decides on
may be missing. Strict where money rests on a field: without it the message does not decode. Amounts come as decimal
strings (JSON numbers only where the venue sends numbers) and are never a float on the way to a Decimal; a number that
is not finite does not decode. Shapes recorded on the demo exchange on 2026-06-11; newer fields from the specification
3.34 (exchange_index, outcome_side, book_side).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

Level = tuple[Decimal, Decimal]
"""(price in dollars on its own side, contracts)."""


class Message(msgspec.Struct, frozen=True):
    """Base of every message; refuses a Decimal that is not finite."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is Decimal and not value.is_finite():
                raise ValueError(f"{name} is {value}; expected a finite number")


# --- orders -----------------------------------------------------------------------------------------------------


class CreatedOrder(Message, frozen=True):
    """201 of `POST /portfolio/events/orders`. It may have traded, rest, or both; read the counts."""

    order_id: str
    fill_count: Decimal
    remaining_count: Decimal
    client_order_id: str | None = None
    average_fill_price: Decimal | None = None
    average_fee_paid: Decimal | None = None
    ts_ms: int = 0


class Order(Message, frozen=True):
    """One order as listed. After a cancel `remaining_count_fp` is 0 and the status `canceled`, whatever it filled."""

    order_id: str
    ticker: str
    status: str
    fill_count_fp: Decimal
    remaining_count_fp: Decimal
    client_order_id: str | None = None
    initial_count_fp: Decimal | None = None
    book_side: str | None = None
    outcome_side: str | None = None
    action: str | None = None
    side: str | None = None
    yes_price_dollars: Decimal | None = None
    taker_fees_dollars: Decimal | None = None
    maker_fees_dollars: Decimal | None = None
    taker_fill_cost_dollars: Decimal | None = None
    maker_fill_cost_dollars: Decimal | None = None
    created_time: str | None = None
    last_update_time: str | None = None
    exchange_index: int | None = None


class OrderAnswer(Message, frozen=True):
    order: Order


class OrdersPage(Message, frozen=True):
    orders: list[Order] | None
    cursor: str | None = None


class CancelAnswer(Message, frozen=True):
    """Advisory: the venue has described the wrong order here before (changelog 2026-05-21)."""

    order_id: str | None = None
    reduced_by: Decimal | None = None
    ts_ms: int = 0


class FillRow(Message, frozen=True):
    """One fill over REST. It names no client order id."""

    order_id: str
    count_fp: Decimal
    yes_price_dollars: Decimal
    fee_cost: Decimal
    fill_id: str | None = None
    trade_id: str | None = None
    ticker: str | None = None
    market_ticker: str | None = None
    book_side: str | None = None
    outcome_side: str | None = None
    action: str | None = None
    side: str | None = None
    is_taker: bool = True
    created_time: str | None = None
    ts: int | None = None


class FillsPage(Message, frozen=True):
    fills: list[FillRow] | None
    cursor: str | None = None


# --- account ----------------------------------------------------------------------------------------------------


class ShardBalance(Message, frozen=True):
    balance: Decimal
    exchange_index: int = 0


class Balance(Message, frozen=True):
    """`balance` is cents, truncated; `balance_dollars` the exact total over all shards."""

    balance: int
    balance_dollars: Decimal | None = None
    balance_breakdown: list[ShardBalance] | None = None
    portfolio_value: int | None = None
    updated_ts: int | None = None


class Position(Message, frozen=True):
    """`position_fp` is signed YES contracts; negative means NO."""

    ticker: str
    position_fp: Decimal
    market_exposure_dollars: Decimal | None = None
    realized_pnl_dollars: Decimal | None = None
    fees_paid_dollars: Decimal | None = None


class PositionsPage(Message, frozen=True):
    market_positions: list[Position] | None
    cursor: str | None = None


class Settlement(Message, frozen=True):
    """`value` is the cents a YES contract paid, `revenue` the cents the position did."""

    ticker: str
    market_result: str | None = None
    yes_count_fp: Decimal | None = None
    no_count_fp: Decimal | None = None
    revenue: int | None = None
    value: int | None = None
    exchange_index: int | None = None
    fee_cost: Decimal | None = None
    settled_time: str | None = None


class SettlementsPage(Message, frozen=True):
    settlements: list[Settlement] | None
    cursor: str | None = None


class Bucket(Message, frozen=True):
    """A token bucket: `bucket_capacity` tokens at most, `refill_rate` of them a second."""

    bucket_capacity: int
    refill_rate: int


class AccountLimits(Message, frozen=True):
    read: Bucket
    write: Bucket
    usage_tier: str | None = None


class EndpointCost(Message, frozen=True):
    method: str
    path: str
    cost: int


class EndpointCosts(Message, frozen=True):
    default_cost: int
    endpoint_costs: list[EndpointCost] | None = None


class UserDataTimestamp(Message, frozen=True):
    """How recent balance, orders, fills and positions are, approximately."""

    as_of_time: str


# --- markets ----------------------------------------------------------------------------------------------------


class PriceBand(Message, frozen=True):
    start: Decimal
    end: Decimal
    step: Decimal


class Market(Message, frozen=True):
    ticker: str
    event_ticker: str
    status: str
    price_ranges: list[PriceBand] | None = None
    price_level_structure: str | None = None
    title: str = ""
    yes_sub_title: str = ""
    notional_value_dollars: Decimal | None = None
    fractional_trading_enabled: bool | None = None
    exchange_index: int | None = None
    result: str | None = None
    close_time: str | None = None
    expected_expiration_time: str | None = None
    settlement_value_dollars: Decimal | None = None
    settlement_ts: str | None = None


class MarketAnswer(Message, frozen=True):
    market: Market


class MarketsPage(Message, frozen=True):
    markets: list[Market] | None
    cursor: str | None = None


class Event(Message, frozen=True):
    """Fee overrides, where set, stand above the series'."""

    event_ticker: str
    series_ticker: str
    title: str = ""
    mutually_exclusive: bool | None = None
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None


class EventMarket(Message, frozen=True):
    ticker: str


class EventAnswer(Message, frozen=True):
    """`markets` are all of the event, beside it unless they were asked for nested."""

    event: Event
    markets: list[EventMarket] | None = None


class Series(Message, frozen=True):
    ticker: str
    fee_type: str | None = None
    fee_multiplier: Decimal | None = None
    title: str = ""
    category: str | None = None


class SeriesAnswer(Message, frozen=True):
    series: Series


class Levels(Message, frozen=True):
    """Bids only, on both sides; a side without levels may be missing or null."""

    yes_dollars: list[Level] | None = None
    no_dollars: list[Level] | None = None


class OrderbookAnswer(Message, frozen=True):
    orderbook_fp: Levels


class PublicTrade(Message, frozen=True):
    trade_id: str
    count_fp: Decimal
    yes_price_dollars: Decimal
    ticker: str | None = None
    taker_book_side: str | None = None
    created_time: str | None = None


class TradesPage(Message, frozen=True):
    trades: list[PublicTrade] | None
    cursor: str | None = None


# --- WebSocket --------------------------------------------------------------------------------------------------


class Envelope(Message, frozen=True):
    """The outside of every frame; what `msg` holds depends on `type`."""

    type: str
    id: int | None = None
    sid: int | None = None
    seq: int | None = None
    msg: msgspec.Raw = msgspec.Raw(b"null")


class Subscribed(Message, frozen=True):
    channel: str
    sid: int


class StreamError(Message, frozen=True):
    code: int
    msg: str = ""


class BookSnapshotMessage(Message, frozen=True):
    """Whole book of one market. NO levels are at YES prices if the subscription asked for `use_yes_price`."""

    market_ticker: str
    yes_dollars_fp: list[Level] | None = None
    no_dollars_fp: list[Level] | None = None


class BookDeltaMessage(Message, frozen=True):
    """A signed change, in contracts, of one level."""

    market_ticker: str
    price_dollars: Decimal
    delta_fp: Decimal
    side: str
    ts: str | None = None
    ts_ms: int | None = None


class FillMessage(Message, frozen=True):
    """Own fill, with the client order id the REST row lacks."""

    trade_id: str
    order_id: str
    market_ticker: str
    yes_price_dollars: Decimal
    count_fp: Decimal
    client_order_id: str | None = None
    fee_cost: Decimal | None = None
    is_taker: bool = True
    book_side: str | None = None
    outcome_side: str | None = None
    action: str | None = None
    side: str | None = None
    ts: int | None = None
    ts_ms: int | None = None
    post_position_fp: Decimal | None = None


class UserOrderMessage(Message, frozen=True):
    order_id: str
    ticker: str
    status: str
    fill_count_fp: Decimal
    remaining_count_fp: Decimal
    client_order_id: str | None = None
    initial_count_fp: Decimal | None = None
    yes_price_dollars: Decimal | None = None
    book_side: str | None = None
    outcome_side: str | None = None
    last_update_reason: str | None = None
    created_ts_ms: int | None = None


class LifecycleMessage(Message, frozen=True):
    """A market's change of state. `determined` carries the result and, as text, the value of a YES contract;
    `settled` only when it was paid, and it may come several times. Times are whole seconds since the epoch.

    Nothing is sent when a market opens or closes by its clock. The channel has no ticker filter: every market of the
    exchange is in it. Source: docs.kalshi.com/websockets/market-and-event-lifecycle."""

    market_ticker: str
    event_type: str
    result: str | None = None
    settlement_value: Decimal | None = None
    determination_ts: int | None = None
    settled_ts: int | None = None
    price_level_structure: str | None = None
    price_ranges: list[PriceBand] | None = None
