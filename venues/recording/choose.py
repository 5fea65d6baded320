"""Which two minutes of a long recording to play when nobody says: those with the most pairs worth taking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.book import Book
from domain.depth import PairTerms, pair_quote
from domain.limits import GateLimits, PairParams
from domain.money import MICRO, to_micros
from venues.recording.session import BookReset, RecordedSession

LONGEST = 120 * MICRO
LEAD = 8 * MICRO
"""Played before the first opportunity and after the last, so that everything is connected when it comes."""

REACHABLE = 25_000
"""An opportunity shorter than 25 ms is gone before a durable first order can arrive; it does not draw the window."""


@dataclass(frozen=True, slots=True)
class Spell:
    """From `start` to `end` (microseconds) the pair could be bought after all fees, both books fresh and uncrossed."""

    start: int
    end: int


def default_window(session: RecordedSession) -> tuple[int, int]:
    """First and last microsecond of the most rewarding stretch of at most two minutes.

    Most distinct reachable opportunities (see REACHABLE) decide, then most opportunities; between equals the earliest.
    A recording without any gets the two minutes with the most events. Takes about 0.1 s for 60,000 events.
    """
    if session.end - session.start <= LONGEST:
        return session.start, session.end
    spells = takeable(session) if len(session.markets) == 2 else []
    if not spells:
        return _busiest(session)
    best: tuple[int, int] = (-1, -1)
    chosen: Sequence[Spell] = ()
    for first, spell in enumerate(spells):
        inside = [later for later in spells[first:] if later.end <= spell.start - LEAD + LONGEST]
        score = (sum(s.end - s.start >= REACHABLE for s in inside), len(inside))
        if score > best:
            best, chosen = score, inside
    start = max(session.start, (chosen or spells)[0].start - LEAD)
    end = (chosen or spells)[-1].end + LEAD
    return start, min(session.end, end, start + LONGEST)


def takeable(session: RecordedSession) -> list[Spell]:
    """Every spell in which the session's two markets could be bought together at the default parameters."""
    first, second = session.markets
    params, limits = PairParams(), GateLimits()
    terms = PairTerms(
        payoff=to_micros(first.payoff),
        margin=to_micros(params.margin),
        max_size=to_micros(params.max_size),
        step=to_micros(max(first.size_step, second.size_step)),
        rate_a=to_micros(first.fees.taker),
        rate_b=to_micros(second.fees.taker),
    )
    smallest = to_micros(max(params.min_size, first.min_size, second.min_size))
    books = {first.market: Book(first.market), second.market: Book(second.market)}
    a, b = books.values()
    spells: list[Spell] = []
    opened: int | None = None
    for event in session.log:
        book = books[event.market]
        if isinstance(event, BookReset):
            book.reset(event.yes, event.no, event.at, event.at)
        elif event.side == "yes":
            book.change_bid(event.price, event.delta, event.at, event.at)
        else:
            book.change_ask(MICRO - event.price, event.delta, event.at, event.at)
        quote = pair_quote(a, b, terms)
        open_now = (
            quote is not None
            and quote.size >= smallest
            and abs(a.exchange_at - b.exchange_at) <= limits.max_skew_ms * 1000
            and not (a.crossed() or b.crossed())
        )
        if open_now and opened is None:
            opened = event.at
        elif not open_now and opened is not None:
            spells.append(Spell(opened, event.at))
            opened = None
    if opened is not None:
        spells.append(Spell(opened, session.end))
    return spells


def _busiest(session: RecordedSession) -> tuple[int, int]:
    log = session.log
    best = start = first = 0
    for last, event in enumerate(log):
        while event.at - log[first].at > LONGEST:
            first += 1
        if last - first > best:
            best, start = last - first, log[first].at
    return start or session.start, min(session.end, (start or session.start) + LONGEST)
