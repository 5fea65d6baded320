"""Kalshi's order-book frames to typed events, as cheaply as Python can.

One msgspec pass over the bytes; prices, sizes and the second of the time stamp are looked up in caches, since a book
says the same few hundred texts over and over. Events hold only numbers and strings and are not tracked by the garbage
collector. Frames of other types are passed over, but their sequence number is kept: the venue counts them too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from domain.money import MICRO
from venues.market_events import Malformed

_PLACES = 6
_SCALES: tuple[int, ...] = tuple(10 ** (_PLACES - places) for places in range(_PLACES + 1))
_LONGEST = 24
"""Characters of a number. No price or size of a venue comes near, and Python refuses numerals without end."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Everything the decoder raises for bytes: wrong JSON or types, text that is not UTF-8, brackets without end."""


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The whole book of `market`: YES bids and NO bids, (price on its own side, size) in micros. It has no time."""

    sid: int
    seq: int
    market: str
    yes: tuple[tuple[int, int], ...]
    no: tuple[tuple[int, int], ...]


class Delta(msgspec.Struct, frozen=True, gc=False):
    """A signed change of one level: a bid or an ask at `price` micros on the **YES** side; `at` exchange time in µs."""

    sid: int
    seq: int
    market: str
    bid: bool
    price: int
    delta: int
    at: int


class Lifecycle(msgspec.Struct, frozen=True, gc=False):
    """`market` changed its state: `said` is the venue's word, such as `determined`."""

    sid: int
    seq: int
    market: str
    said: str


class Other(msgspec.Struct, frozen=True, gc=False):
    """Any other message of the feed. `seq` is 0 where the message has none."""

    sid: int
    seq: int
    kind: str


class _Body(msgspec.Struct, gc=False):
    market_ticker: str = ""
    price_dollars: str = ""
    delta_fp: str = ""
    side: str = ""
    ts: str | int = ""
    ts_ms: int = 0
    yes_dollars_fp: tuple[tuple[str, str], ...] = ()
    no_dollars_fp: tuple[tuple[str, str], ...] = ()


class _Frame(msgspec.Struct, gc=False):
    type: str = ""
    sid: int = 0
    seq: int = 0
    msg: _Body | None = None


class _Head(msgspec.Struct, gc=False):
    type: str = ""
    sid: int = 0
    seq: int = 0


class _State(msgspec.Struct, gc=False):
    market_ticker: str
    event_type: str


class _Changed(msgspec.Struct, gc=False):
    msg: _State


_LIFECYCLE = "market_lifecycle_v2"
_frame = msgspec.json.Decoder(_Frame)
_head = msgspec.json.Decoder(_Head)
_lifecycle = msgspec.json.Decoder(_Changed)


def decode(raw: bytes, *, yes_price: bool) -> Delta | Snapshot | Lifecycle | Other:
    """One frame. `yes_price` says how NO levels are written: at the YES price, or (False) on their own side.

    Raises Malformed for bytes that are no JSON object, and for an order-book message with a missing or absurd field; a
    change without its number is one, since nothing else shows that it came twice.
    """
    try:
        if not raw.isascii():
            raw.decode()  # msgspec looks at the texts it returns, and at no others
        frame = _frame.decode(raw)
    except _UNREADABLE as wrong:
        return _other(raw, wrong)
    body = frame.msg
    if frame.type == "orderbook_delta" and body is not None:
        price = price_micros(body.price_dollars)
        if body.side == "yes":
            bid = True
        elif body.side == "no":
            bid = False
            if not yes_price:
                price = MICRO - price
        else:
            raise Malformed(f"side {body.side!r}; expected yes or no")
        at = time_micros(body.ts) if isinstance(body.ts, str) and body.ts else body.ts_ms * 1000
        if at <= 0 or not body.market_ticker:
            raise Malformed("an orderbook_delta without market_ticker or ts")
        if frame.sid <= 0 or frame.seq <= 0:
            raise Malformed(f"an orderbook_delta numbered {frame.seq} of subscription {frame.sid}; expected both")
        return Delta(frame.sid, frame.seq, body.market_ticker, bid, price, size_micros(body.delta_fp), at)
    if frame.type == "orderbook_snapshot" and body is not None:
        if not body.market_ticker or frame.sid <= 0:
            raise Malformed("an orderbook_snapshot without market_ticker or sid")
        yes = tuple((price_micros(price), _standing(size)) for price, size in body.yes_dollars_fp)
        no = tuple((price_micros(price), _standing(size)) for price, size in body.no_dollars_fp)
        if len(dict(yes)) < len(yes) or len(dict(no)) < len(no):
            raise Malformed("an orderbook_snapshot with two levels at one price")
        if yes_price:
            no = tuple((MICRO - price, size) for price, size in no)
        return Snapshot(frame.sid, frame.seq, body.market_ticker, yes, no)
    if frame.type == _LIFECYCLE:
        return _changed(raw, frame.sid, frame.seq)
    if frame.type in ("", "orderbook_delta", "orderbook_snapshot"):
        raise Malformed(f"a message {frame.type!r} without type or msg")
    return Other(frame.sid, frame.seq, frame.type)


