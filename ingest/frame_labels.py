"""Which instruments a raw frame is about, when, and its number: read off its outside, without believing the rest.

For the recorder and the export, never for decisions: a frame that cannot be labelled is recorded all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from domain.market import Venue
from ingest.decode_kalshi import time_micros


@dataclass(frozen=True, slots=True)
class Label:
    """`market` as `Envelope.market`, "" where the frame names none; `at` exchange microseconds, 0 where it has none;
    `seq` the feed's own number, 0 where it has none."""

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


_kalshi = msgspec.json.Decoder(_Kalshi)
_polymarket = msgspec.json.Decoder(_Polymarket | list[_Polymarket])


def label(venue: Venue, raw: bytes) -> Label:
    """Never raises: a frame of another shape has no label."""
    try:
        if venue is Venue.KALSHI:
            said = _kalshi.decode(raw)
            if said.msg is None:
                return Label(seq=_number(said.seq))
            ts = said.msg.ts
            at = time_micros(ts) if isinstance(ts, str) and ts else said.msg.ts_ms * 1000
            return Label(said.msg.market_ticker, _number(at), _number(said.seq))
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
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return _NONE


def _number(said: int) -> int:
    """0 for what no envelope can carry: a frame may say anything."""
    return said if 0 <= said < 1 << 63 else 0


def _millis(said: str | int) -> int:
    """Milliseconds since the epoch in microseconds; 0 for anything that is no such number."""
    value = int(said) if isinstance(said, int) or said.isdecimal() else 0
    return value * 1000 if 0 <= value < 10**14 else 0
