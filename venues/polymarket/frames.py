"""Builders of Polymarket's market-channel frames, in the shape and order of fields the venue sends.

Used by whoever plays the venue: the paper exchange, replays of recordings, the bench. All numbers are integers (micros
of a dollar, micros of a share, microseconds since the epoch); prices are written without trailing zeros, times as
milliseconds. Shapes: docs.polymarket.com/asyncapi.json, and `book` as captured (`tick_size`, `last_trade_price`,
`version`). A level's `size` is what now stands there, "0" removes it; bids are listed ascending and asks descending, so
the best is last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from domain.money import MICRO
from venues.polymarket.book import book_hash

PONG = b"PONG"


@dataclass(frozen=True, slots=True)
class LevelChange:
    """The level at `price` of one side of `asset` is now `size`; the best prices after it, None for an empty side."""

    asset: str
    bid: bool
    price: int
    size: int
    best_bid: int | None
    best_ask: int | None


@lru_cache(maxsize=65_536)
def amount_text(micros: int) -> str:
    """`480000` → `0.48`, `3000000` → `3`: up to six places, no trailing zeros."""
    whole, rest = divmod(micros, MICRO)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def book(
    market: str,
    asset: str,
    bids: Iterable[tuple[int, int]],
    asks: Iterable[tuple[int, int]],
    at: int,
    *,
    tick: int = 10_000,
    min_order_size: str = "5",
    neg_risk: bool = False,
    last_trade_price: str = "",
    version: str | None = None,
) -> bytes:
    """A `book` message of the stream with its true hash; as there, the hash covers `min_order_size` and `neg_risk` and
    the message leaves them out. Levels of size 0 are left out."""
    content = rest_book(
        market,
        asset,
        bids,
        asks,
        at,
        tick=tick,
        min_order_size=min_order_size,
        neg_risk=neg_risk,
        last_trade_price=last_trade_price,
        version=version,
    )
    streamed = ("market", "asset_id", "timestamp", "hash", "bids", "asks", "tick_size")
    said: dict[str, Any] = {name: content[name] for name in streamed}
    said |= {"event_type": "book", "last_trade_price": last_trade_price}
    if version is not None:
        said["version"] = version
    return msgspec.json.encode(said)


def rest_book(
    market: str,
    asset: str,
    bids: Iterable[tuple[int, int]],
    asks: Iterable[tuple[int, int]],
    at: int,
    *,
    tick: int = 10_000,
    min_order_size: str = "5",
    neg_risk: bool = False,
    last_trade_price: str = "",
    version: str | None = None,
) -> dict[str, Any]:
    """A book as `GET /book` answers it, in the order of its fields."""
    low = [(amount_text(price), amount_text(size)) for price, size in sorted(bids) if size]
    high = [(amount_text(price), amount_text(size)) for price, size in sorted(asks, reverse=True) if size]
    stamp, step = str(at // 1000), amount_text(tick)
    content: dict[str, Any] = {
        "market": market,
        "asset_id": asset,
        "timestamp": stamp,
        "hash": book_hash(
            market=market,
            asset_id=asset,
            timestamp=stamp,
            bids=low,
            asks=high,
            min_order_size=min_order_size,
            tick_size=step,
            neg_risk=neg_risk,
            last_trade_price=last_trade_price,
            version=version,
        ),
        "bids": [{"price": price, "size": size} for price, size in low],
        "asks": [{"price": price, "size": size} for price, size in high],
        "min_order_size": min_order_size,
        "tick_size": step,
        "neg_risk": neg_risk,
        "last_trade_price": last_trade_price,
    }
    return content if version is None else content | {"version": version}


def price_change(market: str, changes: Sequence[LevelChange], at: int) -> bytes:
    """`price_change`: levels of one condition's tokens, each with the best prices after it. An empty side's best is
    written 0, and 1 on the ask side. The hash of a change, whose meaning the venue does not say, is a digest of it."""
    rows = ",".join(_change_text(change, at) for change in changes)
    return (
        f'{{"market":"{market}","price_changes":[{rows}],"event_type":"price_change","timestamp":"{at // 1000}"}}'
    ).encode()


def _change_text(change: LevelChange, at: int) -> str:
    price, size = amount_text(change.price), amount_text(change.size)
    bid, ask = amount_text(change.best_bid or 0), amount_text(change.best_ask or MICRO)
    side = "BUY" if change.bid else "SELL"
    content = f"{change.asset}{price}{size}{side}{at // 1000}".encode()
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return (
        f'{{"asset_id":"{change.asset}","price":"{price}","side":"{side}","size":"{size}","hash":"{digest}",'
        f'"best_bid":"{bid}","best_ask":"{ask}"}}'
    )


def best_bid_ask(market: str, asset: str, best_bid: int | None, best_ask: int | None, at: int) -> bytes:
    """Sent only to subscriptions with custom features."""
    bid, ask = best_bid or 0, best_ask or MICRO
    said = {
        "event_type": "best_bid_ask",
        "market": market,
        "asset_id": asset,
        "best_bid": amount_text(bid),
        "best_ask": amount_text(ask),
        "spread": amount_text(ask - bid),
        "timestamp": str(at // 1000),
    }
    return msgspec.json.encode(said)


def last_trade_price(
    market: str, asset: str, price: int, size: int, at: int, *, bought: bool, transaction_hash: str = ""
) -> bytes:
    """A trade print; it has no id."""
    said = {
        "asset_id": asset,
        "event_type": "last_trade_price",
        "fee_rate_bps": "0",
        "market": market,
        "price": amount_text(price),
        "side": "BUY" if bought else "SELL",
        "size": amount_text(size),
        "timestamp": str(at // 1000),
    }
    if transaction_hash:
        said["transaction_hash"] = transaction_hash
    return msgspec.json.encode(said)


def tick_size_change(market: str, asset: str, old: int, new: int, at: int) -> bytes:
    said = {
        "asset_id": asset,
        "event_type": "tick_size_change",
        "market": market,
        "new_tick_size": amount_text(new),
        "old_tick_size": amount_text(old),
        "timestamp": str(at // 1000),
    }
    return msgspec.json.encode(said)


def market_resolved(market: str, assets: Sequence[str], winner: str, outcome: str, at: int) -> bytes:
    """Sent only to subscriptions with custom features."""
    said = {
        "event_type": "market_resolved",
        "market": market,
        "assets_ids": list(assets),
        "winning_asset_id": winner,
        "winning_outcome": outcome,
        "timestamp": str(at // 1000),
    }
    return msgspec.json.encode(said)


def new_market(market: str, assets: Sequence[str], outcomes: Sequence[str], question: str, at: int) -> bytes:
    """Sent only to subscriptions with custom features, of every market the venue lists."""
    said = {
        "event_type": "new_market",
        "question": question,
        "market": market,
        "condition_id": market,
        "assets_ids": list(assets),
        "clob_token_ids": list(assets),
        "outcomes": list(outcomes),
        "timestamp": str(at // 1000),
    }
    return msgspec.json.encode(said)


def array(*messages: bytes) -> bytes:
    """Several messages in one frame."""
    return b"[" + b",".join(messages) + b"]"
