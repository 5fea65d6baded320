"""What the exchange knows, in the venue's JSON: dollars as strings, counts as strings, times as Go writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain.market import MarketSpec
from domain.money import to_micros
from paper.core.book import ONE
from paper.core.records import AccountView, Cancelled, FillRow, Order, Position, SettlementRow
from paper.kalshi.groups import Group
from paper.kalshi.listing import Listing
from venues.kalshi.frames import count_text, price_text, time_text

_CENT = 10_000
SHARD = 0  # the paper exchange is one shard
_BASE_TAKER = Decimal("0.07")
_EPOCH = "1970-01-01T00:00:00Z"


def dollars(micros: int, places: int = 6) -> str:
    """A signed amount with `places` decimals, rounded towards zero."""
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), ONE)
    text = f"{rest:06d}"[:places]
    return f"{sign}{whole}.{text}"


def instant(at: int) -> str:
    """RFC 3339 with trailing zeros of the fraction dropped, as the venue writes REST times."""
    return time_text(at)[:-1].rstrip("0").rstrip(".") + "Z"


def direction(side: str) -> dict[str, str]:
    if side == "bid":
        return {"action": "buy", "book_side": "bid", "outcome_side": "yes", "side": "yes"}
    return {"action": "sell", "book_side": "ask", "outcome_side": "no", "side": "yes"}


def created(order: Order) -> dict[str, Any]:
    """The answer to a create: averages only if anything filled."""
    body: dict[str, Any] = {}
    if order.filled:
        body["average_fee_paid"] = average(order.taker_fees, order.filled)
        body["average_fill_price"] = average(order.taker_cost, order.filled)
    body["client_order_id"] = order.client_order_id
    body["fill_count"] = count_text(order.filled)
    body["order_id"] = order.order_id
    body["remaining_count"] = count_text(order.remaining)
    body["ts_ms"] = order.updated_at // 1000
    return body


def cancelled(gone: Cancelled) -> dict[str, Any]:
    """The answer to a cancel."""
    return {
        "client_order_id": gone.client_order_id,
        "order_id": gone.order_id,
        "reduced_by": count_text(gone.reduced_by),
        "ts_ms": gone.at // 1000,
    }


def group(item: Group) -> dict[str, Any]:
    """`is_auto_cancel_enabled` is whether its orders are cancelled once the limit is passed: always, here."""
    return {
        "contracts_limit_fp": count_text(item.limit),
        "exchange_index": SHARD,
        "is_auto_cancel_enabled": True,
    }


def order(item: Order, user_id: str) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if item.expires_at:
        extras["expiration_time"] = instant(item.expires_at)
    if item.group:
        extras["order_group_id"] = item.group
    if item.on_pause:
        extras["cancel_order_on_pause"] = True
    return (
        direction(item.side)
        | extras
        | {
            "client_order_id": item.client_order_id,
            "created_time": instant(item.created_at),
            "exchange_index": SHARD,
            "fill_count_fp": count_text(item.filled),
            "initial_count_fp": count_text(item.count),
            "last_update_time": instant(item.updated_at),
            "maker_fees_dollars": dollars(item.maker_fees),
            "maker_fill_cost_dollars": dollars(item.maker_cost),
            "no_price_dollars": price_text(ONE - item.price),
            "order_id": item.order_id,
            "remaining_count_fp": count_text(item.remaining),
            "self_trade_prevention_type": item.self_trade,
            "status": item.status,
            "subaccount_number": 0,
            "taker_fees_dollars": dollars(item.taker_fees),
            "taker_fill_cost_dollars": dollars(item.taker_cost),
            "ticker": item.ticker,
            "type": "limit",
            "user_id": user_id,
            "yes_price_dollars": price_text(item.price),
        }
    )


def fill(item: FillRow) -> dict[str, Any]:
    return direction(item.side) | {
        "count_fp": count_text(item.count),
        "created_time": instant(item.at),
        "exchange_index": SHARD,
        "fee_cost": dollars(item.fee),
        "fill_id": item.trade_id,
        "is_taker": item.is_taker,
        "market_ticker": item.ticker,
        "no_price_dollars": price_text(ONE - item.price),
        "order_id": item.order_id,
        "subaccount_number": 0,
        "ticker": item.ticker,
        "trade_id": item.trade_id,
        "ts": item.at // 1_000_000,
        "yes_price_dollars": price_text(item.price),
    }


def balance(view: AccountView, at: int) -> dict[str, Any]:
    """Available cash (after collateral and working orders); cents are truncated, positions valued at last price."""
    free = view.cash - view.reserved
    value = sum(_worth(position) for position in view.positions.values())
    return {
        "balance": -(-free // _CENT) if free < 0 else free // _CENT,
        "balance_breakdown": [{"balance": dollars(free, 4), "exchange_index": SHARD}],
        "balance_dollars": dollars(free, 4),
        "portfolio_value": value // _CENT,
        "updated_ts": at // 1_000_000,
    }


def positions(view: AccountView, settled: bool | None = False) -> dict[str, Any]:
    """Markets ever traded in, and the same summed by event; those that have paid only if `settled` is True (they
    alone) or None (all)."""
    events: dict[str, list[Position]] = {}
    markets = []
    for ticker, held in sorted(view.positions.items()):
        if settled is not None and held.settled is not settled:
            continue
        events.setdefault(event_of(ticker), []).append(held)
        markets.append(
            {
                "exchange_index": SHARD,
                "fees_paid_dollars": dollars(held.fees),
                "last_updated_ts": instant(held.updated_at),
                "market_exposure_dollars": dollars(held.cost),
                "position_fp": count_text(held.shares),
                "realized_pnl_dollars": dollars(held.realized),
                "resting_orders_count": view.resting.get(ticker, 0),
                "ticker": ticker,
                "total_traded_dollars": dollars(held.traded),
            }
        )
    by_event = [
        {
            "event_exposure_dollars": dollars(sum(p.cost for p in group)),
            "event_ticker": event,
            "fees_paid_dollars": dollars(sum(p.fees for p in group)),
            "realized_pnl_dollars": dollars(sum(p.realized for p in group)),
            "total_cost_dollars": dollars(sum(p.cost for p in group)),
            "total_cost_shares_fp": count_text(sum(abs(p.shares) for p in group)),
        }
        for event, group in events.items()
    ]
    return {"cursor": "", "event_positions": by_event, "market_positions": markets}


def market(
    listing: Listing,
    *,
    bid: tuple[int, int] | None,
    ask: tuple[int, int] | None,
    last_price: int,
    closes: int,
    timer: int,
) -> dict[str, Any]:
    """One market. `closes` is the session's end, for orientation: trading goes on after it until a result is given.
    `timer` is the settlement timer in microseconds."""
    spec = listing.spec
    over = not listing.trading
    bid_price, ask_price = (bid or (0, 0))[0], (ask or (ONE if over else 0, 0))[0]
    name = spec.market.rsplit("-", 1)[-1]
    ends = instant(listing.closed_at or closes)
    body: dict[str, Any] = {
        "can_close_early": True,
        "close_time": ends,
        "created_time": instant(listing.opened_at),
        "event_ticker": spec.event,
        "exchange_index": SHARD,
        "expected_expiration_time": ends,
        "expiration_time": ends,
        "expiration_value": "",
        "fractional_trading_enabled": spec.size_step < 1,
        "last_price_dollars": price_text(last_price),
        "latest_expiration_time": ends,
        "liquidity_dollars": "0.0000",
        "market_type": "binary",
        "no_ask_dollars": price_text(ONE - bid_price) if bid or over else "0.0000",
        "no_bid_dollars": price_text(ONE - ask_price) if ask else "0.0000",
        "no_sub_title": name,
        "notional_value_dollars": "1.0000",
        "open_interest_fp": "0.00",
        "open_time": instant(listing.opened_at),
        "previous_price_dollars": "0.0000",
        "previous_yes_ask_dollars": "0.0000",
        "previous_yes_bid_dollars": "0.0000",
        "price_level_structure": _structure(spec),
        "price_ranges": price_ranges(spec),
        "response_price_units": "usd_cent",
        "result": listing.result if listing.public else "",
        "rules_primary": spec.title,
        "rules_secondary": "",
        "settlement_bounds_type": "default",  # required since OpenAPI 3.34: no bounds
        "settlement_timer_seconds": -(-timer // ONE),
        "status": "closed" if listing.trading and not spec.open else listing.stage,
        "strike_type": "structured",
        "ticker": spec.market,
        "title": spec.title,
        "updated_time": instant(listing.updated_at),
        "volume_24h_fp": "0.00",
        "volume_fp": "0.00",
        "yes_ask_dollars": price_text(ask_price),
        "yes_ask_size_fp": count_text((ask or (0, 0))[1]),
        "yes_bid_dollars": price_text(bid_price),
        "yes_bid_size_fp": count_text((bid or (0, 0))[1]),
        "yes_sub_title": name,
    }
    if listing.public:
        body["settlement_value_dollars"] = price_text(listing.value)
    if listing.settled_at:
        body["settlement_ts"] = instant(listing.settled_at)
    return body


def settlement(row: SettlementRow) -> dict[str, Any]:
    """One position that was paid. `revenue` is cents, `value` the cents a YES contract paid; fees are none."""
    long = row.shares > 0
    worth = row.value if long else ONE - row.value
    count, cost = count_text(abs(row.shares)), dollars(row.cost)
    return {
        "event_ticker": row.event,
        "exchange_index": SHARD,
        "fee_cost": "0.000000",
        "market_result": row.result,
        "no_count_fp": "0.00" if long else count,
        "no_total_cost_dollars": "0.000000" if long else cost,
        "revenue": abs(row.shares) * worth // ONE // _CENT,
        "settled_time": instant(row.at),
        "ticker": row.ticker,
        "value": row.value // _CENT,
        "yes_count_fp": count if long else "0.00",
        "yes_total_cost_dollars": cost if long else "0.000000",
    }


def price_ranges(spec: MarketSpec) -> list[dict[str, str]]:
    """The grid as the venue lists it: from 0 to 1, though neither end can be traded."""
    bands = []
    for band in spec.price_ranges:
        start, end, step = (to_micros(value) for value in (band.start, band.end, band.step))
        start, end = (0 if start == step else start), (ONE if ONE - end == step else end)
        bands.append({"end": price_text(end), "start": price_text(start), "step": price_text(step)})
    return bands


def event(ticker: str, specs: list[MarketSpec]) -> dict[str, Any]:
    return {
        "category": "Sports",
        "collateral_return_type": "",
        "event_ticker": ticker,
        "exchange_index": SHARD,
        "mutually_exclusive": len(specs) > 1 and specs[0].outcomes == len(specs),
        "series_ticker": series_of(ticker),
        "strike_period": "",
        "sub_title": ticker.rsplit("-", 1)[-1],
        "title": specs[0].title,
    }


def series(ticker: str, spec: MarketSpec) -> dict[str, Any]:
    """Fee type and multiplier are where a client learns what it pays: 0.07 × the multiplier is the taker rate."""
    return {
        "additional_prohibitions": [],
        "categories": ["Sports"],
        "category": "Sports",
        "contract_terms_url": "",
        "contract_url": "",
        "fee_multiplier": _number(spec.fees.taker / _BASE_TAKER),
        "fee_type": "quadratic_with_maker_fees" if spec.fees.maker else "quadratic",
        "frequency": "custom",
        "settlement_sources": [],
        "tags": [],
        "ticker": ticker,
        "title": ticker,
    }


def event_of(ticker: str) -> str:
    return ticker.rsplit("-", 1)[0]


def series_of(event_ticker: str) -> str:
    return event_ticker.split("-", 1)[0]


def average(total: int, count: int) -> str:
    """Micro-dollars a contract, half up to four decimals."""
    units = (2 * total * ONE + 100 * count) // (200 * count)
    return dollars(units * 100, 4)


def _worth(position: Position) -> int:
    price = position.last_price if position.shares >= 0 else ONE - position.last_price
    return abs(position.shares) * price // ONE


def _structure(spec: MarketSpec) -> str:
    steps = {band.step for band in spec.price_ranges}
    if steps == {Decimal("0.01")}:
        return "linear_cent"
    return "deci_cent" if steps == {Decimal("0.001")} else "tapered_deci_cent"


def _number(value: Decimal) -> int | Decimal:
    return int(value) if value == int(value) else value.normalize()