def numbered(raw: bytes) -> tuple[int, int] | None:
    """Subscription and number of a frame whose outside can be read, 0 for what it does not say; None for any other."""
    try:
        head = _head.decode(raw)
    except _UNREADABLE:
        return None
    return head.sid, head.seq


def _other(raw: bytes, wrong: Exception) -> Lifecycle | Other:
    """A frame of another channel may use our field names with other types; only its head matters here."""
    try:
        if not raw.isascii():
            raw.decode()
        head = _head.decode(raw)
    except _UNREADABLE:
        raise Malformed(f"not a message: {wrong}") from None
    if head.type in ("", "orderbook_delta", "orderbook_snapshot"):
        raise Malformed(f"{head.type or 'a message without type'}: {wrong}") from None
    if head.type == _LIFECYCLE:
        return _changed(raw, head.sid, head.seq)
    return Other(head.sid, head.seq, head.type)


def _changed(raw: bytes, sid: int, seq: int) -> Lifecycle | Other:
    try:
        said = _lifecycle.decode(raw).msg
    except _UNREADABLE:
        return Other(sid, seq, _LIFECYCLE)
    return Lifecycle(sid, seq, said.market_ticker, said.event_type)


@lru_cache(maxsize=32_768)
def price_micros(text: str) -> int:
    """`0.4700` → 470000; strictly between 0 and 1 dollar."""
    value = _micros(text)
    if not 0 < value < MICRO:
        raise Malformed(f"price {text!r}; expected dollars between 0 and 1 such as 0.4700")
    return value


@lru_cache(maxsize=65_536)
def size_micros(text: str) -> int:
    """`-3.00` → -3000000 micro-contracts; at most a billion contracts either way."""
    value = _micros(text[1:]) if text.startswith("-") else _micros(text)
    if value > 1_000_000_000 * MICRO:
        raise Malformed(f"size {text!r}; expected contracts such as -3.00")
    return -value if text.startswith("-") else value


def _standing(text: str) -> int:
    size = size_micros(text)
    if size < 0 or text.startswith("-"):
        raise Malformed(f"level of size {text!r}; expected contracts such as 3.00")
    return size


def _micros(text: str) -> int:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (whole and digits.isdecimal() and digits.isascii()) or len(fraction) > _PLACES or len(text) > _LONGEST:
        raise Malformed(f"number {text[:80]!r}; expected a plain decimal with at most six places")
    return int(digits) * _SCALES[len(fraction)]


def time_micros(text: str) -> int:
    """`2026-06-11T06:31:29.957081Z` → microseconds since the epoch; up to six places of a second, always UTC."""
    if text[26:] == "Z" and (micros := text[20:26]).isdecimal() and text.isascii():
        return _second(text[:20]) + int(micros)  # as the venue writes it, nearly always
    fraction = text[20:-1]
    if text[-1:] != "Z" or not text.isascii() or (fraction and (not fraction.isdecimal() or len(fraction) > _PLACES)):
        raise Malformed(f"time {text[:80]!r}; expected 2026-06-11T06:31:29.957081Z")
    return _second(text[:20] if fraction else text[:19] + ".") + int(fraction.ljust(_PLACES, "0"))


@lru_cache(maxsize=256)
def _second(text: str) -> int:
    """Of a time up to the point behind its seconds."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.").replace(tzinfo=UTC).timestamp()) * MICRO
    except ValueError:
        raise Malformed(f"time {text!r}; expected 2026-06-11T06:31:29.957081Z") from None
