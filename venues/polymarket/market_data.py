"""Polymarket's market-channel frames to typed events: absolute levels, texts to scaled integers.

A frame is one message or an array of them. Numbers come as texts (`.48` and `0.480` alike) and are looked up in caches;
times come as texts of milliseconds, in places of seconds, and are told apart by magnitude. Fields we do not know are
passed over; a message of a kind we do not know is `Unknown`, a known one with a missing or absurd field is Malformed.
Source: docs.polymarket.com/asyncapi.json; the fields `tick_size`, `last_trade_price` and `version` of `book` from
captured frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from domain.market import Venue
from domain.money import MICRO
from venues.market_events import Listed, Malformed, Resolved, TickChange, TradePrint

_PLACES = 6
_SCALES: tuple[int, ...] = tuple(10 ** (_PLACES - places) for places in range(_PLACES + 1))
_LONGEST = 24
"""Characters of a number. No price, size or time of the venue comes near, and Python refuses numerals without end."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LARGEST = 10**12 * MICRO
NOT_CARRIED = -1
"""A best price that the message does not say. No bids is 0 and no asks MICRO, which no level can have."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """The level at `price` of one side of `market` is now `size` (micros; 0 removes it). `best_bid` and `best_ask` are
    the venue's own after the change; `at` exchange time in µs."""

    market: str
    bid: bool
    price: int
    size: int
    best_bid: int
    best_ask: int
    at: int


class BookImage(msgspec.Struct, frozen=True, gc=False):
    """The whole book of `market`, levels as (price, size) in micros, and what its hash is made of, as the venue wrote
    it. `at` is when it last changed."""

    market: str
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    at: int
    wire: WireBook


class Best(msgspec.Struct, frozen=True, gc=False):
    """The venue's best prices of `market` at `at`."""

    market: str
    best_bid: int
    best_ask: int
    at: int


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """A message of a kind we do not know."""

    kind: str


Event = Change | BookImage | Best | TickChange | TradePrint | Resolved | Listed | Unknown


class WireLevel(msgspec.Struct, gc=False):
    price: str
    size: str


class WireBook(msgspec.Struct, gc=False):
    """A book as the venue writes it, over REST and in the stream; texts as they came. Fields it left out are None. Both
    sides are always there, an empty one as an empty list."""

    bids: tuple[WireLevel, ...]
    asks: tuple[WireLevel, ...]
    market: str = ""
    asset_id: str = ""
    timestamp: str = ""
    hash: str = ""
    min_order_size: str | None = None
    tick_size: str | None = None
    neg_risk: bool | None = None
    last_trade_price: str | None = None
    version: str | None = None


