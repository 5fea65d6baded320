"""The session the exchange plays: two markets with known books, one of which moves once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from domain.market import MarketSpec
from domain.money import MICRO, to_micros
from proof.conformance.stand import ASKS, BIDS, TIDE_ASKS, TIDE_BIDS, TIDE_LOW, TIDE_SECONDS
from recording.sources import session_file
from recording.sources.session import BookDelta, BookReset, Condition, RecordedSession, SessionEvent

_START = 1_767_225_600 * MICRO


def write(
    traded: MarketSpec, tide: MarketSpec, others: tuple[MarketSpec, ...], about: tuple[Condition, ...], path: Path
) -> None:
    """A session file. `others` have the traded market's book; `about` says more of Polymarket markets."""
    log: list[SessionEvent] = [
        *(BookReset(_START, spec.market, _levels(BIDS), _flipped(ASKS)) for spec in (traded, *others)),
        BookReset(_START, tide.market, _levels(TIDE_BIDS), _flipped(TIDE_ASKS)),
        BookDelta(
            _START + TIDE_SECONDS * MICRO, tide.market, "no", MICRO - to_micros(TIDE_LOW), to_micros(Decimal(50))
        ),
    ]
    session_file.write(RecordedSession("conformance", (traded, tide, *others), tuple(log), conditions=about), path)


def _levels(side: dict[Decimal, Decimal]) -> tuple[tuple[int, int], ...]:
    return tuple((to_micros(price), to_micros(size)) for price, size in side.items())


def _flipped(asks: dict[Decimal, Decimal]) -> tuple[tuple[int, int], ...]:
    return tuple((MICRO - to_micros(price), to_micros(size)) for price, size in asks.items())
