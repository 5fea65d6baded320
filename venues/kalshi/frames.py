"""Builders of Kalshi's order-book frames, byte for byte in the shape the venue sends.

Used by whoever plays the venue: the paper exchange and replays of recordings. Prices are written with four decimals,
counts with two, each frame ends with the newline the venue's frames end with. All numbers are integers (micros of a
dollar, micros of a contract, microseconds since the epoch): these run once for every frame of a replay.

Kalshi keeps bids only. A NO bid at p is a YES ask at 1 − p; a subscription with `use_yes_price` writes NO levels at
that YES price, one without writes them on their own side (recorded both ways on 2026-06-11).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec

from domain.money import Inexact

PRICE_UNIT = 100  # $0.0001, the finest price the venue writes, in micros
COUNT_UNIT = 10_000  # 0.01 contract, the venue's granularity, in micros
ONE = 1_000_000

_MARKETS = uuid.UUID("0f5e5a4b-6c43-5c0e-9d3e-7a5f2b1c8d90")  # namespace of made-up, stable market ids
_PRICES = tuple(f"{tick // 10_000}.{tick % 10_000:04d}" for tick in range(10_001))


def price_text(micros: int) -> str:
    """A price from 0 to 1 dollar as the venue writes it: `470000` → `0.4700`. Raises `Inexact` for any other."""
    tick, rest = divmod(micros, PRICE_UNIT)
    if rest or not 0 <= tick <= 10_000:
        raise Inexact(f"price {micros} micros cannot be written; expected 0..1000000 in steps of {PRICE_UNIT}")
    return _PRICES[tick]


def count_text(micros: int) -> str:
    """A signed number of contracts as the venue writes it: `-3000000` → `-3.00`. Raises `Inexact` off 0.01."""
    hundredths, rest = divmod(abs(micros), COUNT_UNIT)
    if rest:
        raise Inexact(f"count {micros} micros cannot be written; expected steps of {COUNT_UNIT} (0.01 contract)")
    return f"{'-' if micros < 0 else ''}{hundredths // 100}.{hundredths % 100:02d}"


def time_text(at: int) -> str:
    """Microseconds since the epoch as `2026-06-11T06:31:29.957081Z`."""
    second, micros = divmod(at, 1_000_000)
    return f"{_second_text(second)}.{micros:06d}Z"


def market_id(market: str) -> str:
    """A UUID that stands for the market wherever no real one is known: the same for the same ticker, always."""
    return str(uuid.uuid5(_MARKETS, market))


def snapshot(
    sid: int,
    seq: int,
    market: str,
    yes: Iterable[tuple[int, int]],
    no: Iterable[tuple[int, int]],
    *,
    yes_price: bool,
) -> bytes:
    """`orderbook_snapshot`: every level as (price, size) in micros, the price on its own side. Levels of size 0 are
    left out; an empty side is left out of the message, as the venue does. Raises `Inexact` off the wire's grid."""
    sides = _side("yes_dollars_fp", yes, flip=False) + _side("no_dollars_fp", no, flip=yes_price)
    text = f'{{"type":"orderbook_snapshot","sid":{sid},"seq":{seq},"msg":{_market_text(market)}{sides}}}}}\n'
    return text.encode()


def delta(  # noqa: PLR0917 - the frame's own order, and keywords cost time on every frame
    sid: int,
    seq: int,
    market: str,
    side: Literal["yes", "no"],
    price: int,
    delta: int,
    at: int,
    *,
    yes_price: bool,
) -> bytes:
    """`orderbook_delta`: a signed change of one level, price on its own side; `at` is exchange time in microseconds.

    Raises `Inexact` for a price or size the wire cannot carry."""
    shown = ONE - price if yes_price and side == "no" else price
    text = (
        f'{{"type":"orderbook_delta","sid":{sid},"seq":{seq},"msg":{_market_text(market)}'
        f',"price_dollars":"{price_text(shown)}","delta_fp":"{count_text(delta)}","side":"{side}"'
        f',"ts":"{time_text(at)}","ts_ms":{at // 1000}}}}}\n'
    )
    return text.encode()


def _side(name: str, levels: Iterable[tuple[int, int]], *, flip: bool) -> str:
    # Ascending by the price as written, which is how the venue lists a side.
    shown = sorted((ONE - price if flip else price, size) for price, size in levels if size)
    if not shown:
        return ""
    return f',"{name}":[' + ",".join(f'["{price_text(price)}","{count_text(size)}"]' for price, size in shown) + "]"


@lru_cache(maxsize=4096)
def _market_text(market: str) -> str:
    ticker = msgspec.json.encode(market).decode()
    return f'{{"market_ticker":{ticker},"market_id":"{market_id(market)}"'


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
