"""From the venue's messages to the domain's words. Raises `Unavailable` where a message lacks what money rests on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.errors import Unavailable
from domain.evidence import Fill, ForeignOrder, OrderEvidence, OrderStatus, Resolution
from domain.fees import FeeSchedule
from domain.market import CENT_GRID, MarketSpec, PriceRange, Venue
from domain.orders import OrderTicket, Quote, Side
from domain.plausible import FINEST_PRICE, IMPOSSIBLE, odd_amount, odd_fill
from venues.kalshi.messages import (
    Balance,
    Event,
    EventAnswer,
    FillMessage,
    FillRow,
    Level,
    Levels,
    Market,
    Order,
    Series,
)

BASE_TAKER_RATE = Decimal("0.07")
_ONE = Decimal(1)
_ZERO = Decimal(0)
_MOST_MULTIPLIER = Decimal(100)
_CENTS = Decimal(100)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Share of the taker rate a maker pays, by the series' fee_type (specification, series model).
_MAKER_SHARE = {
    "quadratic": Decimal(0),
    "quadratic_with_maker_fees": Decimal("0.25"),
    "quadratic_with_combo_maker_fees": Decimal("0.5"),
}
_DONE = frozenset({"executed", "canceled", "cancelled", "expired", "killed", "rejected"})
"""The first two are documented; the others say in any case that the order trades no more, and its counts stand."""
_PAID = frozenset({"finalized", "settled"})  # `settled` is the filter's word, and was an older answer's


def micros_of(text: str) -> int:
    """ISO-8601 with zone (`2026-06-11T06:29:47.42784Z`, any number of decimals) to microseconds since the epoch."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Unavailable(f"the venue wrote the time {text!r}; expected ISO-8601 with a zone", "unparseable")
    return (at - _EPOCH) // _MICROSECOND


def side_of(message: FillRow | FillMessage | Order) -> Side:
    """Direction on the YES book, from `book_side`, else `outcome_side`, else the deprecated `action` and `side`."""
    if message.book_side in ("bid", "ask"):
        return Side.BUY if message.book_side == "bid" else Side.SELL
    if message.outcome_side in ("yes", "no"):
        return Side.BUY if message.outcome_side == "yes" else Side.SELL
    if message.action in ("buy", "sell") and message.side in ("yes", "no"):
        # Selling NO is buying YES.
        return Side.BUY if (message.action == "buy") == (message.side == "yes") else Side.SELL
    raise Unavailable(
        f"order {message.order_id}: the venue gave no direction; expected book_side bid or ask", "unparseable"
    )


def fill_from_row(row: FillRow, client_order_id: str) -> Fill:
    """A REST fill. Kalshi's fills are final on match; the row does not name the client order id, so the caller does."""
    trade_id = row.trade_id or row.fill_id
    market = row.ticker or row.market_ticker
    if not trade_id or not market:
        raise Unavailable(f"a fill of order {row.order_id} lacks its id or its market", "unparseable")
    if row.market_ticker and row.market_ticker != market:
        raise Unavailable(f"a fill of order {row.order_id} is of {market} and of {row.market_ticker}", IMPOSSIBLE)
    fill = Fill(
        venue=Venue.KALSHI,
        trade_id=trade_id,
        order_id=row.order_id,
        client_order_id=client_order_id,
        market=market,
        side=side_of(row),
        price=row.yes_price_dollars,
        size=row.count_fp,
        fee=row.fee_cost,
        at=micros_of(row.created_time) if row.created_time else (row.ts or 0) * 1_000_000,
        taker=row.is_taker,
    )
    if odd := _odd(fill):
        raise Unavailable(f"a fill of order {row.order_id} cannot be true: {'; '.join(odd)}", IMPOSSIBLE)
    return fill


def fill_from_stream(message: FillMessage) -> Fill | None:
    """A fill from the `fill` channel, or None if it does not carry its fee (then REST must be asked). Raises
    Unavailable for one that cannot be: a price off the scale, no contracts or fewer, no direction, no time."""
    if message.fee_cost is None:
        return None
    at = message.ts_ms * 1000 if message.ts_ms is not None else (message.ts or 0) * 1_000_000
    fill = Fill(
        venue=Venue.KALSHI,
        trade_id=message.trade_id,
        order_id=message.order_id,
        client_order_id=message.client_order_id or "",
        market=message.market_ticker,
        side=side_of(message),
        price=message.yes_price_dollars,
        size=message.count_fp,
        fee=message.fee_cost,
        at=at,
        taker=message.is_taker,
    )
    odd = _odd(fill) if at > 0 else [f"fill {message.trade_id} has no time"]
    if odd:
        raise Unavailable(f"{'; '.join(odd)}: the trade asks for it over REST", "unparseable")
    return fill


