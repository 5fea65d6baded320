"""Logs: Kalshi changes of many games, a spot exchange's raw stream, and lines for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from domain.market import Venue
from recording.envelope import Envelope, EventType, envelope
from recording.importing.clocks import clock, from_eastern
from recording.importing.intake import Intake, lines
from recording.sources import numbers
from recording.sources.numbers import Unreadable

_LINE = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},\d{3}) \| [A-Z]+ \| (.*)")
_CHANGE = re.compile(r"(\S+) \| side=(yes|no) \| price=(\S+) \| delta=(\S+) \| timestamp=(\S+)")
_QUOTE = re.compile(
    r"(?:Updated order book|Loaded snapshot) for Asset ID: (\S+) \| Best Bid: (\(.*?\)|None) \| Best Ask: (\(.*\)|None)"
)


def kalshi_log(path: Path, intake: Intake) -> Iterator[Envelope]:
    """One recorder's log of a subscription. A `change` is what one level did, of a book that was not recorded; only
    the last of every half minute was kept, so no book can be built of them. A `quote` is the touch."""

    def read(text: str) -> Envelope | None:
        at, said = _timed(text)
        if change := _CHANGE.fullmatch(said):
            market, side, price, delta, moment = change.groups()
            numbers.price(price)
            numbers.change(delta)
            return _event(
                EventType.CHANGE, Venue.KALSHI, market, {"side": side, "price": price, "delta": delta},
                exchange_at=numbers.moment(moment), received_at=at, source=path.name,
            )  # fmt: skip
        if quote := _QUOTE.fullmatch(said):
            market, bid, ask = quote.groups()
            return _event(
                EventType.QUOTE, Venue.KALSHI, market, {"bid": bid, "ask": ask}, received_at=at, source=path.name
            )
        return envelope(EventType.NOTE, said, venue=Venue.KALSHI, received_at=at, source=path.name)

    return lines(path, intake, read)


def note_log(path: Path, intake: Intake) -> Iterator[Envelope]:
    """A bot's log: kept line by line, for people."""

    def read(text: str) -> Envelope:
        at, said = _timed(text)
        return envelope(EventType.NOTE, said, received_at=at, source=path.name)

    return lines(path, intake, read)


def _timed(text: str) -> tuple[int, str]:
    found = _LINE.fullmatch(text)
    if found is None:
        raise Unreadable(f"a log line `2026-03-25 22:21:29,187 | INFO | …`, not {text[:60]!r}")
    return from_eastern(clock(found[1])), found[2]


def _event(
    type: EventType, venue: str, market: str, said: object, *, source: str, exchange_at: int = 0, received_at: int = 0
) -> Envelope:
    return envelope(
        type, msgspec.json.encode(said), venue=venue, market=market, exchange_at=exchange_at, received_at=received_at,
        source=source,
    )  # fmt: skip


class _BinanceBody(msgspec.Struct):
    e: str = ""
    E: int = 0
    s: str = ""
    u: int = 0
    t: int = 0
    T: int = 0


class _Binance(msgspec.Struct):
    stream: str = ""
    data: _BinanceBody = msgspec.field(default_factory=_BinanceBody)
    image: int = msgspec.field(default=0, name="lastUpdateId")


_binance = msgspec.json.Decoder(_Binance)


def binance_log(path: Path, intake: Intake) -> Iterator[Envelope]:
    """`<our nanoseconds> <message>`: the combined streams of one pair, byte for byte. Trades and best prices are
    `tick`, changes and images of the book `quote`; `seq` is the venue's update or trade id."""

    def read(text: str) -> Envelope:
        stamp, _, message = text.partition(" ")
        if not stamp.isdecimal() or len(stamp) != 19:
            raise Unreadable(f"nanoseconds since the epoch and a message, not {text[:60]!r}")
        try:
            said = _binance.decode(message)
        except msgspec.DecodeError as wrong:
            raise Unreadable(f"a message of the spot stream ({wrong})") from None
        body = said.data
        book = bool(said.image) or body.e == "depthUpdate"
        return envelope(
            EventType.QUOTE if book else EventType.TICK, message, venue="binance", market=body.s,
            exchange_at=(body.E or body.T) * 1000, received_at=int(stamp) // 1000,
            seq=body.u or body.t or said.image, source=said.stream or path.name,
        )  # fmt: skip

    return lines(path, intake, read)
