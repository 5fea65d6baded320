"""What the Polymarket side knows, in the CLOB's JSON: amounts as decimal text, times in seconds or milliseconds as the
venue writes each of them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from paper.core.book import ONE
from paper.polymarket.conditions import Market
from paper.polymarket.figures import text
from paper.polymarket.records import ClobOrder, ClobTrade, MakerRow
from paper.polymarket.step import OrderNews

Levels = list[tuple[int, int]]
_SECOND = 1_000_000


def posted(order: ClobOrder, trades: list[ClobTrade]) -> dict[str, Any]:
    """The answer to a post: what was given and what was got by the trades at once."""
    dollars = sum(trade.value for trade in trades)
    shares = sum(trade.size for trade in trades)
    making, taking = (dollars, shares) if order.side == "BUY" else (shares, dollars)
    status = {"LIVE": "live", "DELAYED": "delayed"}.get(order.status, "matched")
    if trades and order.status == "LIVE":
        status = "matched"
    return {
        "errorMsg": "",
        "orderID": order.order_id,
        "takingAmount": text(taking) if trades else "",
        "makingAmount": text(making) if trades else "",
        "status": status,
        "success": True,
        "transactionsHashes": [],
        "tradeIDs": [trade.trade_id for trade in trades],
    }


def refused(error: str, order_id: str = "") -> dict[str, Any]:
    """The entry of a batch that was refused."""
    return {
        "errorMsg": error,
        "orderID": order_id,
        "takingAmount": "",
        "makingAmount": "",
        "status": "",
        "success": True,
    }


def order(item: ClobOrder, market: Market) -> dict[str, Any]:
    return {
        "id": item.order_id,
        "status": item.status,
        "owner": item.owner,
        "maker_address": item.account,
        "market": item.condition,
        "asset_id": item.token,
        "side": item.side,
        "original_size": text(item.size),
        "size_matched": text(item.matched),
        "price": text(item.price),
        "outcome": market.outcome(item.token),
        "expiration": str(item.expiration),
        "order_type": item.kind,
        "associate_trades": list(item.trades),
        "created_at": item.created_at // _SECOND,
    }


def _maker(row: MakerRow) -> dict[str, Any]:
    return {
        "order_id": row.order_id,
        "owner": row.owner,
        "maker_address": row.maker,
        "matched_amount": text(row.matched),
        "price": text(row.price),
        "fee_rate_bps": "0",
        "asset_id": row.token,
        "outcome": row.outcome,
        "side": row.side,
    }


def trade(item: ClobTrade) -> dict[str, Any]:
    """A trade as its account sees it. At the top stands the taker, also where the account was the maker."""
    return {
        "id": item.trade_id,
        "taker_order_id": item.taker_order_id,
        "market": item.condition,
        "asset_id": item.taker_token,
        "side": item.taker_side,
        "size": text(item.taker_size or item.size),
        "fee_rate_bps": "0",
        "price": text(item.taker_price),
        "status": f"TRADE_STATUS_{item.status}",
        "match_time": str(item.matched_at // _SECOND),
        "last_update": str(item.updated_at // _SECOND),
        "outcome": item.taker_outcome,
        "bucket_index": 0,
        "owner": item.owner,
        "maker_address": item.account,
        "transaction_hash": item.tx,
        "maker_orders": [_maker(row) for row in item.makers],
        "trader_side": "TAKER" if item.taker else "MAKER",
    }


def order_event(item: ClobOrder, market: Market, news: OrderNews) -> dict[str, Any]:
    status: str = item.status
    if item.status == "CANCELED" and item.reason:
        status = f"CANCELED_{item.reason}"
    return {
        "event_type": "order",
        "id": item.order_id,
        "owner": item.owner,
        "market": item.condition,
        "asset_id": item.token,
        "side": item.side,
        "order_owner": item.owner,
        "original_size": text(item.size),
        "size_matched": text(item.matched),
        "price": text(item.price),
        "associate_trades": list(item.trades) or None,
        "outcome": market.outcome(item.token),
        "type": news,
        "created_at": str(item.created_at // _SECOND),
        "expiration": str(item.expiration),
        "order_type": item.kind,
        "status": status,
        "maker_address": item.account,
        "timestamp": str(item.updated_at // 1000),
    }


def trade_event(item: ClobTrade) -> dict[str, Any]:
    body = trade(item) | {"status": item.status}
    return body | {
        "event_type": "trade",
        "type": "TRADE",
        "trade_owner": item.owner,
        "timestamp": str(item.updated_at // 1000),
    }


# -- books -------------------------------------------------------------------------------------------------------------


def side_levels(levels: dict[str, Levels], first: bool) -> tuple[Levels, Levels]:
    """Bids and asks of one token, worst first: bids ascending, asks descending."""
    own, other = (levels["yes"], levels["no"]) if first else (levels["no"], levels["yes"])
    return own, [(ONE - price, size) for price, size in other]


def book(market: Market, token: str, levels: dict[str, Levels], at: int) -> dict[str, Any]:
    """One token's book as `GET /book` gives it, with the hash over it."""
    bids, asks = side_levels(levels, market.index(token) == 0)
    body: dict[str, Any] = {
        "market": market.id,
        "asset_id": token,
        "timestamp": str(at // 1000),
        "hash": "",
        "bids": [{"price": text(price), "size": text(size)} for price, size in bids],
        "asks": [{"price": text(price), "size": text(size)} for price, size in asks],
        "min_order_size": text(market.min_size),
        "tick_size": text(market.tick),
        "neg_risk": market.about.neg_risk,
        "last_trade_price": last_price(market, token),
    }
    if market.about.version == "v2":
        body["version"] = "v2"
    return body | {"hash": book_hash(body)}


def book_hash(body: dict[str, Any]) -> str:
    """SHA-1 over the compact JSON of a book whose `hash` is empty."""
    return hashlib.sha1(msgspec.json.encode(body | {"hash": ""}), usedforsecurity=False).hexdigest()


def book_event(market: Market, token: str, levels: dict[str, Levels], at: int) -> dict[str, Any]:
    body = book(market, token, levels, at)
    for name in ("min_order_size", "neg_risk"):
        del body[name]
    return body | {"event_type": "book"}


def last_price(market: Market, token: str) -> str:
    return text(market.in_book(token, market.last_price)) if market.last_price else ""


def best(levels: dict[str, Levels], first: bool) -> tuple[int, int]:
    """Best bid and best ask of one token; 0 and a dollar where there is none."""
    bids, asks = side_levels(levels, first)
    return bids[-1][0] if bids else 0, asks[-1][0] if asks else ONE


# -- markets -----------------------------------------------------------------------------------------------------------


def clob_market(market: Market) -> dict[str, Any]:
    """`GET /clob-markets/{condition}`: the short names are the venue's."""
    fees = market.spec.fees
    body: dict[str, Any] = {
        "r": {"mi": 0, "ma": 0, "moas": 0},
        "t": [{"t": token, "o": market.outcome(token)} for token in market.tokens],
        "c": market.id,
        "mos": _number(market.min_size),
        "mts": _number(market.tick),
        "mbf": 1000 if market.rate else 0,
        "tbf": 1000 if market.rate else 0,
        "ao": market.trading,
        "aot": instant(market.opened_at),
        "itode": 0 < market.spec.delay_ms < 1000,
        "fd": {"r": float(fees.taker), "e": fees.exponent, "to": True},
        "v": market.about.version,
    }
    if market.about.neg_risk:
        body["nr"] = True
    if market.spec.delay_ms >= 1000:
        body["sd"] = market.spec.delay_ms // 1000
    return body


def full_market(market: Market, levels: dict[str, Levels]) -> dict[str, Any]:
    """An entry of `GET /markets`, and `GET /markets/{condition}`."""
    decided = market.value >= 0
    tokens = []
    for token in market.tokens:
        bid, ask = best(levels, market.index(token) == 0)
        price = market.pays(token) if decided else (bid + ask) // 2
        tokens.append(
            {
                "token_id": token,
                "outcome": market.outcome(token),
                "price": _number(price),
                "winner": decided and market.pays(token) == ONE,
            }
        )
    return {
        "enable_order_book": True,
        "active": True,
        "closed": not market.trading,
        "archived": False,
        "accepting_orders": market.trading,
        "accepting_order_timestamp": instant(market.opened_at),
        "minimum_order_size": _number(market.min_size),
        "minimum_tick_size": _number(market.tick),
        "condition_id": market.id,
        "question_id": market.id,
        "question": market.spec.title,
        "description": market.about.rules,
        "market_slug": slug(market),
        "end_date_iso": instant(market.about.ends_at) if market.about.ends_at else None,
        "game_start_time": None,
        "seconds_delay": market.spec.delay_ms // 1000,
        "maker_base_fee": 1000 if market.rate else 0,
        "taker_base_fee": 1000 if market.rate else 0,
        "neg_risk": market.about.neg_risk,
        "neg_risk_market_id": market.spec.event if market.about.neg_risk else "",
        "is_50_50_outcome": decided and market.value == ONE // 2,
        "tokens": tokens,
        "tags": [],
        "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
    }


def slug(market: Market) -> str:
    return market.about.slug or f"paper-{market.id[2:12]}"


def instant(at: int) -> str:
    return datetime.fromtimestamp(at // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(micros: int) -> int | float:
    """A JSON number, whole where it can be: what the venue writes for ticks and sizes of markets, never for money."""
    return micros // ONE if micros % ONE == 0 else micros / ONE
