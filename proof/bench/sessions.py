"""What the paper exchange plays for a measurement: books so deep, or so regular, that only our own time is measured."""

from __future__ import annotations

from domain.market import MarketSpec
from domain.money import MICRO
from recording.sources.session import BookDelta, BookReset, RecordedSession, SessionEvent
from recording.sources.tickers import market

_START = 1_767_225_600 * MICRO
_CENT = 10_000
_OCEAN = 1_000_000 * MICRO
_WAVE = 1_000 * MICRO
_MS = 1_000


def deep() -> RecordedSession:
    """Two still books; a YES share of each costs 0.94 together, a million shares at each price."""
    one, other = _markets("BENCHDEEP")
    books = (_book(one, 50, 49), _book(other, 44, 43))
    return RecordedSession("bench-deep", (one, other), books)


def waves(count: int, period_ms: int = 200, stands_ms: int = 120) -> RecordedSession:
    """`count` opportunities, one every `period_ms`, each standing `stands_ms`; both books change 50 times a second.

    The second market asks 0.55 and, while a wave stands, a thousand shares at 0.44; the first always asks 0.50.
    """
    one, other = _markets("BENCHWAVES")
    log: list[SessionEvent] = [_book(one, 50, 45), _book(other, 55, 40)]
    opening = [(_START + (1_000 + number * period_ms) * _MS, _WAVE) for number in range(count)]
    closing = [(at + stands_ms * _MS, -_WAVE) for at, _ in opening]
    log += [BookDelta(at, other.market, "no", 56 * _CENT, size) for at, size in (*opening, *closing)]
    end = closing[-1][0] + 500 * _MS
    for number, at in enumerate(range(_START + 10 * _MS, end, 10 * _MS)):
        spec, bid = ((one, 40), (other, 35))[number % 2]
        log.append(BookDelta(at, spec.market, "yes", bid * _CENT, MICRO if number % 4 < 2 else -MICRO))
    log.sort(key=lambda event: event.at)
    return RecordedSession("bench-waves", (one, other), tuple(log))


def _markets(event: str) -> tuple[MarketSpec, MarketSpec]:
    return market(f"{event}-ONE", event, "One beats Other"), market(f"{event}-OTHER", event, "Other beats One")


def _book(spec: MarketSpec, ask: int, bid: int) -> BookReset:
    """Five levels a side from these cents on, each an ocean deep."""
    yes = tuple(((bid - rung) * _CENT, _OCEAN) for rung in range(0, 25, 5))
    no = tuple((MICRO - (ask + rung) * _CENT, _OCEAN) for rung in range(5))
    return BookReset(_START, spec.market, yes, no)