class _Change(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    side: Literal["BUY", "SELL"]
    size: str
    best_bid: str = ""
    best_ask: str = ""


class _Message(msgspec.Struct, gc=False):
    """Everything the hot messages hold; others are decoded again by what they are."""

    event_type: str = ""
    timestamp: str | int = ""
    price_changes: tuple[_Change, ...] | None = None
    asset_id: str = ""
    best_bid: str = ""
    best_ask: str = ""


class _Head(msgspec.Struct, gc=False):
    event_type: str = ""


class _Trade(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    side: Literal["BUY", "SELL"]
    size: str
    timestamp: str | int


class _Tick(msgspec.Struct, gc=False):
    asset_id: str
    old_tick_size: str
    new_tick_size: str
    timestamp: str | int


class _Resolution(msgspec.Struct, gc=False):
    market: str = ""
    assets_ids: tuple[str, ...] = ()
    winning_asset_id: str = ""
    timestamp: str | int = "0"


class _NewMarket(msgspec.Struct, gc=False):
    market: str = ""
    condition_id: str = ""
    assets_ids: tuple[str, ...] = ()
    clob_token_ids: tuple[str, ...] = ()
    question: str = ""
    timestamp: str | int = "0"


_message = msgspec.json.Decoder(_Message)
_head = msgspec.json.Decoder(_Head)
_book = msgspec.json.Decoder(WireBook)
_trade = msgspec.json.Decoder(_Trade)
_tick = msgspec.json.Decoder(_Tick)
_resolution = msgspec.json.Decoder(_Resolution)
_new_market = msgspec.json.Decoder(_NewMarket)
_books = msgspec.json.Decoder(tuple[WireBook, ...])
_array = msgspec.json.Decoder(tuple[msgspec.Raw, ...])


def decode(raw: bytes) -> Sequence[Event]:
    """All events of a frame, in order. Raises Malformed for the frame as a whole if any part cannot be believed."""
    if not raw.isascii():
        _must_be_text(raw)
    if raw[:1] == b"{":
        return _one(raw)
    try:
        parts = _array.decode(raw)
    except _UNREADABLE as wrong:
        raise Malformed(f"not a message or an array of messages: {wrong}") from None
    return [event for part in parts for event in _one(bytes(part))]


def _must_be_text(raw: bytes) -> None:
    """msgspec looks at the texts it returns and at no others: a damaged name of a field would be one we do not know."""
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        raise Malformed(f"not a message: {wrong}") from None


def _one(raw: bytes) -> Sequence[Event]:
    try:
        message = _message.decode(raw)
    except _UNREADABLE as wrong:
        return _other(raw, wrong)
    changes = message.price_changes
    if changes is not None and message.event_type == "price_change":
        at = time_micros(message.timestamp)
        return [
            Change(
                change.asset_id,
                change.side == "BUY",
                price_micros(change.price),
                size_micros(change.size),
                _best_bid(change.best_bid),
                _best_ask(change.best_ask),
                at,
            )
            for change in changes
        ]
    if message.event_type == "best_bid_ask" and message.asset_id:
        bid, ask = _best_bid(message.best_bid), _best_ask(message.best_ask)
        return (Best(message.asset_id, bid, ask, time_micros(message.timestamp)),)
    return _rare(raw, message.event_type)


def _other(raw: bytes, wrong: Exception) -> Sequence[Event]:
    """A message of another kind may use our field names with other types; only its head matters first."""
    try:
        kind = _head.decode(raw).event_type
    except _UNREADABLE:
        raise Malformed(f"not a message: {wrong}") from None
    if kind in ("price_change", "best_bid_ask"):
        raise Malformed(f"{kind}: {wrong}") from None
    return _rare(raw, kind)


def _rare(raw: bytes, kind: str) -> Sequence[Event]:
    try:
        match kind:
            case "book":
                return (image(_book.decode(raw)),)
            case "last_trade_price":
                trade = _trade.decode(raw)
                price, size = price_micros(trade.price), size_micros(trade.size)
                at = time_micros(trade.timestamp)
                return (TradePrint(Venue.POLYMARKET, trade.asset_id, price, size, trade.side == "BUY", at),)
            case "tick_size_change":
                tick = _tick.decode(raw)
                old, new = price_micros(tick.old_tick_size), price_micros(tick.new_tick_size)
                return (TickChange(Venue.POLYMARKET, tick.asset_id, old, new, time_micros(tick.timestamp)),)
            case "market_resolved":
                ended = _resolution.decode(raw)
                at = time_micros(ended.timestamp)
                return (Resolved(Venue.POLYMARKET, ended.market, ended.assets_ids, ended.winning_asset_id, at),)
            case "new_market":
                new_one = _new_market.decode(raw)
                group = new_one.condition_id or new_one.market
                markets = new_one.assets_ids or new_one.clob_token_ids
                at = time_micros(new_one.timestamp)
                return (Listed(Venue.POLYMARKET, group, markets, new_one.question, at),)
    except _UNREADABLE as wrong:
        raise Malformed(f"{kind}: {wrong}") from None
    if kind in ("", "price_change", "best_bid_ask"):
        raise Malformed(f"a message {kind!r} without event_type, price_changes or asset_id")
    return (Unknown(kind),)


def image(wire: WireBook) -> BookImage:
    """A book in scaled integers. Raises Malformed for one without an asset, with a level off the scale or two at
    one price, or without a time."""
    if not wire.asset_id:
        raise Malformed("a book without asset_id")
    bids = tuple((price_micros(level.price), size_micros(level.size)) for level in wire.bids)
    asks = tuple((price_micros(level.price), size_micros(level.size)) for level in wire.asks)
    if len(dict(bids)) < len(bids) or len(dict(asks)) < len(asks):
        raise Malformed("a book with two levels at one price")
    return BookImage(wire.asset_id, bids, asks, time_micros(wire.timestamp), wire)


def read_books(raw: bytes) -> list[BookImage]:
    """Books as `POST /books` answers them. Raises Malformed."""
    try:
        return [image(wire) for wire in _books.decode(raw)]
    except _UNREADABLE as wrong:
        raise Malformed(f"books: {wrong}") from None


@lru_cache(maxsize=32_768)
def price_micros(text: str) -> int:
    """`.48` → 480000; strictly between 0 and 1 dollar."""
    value = _micros(text)
    if not 0 < value < MICRO:
        raise Malformed(f"price {text!r}; expected dollars between 0 and 1 such as 0.47")
    return value


@lru_cache(maxsize=65_536)
def size_micros(text: str) -> int:
    """`412.39` → 412390000 micro-shares; never negative."""
    value = _micros(text)
    if value > _LARGEST:
        raise Malformed(f"size {text!r}; expected shares such as 412.39")
    return value


@lru_cache(maxsize=32_768)
def _best_bid(text: str) -> int:
    """0 where there are no bids, which the venue writes as `0`."""
    if not text:
        return NOT_CARRIED
    value = _micros(text)
    if value >= MICRO:
        raise Malformed(f"best_bid {text!r}; expected dollars below 1")
    return value


@lru_cache(maxsize=32_768)
def _best_ask(text: str) -> int:
    """MICRO where there are no asks, which the venue writes as `0` or `1`."""
    if not text:
        return NOT_CARRIED
    value = _micros(text)
    if value > MICRO:
        raise Malformed(f"best_ask {text!r}; expected dollars up to 1")
    return value or MICRO


def _micros(text: str) -> int:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isdecimal() and digits.isascii()) or len(fraction) > _PLACES or len(text) > _LONGEST:
        raise Malformed(f"number {text[:80]!r}; expected a plain decimal with at most six places")
    return int(digits) * _SCALES[len(fraction)]


def time_micros(text: str | int) -> int:
    """Milliseconds, or seconds where the number is too small for those, to microseconds since the epoch."""
    if isinstance(text, str) and not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise Malformed(f"timestamp {text!r}; expected milliseconds since 1970 such as 1729084877448")
    value = int(text)
    if value < 0 or value > 10**15:
        raise Malformed(f"timestamp {text!r}; expected milliseconds since 1970 such as 1729084877448")
    return value * 1000 if value >= 10**11 else value * MICRO
