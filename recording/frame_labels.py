"""Which instruments a raw frame is about, when, and its number: read off its outside, without believing the rest.

For the recorder and the export, never for decisions: a frame that cannot be labelled is recorded all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from domain.market import Venue
from domain.spot import SpotFeed
from venues.kalshi.market_data import time_micros
from venues.spot import micros_of


@dataclass(frozen=True, slots=True)
class Label:
    """`market` as `Envelope.market` (of a spot feed, its symbols), "" where the frame names none; `at` exchange
    microseconds, 0 where it has none; `seq` the feed's own number, 0 where it has none."""

    market: str = ""
    at: int = 0
    seq: int = 0


_NONE = Label()


class _KalshiMessage(msgspec.Struct):
    market_ticker: str = ""
    ts: int | str = 0
    ts_ms: int = 0


class _Kalshi(msgspec.Struct):
    seq: int = 0
    msg: _KalshiMessage | None = None


class _Change(msgspec.Struct):
    asset_id: str = ""


class _Polymarket(msgspec.Struct):
    asset_id: str = ""
    timestamp: str | int = 0
    price_changes: tuple[_Change, ...] = ()


class _Coinbase(msgspec.Struct):
    product_id: str = ""
    time: str = ""
    sequence: int = 0


class _AdvancedEvent(msgspec.Struct):
    product_id: str = ""
    tickers: tuple[_Coinbase, ...] = ()


class _Advanced(msgspec.Struct):
    timestamp: str = ""
    sequence_num: int = 0
    events: tuple[_AdvancedEvent, ...] = ()


class _Quote(msgspec.Struct):
    s: str = ""
    u: int = 0
    t: int = 0
    T: int = 0


class _Binance(_Quote):
    data: _Quote | None = None


class _Price(msgspec.Struct):
    symbol: str = ""
    timestamp: int = 0


class _Prices(msgspec.Struct):
    seq: int = 0
    payload: _Price | None = None


_kalshi = msgspec.json.Decoder(_Kalshi)
_polymarket = msgspec.json.Decoder(_Polymarket | list[_Polymarket])
_coinbase = msgspec.json.Decoder(_Coinbase)
_advanced = msgspec.json.Decoder(_Advanced)
_binance = msgspec.json.Decoder(_Binance)
_prices = msgspec.json.Decoder(_Prices)


def label(source: str, raw: bytes) -> Label:
    """`source` is a venue or a spot feed. Never raises: a frame of another shape or source has no label, and a number
    that no envelope can carry is none."""
    try:
        said = _said(source, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return _NONE
    return Label(said.market, _number(said.at), _number(said.seq))


def _said(source: str, raw: bytes) -> Label:
    match source:
        case Venue.KALSHI:
            return _of_kalshi(raw)
        case Venue.POLYMARKET:
            return _of_polymarket(raw)
        case SpotFeed.COINBASE:
            of_coinbase = _coinbase.decode(raw)
            return Label(of_coinbase.product_id, _time(of_coinbase.time), of_coinbase.sequence)
        case SpotFeed.COINBASE_ADVANCED:
            advanced = _advanced.decode(raw)
            named = dict.fromkeys(
                name
                for event in advanced.events
                for name in (event.product_id, *(ticker.product_id for ticker in event.tickers))
                if name
            )
            return Label(",".join(named), _time(advanced.timestamp), advanced.sequence_num)
        case SpotFeed.BINANCE:
            outer = _binance.decode(raw)
            quote = outer if outer.data is None else outer.data
            return Label(quote.s, _millis(quote.T), quote.u or quote.t)
        case SpotFeed.POLYMARKET_PRICES:
            said = _prices.decode(raw)
            price = said.payload or _Price()
            return Label(price.symbol.lower(), _millis(price.timestamp), said.seq)
    return _NONE


def _of_kalshi(raw: bytes) -> Label:
    said = _kalshi.decode(raw)
    if said.msg is None:
        return Label(seq=said.seq)
    ts = said.msg.ts
    at = time_micros(ts) if isinstance(ts, str) and ts else said.msg.ts_ms * 1000
    return Label(said.msg.market_ticker, at, said.seq)


def _of_polymarket(raw: bytes) -> Label:
    decoded = _polymarket.decode(raw)
    messages = decoded if isinstance(decoded, list) else [decoded]
    assets: dict[str, None] = {}  # a set in order of arrival
    at = 0
    for message in messages:
        at = max(at, _millis(message.timestamp))
        for asset in (message.asset_id, *(change.asset_id for change in message.price_changes)):
            if asset:
                assets[asset] = None
    return Label(",".join(assets), at)


def _time(text: str) -> int:
    """An ISO time in microseconds; 0 for none."""
    return max(micros_of(text), 0) if text else 0


def _number(said: int) -> int:
    """0 for what no envelope can carry: a frame may say anything."""
    return said if 0 <= said < 1 << 63 else 0


def _millis(said: str | int) -> int:
    """Milliseconds since the epoch in microseconds; 0 for anything that is no such number."""
    value = int(said) if isinstance(said, int) or said.isdecimal() else 0
    return value * 1000 if 0 <= value < 10**14 else 0
