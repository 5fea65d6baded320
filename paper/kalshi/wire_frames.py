"""What a WebSocket client is told, in the venue's JSON. Channels with a number count it themselves."""

from __future__ import annotations

from typing import Any

from paper.core.book import ONE
from paper.core.records import FillRow, Order, Position
from paper.kalshi.groups import Group, GroupEvent
from paper.kalshi.listing import Listing
from paper.kalshi.listings import Event
from paper.kalshi.wire import SHARD, direction, dollars, instant
from venues.kalshi.frames import count_text, market_id, price_text


def lifecycle_message(sid: int, seq: int, listing: Listing, event: Event) -> dict[str, Any]:
    """`determined` with what it is worth, `settled` with nothing but when: as they come over the venue's wire."""
    body: dict[str, Any] = {"market_ticker": listing.ticker}
    if event == "determined":
        body |= {
            "determination_ts": listing.determined_at // ONE,
            "result": listing.result,
            "settlement_value": price_text(listing.value),
        }
    else:
        body["settled_ts"] = listing.settled_at // ONE
    return {"type": "market_lifecycle_v2", "sid": sid, "seq": seq, "msg": body | {"event_type": event}}


def fill_message(sid: int, item: FillRow) -> dict[str, Any]:
    towards = direction(item.side)
    return {
        "type": "fill",
        "sid": sid,
        "msg": {
            "trade_id": item.trade_id,
            "order_id": item.order_id,
            "client_order_id": item.client_order_id,
            "market_ticker": item.ticker,
            "exchange_index": SHARD,
            "is_taker": item.is_taker,
            "yes_price_dollars": price_text(item.price),
            "count_fp": count_text(item.count),
            "fee_cost": dollars(item.fee),
            "ts_ms": item.at // 1000,
            "post_position_fp": count_text(item.position_after),
            "outcome_side": towards["outcome_side"],
            "book_side": towards["book_side"],
            "subaccount": 0,
        },
    }


def order_message(sid: int, item: Order) -> dict[str, Any]:
    towards = direction(item.side)
    message: dict[str, Any] = {
        "order_id": item.order_id,
        "ticker": item.ticker,
        "exchange_index": SHARD,
        "status": item.status,
        "outcome_side": towards["outcome_side"],
        "book_side": towards["book_side"],
        "yes_price_dollars": price_text(item.price),
        "fill_count_fp": count_text(item.filled),
        "remaining_count_fp": count_text(item.remaining),
        "initial_count_fp": count_text(item.count),
        "client_order_id": item.client_order_id,
        "created_ts_ms": item.created_at // 1000,
        "last_updated_ts_ms": item.updated_at // 1000,
        "subaccount_number": 0,
    }
    if item.reason:
        message["last_update_reason"] = item.reason
    return {"type": "user_order", "sid": sid, "msg": message}


def group_message(sid: int, seq: int, group: Group, event: GroupEvent, at: int) -> dict[str, Any]:
    """`contracts_limit_fp` comes with the events that set it alone."""
    body: dict[str, Any] = {"event_type": event, "order_group_id": group.id}
    if event in ("created", "limit_updated"):
        body["contracts_limit_fp"] = count_text(group.limit)
    return {"type": "order_group_updates", "sid": sid, "seq": seq, "msg": body | {"ts_ms": at // 1000}}


def position_message(sid: int, ticker: str, held: Position, user_id: str) -> dict[str, Any]:
    """The channel is `market_positions`, its frames `market_position`; they carry no number."""
    body = {
        "user_id": user_id,
        "market_ticker": ticker,
        "exchange_index": SHARD,
        "position_fp": count_text(held.shares),
        "position_cost_dollars": dollars(held.cost),
        "realized_pnl_dollars": dollars(held.realized),
        "fees_paid_dollars": dollars(held.fees),
        "subaccount": 0,
    }
    return {"type": "market_position", "sid": sid, "msg": body}


def ticker_message(
    sid: int, ticker: str, best: tuple[tuple[int, int] | None, tuple[int, int] | None], last: int, at: int
) -> dict[str, Any]:
    """`best` bid and ask. Unnumbered."""
    bid, ask = best[0] or (0, 0), best[1] or (ONE, 0)
    body = {
        "market_id": market_id(ticker),
        "market_ticker": ticker,
        "price_dollars": price_text(last),
        "yes_bid_dollars": price_text(bid[0]),
        "yes_ask_dollars": price_text(ask[0]),
        "yes_bid_size_fp": count_text(bid[1]),
        "yes_ask_size_fp": count_text(ask[1]),
        "volume_fp": "0.00",
        "open_interest_fp": "0.00",
        "dollar_volume": 0,
        "dollar_open_interest": 0,
        "ts": at // ONE,
        "ts_ms": at // 1000,
        "time": instant(at),
    }
    return {"type": "ticker", "sid": sid, "msg": body}


def trade_message(sid: int, seq: int, item: FillRow) -> dict[str, Any]:
    """A public print. The taker's side is the fill's own if we took, the other one if we made."""
    bought = (item.side == "bid") == item.is_taker
    return {
        "type": "trade",
        "sid": sid,
        "seq": seq,
        "msg": {
            "trade_id": item.trade_id,
            "market_ticker": item.ticker,
            "market_id": market_id(item.ticker),
            "yes_price_dollars": price_text(item.price),
            "no_price_dollars": price_text(ONE - item.price),
            "count_fp": count_text(item.count),
            "taker_outcome_side": "yes" if bought else "no",
            "taker_book_side": "bid" if bought else "ask",
            "is_block_trade": False,
            "ts_ms": item.at // 1000,
        },
    }
