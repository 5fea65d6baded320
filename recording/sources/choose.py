"""Which two minutes of a long recording to play when nobody says: those with the most sets worth taking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.book import Book
from domain.claims import crosses
from domain.depth import SetTerms, TakerFees, set_quote
from domain.limits import CrossParams, GateLimits, SetParams
from domain.market import MarketSpec
from domain.money import MICRO, to_micros
from domain.orders import Side
from recording.sources.instruments import instruments, mirrored
from recording.sources.session import BookReset, RecordedSession, SessionEvent
from venues.registry import SELLABLE

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
    spells = takeable(session) if session.claims or (one_event and len(session.markets) >= 2) else []
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
    """Every spell in which something of the session could be taken at the default parameters, in order of their start:
    all outcomes of one of its events together, or a pair of a claim it declares. Events with an outcome missing have
    none."""
    books: dict[str, list[tuple[str, Book]]] = {}
    specs = {spec.market: spec for spec in instruments(session.markets, session.conditions)}
    made = {name: Book(name) for name in specs}
    for spec in session.markets:  # a session speaks of a condition by its first token; the second's book is its mirror
        seen = [spec.market] + [spec.complement] * (spec.complement in specs and spec.complement not in books)
        books[spec.market] = [(name, made[name]) for name in seen]
    hunts: dict[str, list[_Hunt]] = {}
    for hunt in (*_sets(session.markets, made), *_crosses(session, specs, made)):
        for book in hunt.books:
            hunts.setdefault(book.market, []).append(hunt)
    spells: list[Spell] = []
    for event in session.log:
        touched = books.get(event.market, ())
        for name, book in touched:
            _apply(book, event if name == event.market else mirrored(event, name))
        for name, _ in touched:
            for hunt in hunts.get(name, ()):
                spells += hunt.look(event.at)
    for hunt in {id(one): one for ones in hunts.values() for one in ones}.values():
        spells += hunt.end(session.end)
    return sorted(spells, key=lambda spell: (spell.start, spell.end))


class _Hunt:
    """One combination of books, and since when it can be taken."""

    def __init__(self, books: tuple[Book, ...], terms: SetTerms, smallest: int) -> None:
        self.books = books
        self._terms = terms
        self._smallest = smallest
        self._opened: int | None = None

    def look(self, at: int) -> list[Spell]:
        """The spell that ended now, if one did."""
        quote = set_quote(self.books, self._terms)
        if quote is not None and quote.size >= self._smallest and _together(self.books):
            if self._opened is None:
                self._opened = at
            return []
        return self.end(at)

    def end(self, at: int) -> list[Spell]:
        opened, self._opened = self._opened, None
        return [] if opened is None else [Spell(opened, at)]


def _sets(markets: Sequence[MarketSpec], books: dict[str, Book]) -> Iterator[_Hunt]:
    events: dict[str, list[MarketSpec]] = {}
    for spec in markets:
        events.setdefault(spec.event, []).append(spec)
    params = SetParams()
    for members in events.values():
        if len(members) > 1 and members[0].outcomes == len(members):
            sides = (Side.BUY,) * len(members)
            yield _hunt(members, sides, members[0].payoff, params.margin, (params.min_size, params.max_size), books)


def _crosses(session: RecordedSession, specs: dict[str, MarketSpec], books: dict[str, Book]) -> Iterator[_Hunt]:
    params = CrossParams()
    for record in session.claims:
        for pair in crosses(record, SELLABLE):
            members = [specs[record.instruments[place].market] for place in pair.places]
            yield _hunt(members, pair.sides, pair.worst, params.margin, (params.min_size, params.max_size), books)


def _hunt(  # noqa: PLR0917 - what is taken and by which rules
    members: Sequence[MarketSpec],
    sides: tuple[Side, ...],
    payoff: Decimal,
    margin: Decimal,
    sizes: tuple[Decimal, Decimal],
    books: dict[str, Book],
) -> _Hunt:
    smallest, largest = sizes
    terms = SetTerms(
        payoff=to_micros(payoff),
        margin=to_micros(margin),
        max_size=to_micros(largest),
        step=max(to_micros(spec.size_step) for spec in members),
        sides=sides,
        fees=tuple(TakerFees.of(spec.fees) for spec in members),
    )
    least = to_micros(max(smallest, *(spec.min_size for spec in members)))
    return _Hunt(tuple(books[spec.market] for spec in members), terms, least)


def _apply(book: Book, event: SessionEvent) -> None:
    if isinstance(event, BookReset):
        book.reset(event.yes, event.no, event.at, event.at)
    elif event.side == "yes":
        book.change_bid(event.price, event.delta, event.at, event.at)
    else:
        book.change_ask(MICRO - event.price, event.delta, event.at, event.at)


def _together(books: Sequence[Book]) -> bool:
    """Whether the books are of one moment and none of them is crossed."""
    limits = GateLimits()
    times = [book.exchange_at for book in books]
    return max(times) - min(times) <= limits.max_skew_ms * 1000 and not any(book.crossed() for book in books)


def _busiest(session: RecordedSession) -> tuple[int, int]:
    log = session.log
    best = start = first = 0
    for last, event in enumerate(log):
        while event.at - log[first].at > LONGEST:
            first += 1
        if last - first > best:
            best, start = last - first, log[first].at
    return start or session.start, min(session.end, (start or session.start) + LONGEST)
