"""Which instruments a raw frame is about, when, and its number: read off its outside, without believing the rest.

For the recorder and the export, never for decisions: a frame that cannot be labelled is recorded all the same.
"""

from __future__ import annotations

import msgspec

from domain.spot import SpotFeed
from venues.adapter import VenueAdapter
from venues.labels import Label, millis
from venues.registry import ADAPTERS
from venues.spot import micros_of

__all__ = ["Label", "label"]

_NONE = Label()
_VENUES: dict[str, VenueAdapter] = {one.venue: one for one in ADAPTERS}


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
            return Label(quote.s, millis(quote.T), quote.u or quote.t)
        case SpotFeed.POLYMARKET_PRICES:
            said = _prices.decode(raw)
            price = said.payload or _Price()
            return Label(price.symbol.lower(), millis(price.timestamp), said.seq)
    return _VENUES[source].label(raw) if source in _VENUES else _NONE


def _time(text: str) -> int:
    """An ISO time in microseconds; 0 for none."""
    return max(micros_of(text), 0) if text else 0


def _number(said: int) -> int:
    """0 for what no envelope can carry: a frame may say anything."""
    return said if 0 <= said < 1 << 63 else 0
