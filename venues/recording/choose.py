"""Which two minutes of a long recording to play when nobody says: those with the most sets worth taking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.book import Book
from domain.depth import SetTerms, TakerFees, set_quote
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec
from domain.money import MICRO, to_micros
from domain.orders import Side
from venues.recording.session import BookReset, RecordedSession

LONGEST = 120 * MICRO
LEAD = 8 * MICRO
"""Played before the first opportunity and after the last, so that everything is connected when it comes."""

REACHABLE = 25_000
"""An opportunity shorter than 25 ms is gone before a durable first order can arrive; it does not draw the window."""


@dataclass(frozen=True, slots=True)
class Spell:
    """From `start` to `end` (microseconds) the set could be taken after all fees, all books fresh and uncrossed."""

    start: int
    end: int


def default_window(session: RecordedSession) -> tuple[int, int]:
    """First and last microsecond of the most rewarding stretch of at most two minutes.

    Most distinct reachable opportunities (see REACHABLE) decide, then most opportunities; between equals the earliest.
    A recording without any gets the two minutes with the most events. Takes about 0.1 s for 60,000 events.
    """
    if session.end - session.start <= LONGEST:
        return session.start, session.end
    one_event = len({spec.event for spec in session.markets}) == 1
    spells = takeable(session) if one_event and len(session.markets) >= 2 else []
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
    """Every spell in which all outcomes of one of the session's events could be bought together at the default
    parameters, in order of their start. Events with an outcome missing have none."""
    events: dict[str, list[MarketSpec]] = {}
    for spec in session.markets:
        events.setdefault(spec.event, []).append(spec)
    spells: list[Spell] = []
    for members in events.values():
        if len(members) > 1 and members[0].outcomes == len(members):
            spells += _spells(session, members)
    return sorted(spells, key=lambda spell: spell.start)


def _spells(session: RecordedSession, members: Sequence[MarketSpec]) -> list[Spell]:
    params, limits = SetParams(), GateLimits()
    terms = SetTerms(
        payoff=to_micros(members[0].payoff),
        margin=to_micros(params.margin),
        max_size=to_micros(params.max_size),
        step=max(to_micros(spec.size_step) for spec in members),
        sides=(Side.BUY,) * len(members),
        fees=tuple(TakerFees.of(spec.fees) for spec in members),
    )
    smallest = to_micros(max(params.min_size, *(spec.min_size for spec in members)))
    by_market = {spec.market: Book(spec.market) for spec in members}
    books = tuple(by_market.values())
    spells: list[Spell] = []
    opened: int | None = None
    for event in session.log:
        book = by_market.get(event.market)
        if book is None:
            continue
        if isinstance(event, BookReset):
            book.reset(event.yes, event.no, event.at, event.at)
        elif event.side == "yes":
            book.change_bid(event.price, event.delta, event.at, event.at)
        else:
            book.change_ask(MICRO - event.price, event.delta, event.at, event.at)
        quote = set_quote(books, terms)
        times = [book.exchange_at for book in books]
        open_now = (
            quote is not None
            and quote.size >= smallest
            and max(times) - min(times) <= limits.max_skew_ms * 1000
            and not any(book.crossed() for book in books)
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