def _odd(fill: Fill) -> list[str]:
    """What of a fill cannot be: besides what can be nowhere, a figure finer than a millionth, or one for nothing."""
    fine = [odd_amount(name, abs(value)) for name, value in (("price", fill.price), ("fee", fill.fee))]
    if (odd := odd_fill(fill)) or fill.price >= FINEST_PRICE:
        return odd or [text for text in fine if text]
    return [f"price is {fill.price}"]


def order_dead(order: Order) -> bool:
    """Whether an order can trade no more. A status not known counts as working."""
    return order.status.lower() in _DONE


def order_evidence(
    order: Order, client_order_id: str, fills: tuple[Fill, ...], *, fresh_at: int, ticket: OrderTicket | None = None
) -> OrderEvidence:
    """What a listed order proves. `executed`, `canceled` and their like are DONE; `resting`, and any word not known,
    RESTING. A lagging read shows a finished order as resting; for an order that cannot rest the caller polls on.

    Held against its `ticket`, one that counts more than was asked for is `beyond`: Kalshi counts in shares alone.
    `paid` is the order's own cost, which the venue states for what was bought (of a sale it states what the other side
    cost, or nothing), `fees_paid` its own fees; neither where its fills, all there, say otherwise. Raises `Unavailable`
    for counts that no order has.
    """
    done = order_dead(order)
    for name, count in (("fill_count_fp", order.fill_count_fp), ("remaining_count_fp", order.remaining_count_fp)):
        if odd := odd_amount(name, count):
            raise Unavailable(f"order {order.order_id} ({order.status}): {odd}", IMPOSSIBLE)
    initial = order.initial_count_fp
    if initial is not None and not done and order.fill_count_fp + order.remaining_count_fp > initial:
        raise Unavailable(
            f"order {order.order_id} ({order.status}) of {initial}: {order.fill_count_fp} filled and "
            f"{order.remaining_count_fp} remaining are more than that",
            IMPOSSIBLE,
        )
    spent = _sum_of(order.taker_fill_cost_dollars, order.maker_fill_cost_dollars)
    if spent and not order.fill_count_fp:
        raise Unavailable(f"order {order.order_id} ({order.status}): ${spent} for no contracts", IMPOSSIBLE)
    paid, fees = _own_sums(order, fills, ticket)
    return OrderEvidence(
        client_order_id=client_order_id,
        status=OrderStatus.DONE if done else OrderStatus.RESTING,
        order_id=order.order_id,
        filled=order.fill_count_fp,
        remaining=_ZERO if done else order.remaining_count_fp,
        fills=fills,
        fresh_at=fresh_at,
        at=micros_of(order.last_update_time) if order.last_update_time else 0,
        beyond=ticket is not None and order.fill_count_fp > ticket.size,
        paid=paid,
        fees_paid=fees,
    )


def _own_sums(
    order: Order, fills: tuple[Fill, ...], ticket: OrderTicket | None
) -> tuple[Decimal | None, Decimal | None]:
    """The order's own cost and fees, where it states both parts of each and they can be true of its count."""
    count = order.fill_count_fp
    whole = sum((fill.size for fill in fills), _ZERO) == count
    paid = _sum_of(order.taker_fill_cost_dollars, order.maker_fill_cost_dollars)
    fees = _sum_of(order.taker_fees_dollars, order.maker_fees_dollars)
    if ticket is None or ticket.side is not Side.BUY or paid is None or (paid > 0) != (count > 0) or paid > count:
        paid = None
    if paid is not None and whole and paid != sum((fill.gross for fill in fills), _ZERO):
        paid = None
    if fees is not None and (fees > count or (whole and fees != sum((fill.fee for fill in fills), _ZERO))):
        fees = None
    return paid, fees


def _sum_of(taker: Decimal | None, maker: Decimal | None) -> Decimal | None:
    if taker is None or maker is None or odd_amount("", taker) or odd_amount("", maker):
        return None
    return taker + maker


def name_of(order: Order) -> str:
    """What an order is known by here: its client order id, or the venue's id where it was placed without one."""
    return order.client_order_id or order.order_id


def foreign_order(order: Order, fills: tuple[Fill, ...]) -> ForeignOrder:
    """A listed order in full, for a person to adopt. Raises `Unavailable` if the venue does not say its terms."""
    if order.yes_price_dollars is None:
        raise Unavailable(f"order {order.order_id}: the venue gave no price; expected yes_price_dollars", "unparseable")
    size = order.initial_count_fp
    return ForeignOrder(
        venue=Venue.KALSHI,
        order_id=order.order_id,
        client_order_id=name_of(order),
        market=order.ticker,
        side=side_of(order),
        size=order.fill_count_fp + order.remaining_count_fp if size is None else size,
        limit=order.yes_price_dollars,
        evidence=order_evidence(order, name_of(order), fills, fresh_at=0),
    )


def resolution_of(market: Market) -> Resolution:
    """What a market has paid. `settlement_value_dollars` is the value of a YES contract, whatever the result's kind;
    where it is missing, `yes` paid a dollar and `no` nothing. There are no refunds: each position is paid by result.

    Raises `Unavailable` for a finalized market that says neither, or a value outside the contract's or against its
    result.
    """
    if market.status not in _PAID:
        return Resolution(market.ticker)
    worth = market.notional_value_dollars or _ONE
    paid = market.settlement_value_dollars
    by_result = {"yes": worth, "no": _ZERO}.get(market.result or "")
    if paid is None:
        paid = by_result
    if paid is None or not 0 <= paid <= worth or by_result not in (None, paid):
        raise Unavailable(
            f"{market.ticker} is {market.status} with result {market.result!r} and value "
            f"{market.settlement_value_dollars}; expected a value from 0 to {worth}: ask again later, or look at the "
            "market's page",
            "unparseable",
        )
    return Resolution(market.ticker, paid, micros_of(market.settlement_ts) if market.settlement_ts else 0)


def quote_from_levels(market: str, levels: Levels, *, asked_at: int, answered_at: int) -> Quote:
    """Bids from the YES side, asks from the NO side at 1 − p, each best first whatever order they came in."""
    bids = sorted(_sound(market, levels.yes_dollars), reverse=True)
    asks = sorted((_ONE - price, size) for price, size in _sound(market, levels.no_dollars))
    return Quote(market, tuple(bids), tuple(asks), asked_at=asked_at, answered_at=answered_at)


def cash_of(balance: Balance) -> Decimal:
    """Dollars over all shards, exact where the venue says so. An order needs them on its market's own shard."""
    if balance.balance_dollars is not None:
        return balance.balance_dollars
    if balance.balance_breakdown:
        return sum((shard.balance for shard in balance.balance_breakdown), _ZERO)
    return Decimal(balance.balance) / _CENTS


def fee_schedule(event: Event, series: Series, unit: Decimal) -> FeeSchedule:
    """Rates of an event: the series' type and multiplier unless the event overrides them.

    A fee type this code does not know (`flat` among them: its table is not public) is charged at the highest known
    rates, and so is a missing multiplier: too dear a guess costs a trade, too cheap a one costs money."""
    kind = event.fee_type_override or series.fee_type or ""
    multiplier = series.fee_multiplier if event.fee_multiplier_override is None else event.fee_multiplier_override
    if multiplier is not None and not 0 <= multiplier <= _MOST_MULTIPLIER:
        raise Unavailable(f"{event.event_ticker}: fee multiplier {multiplier}; expected 0 to 100", "unparseable")
    share = _MAKER_SHARE.get(kind)
    if share is None or multiplier is None:
        taker = BASE_TAKER_RATE * max(multiplier or _ONE, _ONE)
        return FeeSchedule(taker=taker, maker=taker, unit=unit)
    taker = BASE_TAKER_RATE * multiplier
    return FeeSchedule(taker=taker, maker=taker * share, unit=unit)


def outcomes_of(answer: EventAnswer) -> int:
    """How many markets an event has, if the venue says that at most one of them can resolve to yes; else 0.

    At most one, not exactly one: whether the list leaves an outcome out, the venue does not say (docs.kalshi.com,
    EventData.mutually_exclusive). Who trades real sets declares them (`sets:` in the configuration)."""
    return len(answer.markets or ()) if answer.event.mutually_exclusive else 0


def market_spec(market: Market, fees: FeeSchedule, outcomes: int = 0) -> MarketSpec:
    """The rules of one market. Bands are cut to the prices an order can have: above 0 and below 1."""
    bands = tuple(
        PriceRange(
            start=band.start + band.step if band.start <= 0 else band.start,
            end=band.end - band.step if band.end >= 1 else band.end,
            step=band.step,
        )
        for band in market.price_ranges or ()
        if band.step > 0
    )
    whole = market.fractional_trading_enabled is False
    step = _ONE if whole else Decimal("0.01")
    ends = market.expected_expiration_time or market.close_time
    title = f"{market.title} — {market.yes_sub_title}" if market.yes_sub_title else market.title
    return MarketSpec(
        venue=Venue.KALSHI,
        market=market.ticker,
        event=market.event_ticker,
        title=title,
        fees=fees,
        price_ranges=tuple(sorted(bands, key=lambda band: band.start)) or CENT_GRID,
        size_step=step,
        min_size=step,
        payoff=market.notional_value_dollars or _ONE,
        open=market.status == "active",
        outcomes=outcomes,
        resolves_at=micros_of(ends) if ends else 0,
        pool="" if market.exchange_index is None else str(market.exchange_index),
    )


def _sound(market: str, levels: list[Level] | None) -> list[Level]:
    for price, size in levels or ():
        if not (price.is_finite() and size.is_finite() and 0 <= price <= 1 and size >= 0):
            raise Unavailable(
                f"the book of {market} lists {size} at {price}; expected a price from 0 to 1", "unparseable"
            )
    return [(price, size) for price, size in levels or () if size > 0]
