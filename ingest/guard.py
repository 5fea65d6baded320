"""The quote firewall in the engine: which books stand behind one, kept by what the engine sees of them.

Off unless rules name markets: its bounds are made for short up/down markets, and a game that turns within a second is a
jump there. A book behind it costs two microseconds a touch more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.book import Book
from domain.decisions import Refused
from domain.features.touch import Touch
from domain.market import MarketSpec, Venue
from domain.money import to_micros
from ingest.firewall import QuoteFirewall, QuoteLimits
from venues.market_events import TickChange


@dataclass(frozen=True, slots=True)
class FirewallRules:
    """`markets` names what stands behind the firewall: a venue, or how a market's or an event's name begins."""

    markets: tuple[str, ...] = ()
    limits: QuoteLimits = field(default_factory=QuoteLimits)

    def cover(self, spec: MarketSpec) -> bool:
        return any(
            name == spec.venue or spec.market.startswith(name) or spec.event.startswith(name) for name in self.markets
        )


class Guard:
    """The firewalls of the books that the rules cover; all others pass."""

    def __init__(self, rules: FirewallRules) -> None:
        self._rules = rules
        self._walls: dict[Book, QuoteFirewall] = {}
        self._named: dict[tuple[Venue, str], QuoteFirewall] = {}

    def __bool__(self) -> bool:
        return bool(self._walls)

    def watch(self, spec: MarketSpec, book: Book) -> None:
        """A book whose market the rules cover gets a firewall, once."""
        if book not in self._walls and self._rules.cover(spec):
            tick = min(to_micros(band.step) for band in spec.price_ranges)
            self._walls[book] = self._named[spec.venue, spec.market] = QuoteFirewall(tick, self._rules.limits)

    def touched(self, books: Iterable[Book]) -> None:
        """A frame changed these books. Of one that is not believed, or is between two messages of an instant, nothing
        is taken: its best prices are not the venue's, and what is learnt of them would outlive them."""
        for book in books:
            wall = self._walls.get(book)
            if wall is not None and book.ready and not book.gapped and not book.unsettled:
                wall.update(Touch.of(book))

    def lost(self, books: Iterable[Book]) -> None:
        """These books are not believed any more: what comes next is a place to start from."""
        for book in books:
            wall = self._walls.get(book)
            if wall is not None:
                wall.reset()

    def regrid(self, change: TickChange) -> None:
        wall = self._named.get((change.venue, change.market))
        if wall is not None:
            wall.tick = change.new

    def refused(self, books: Iterable[Book], at: int) -> Refused | None:
        """The first of `books` whose touch is not believed at exchange time `at`, and why."""
        for book in books:
            wall = self._walls.get(book)
            refused = wall.refusal(at) if wall is not None else None
            if refused is not None:
                return Refused(refused.gate, f"{book.market}: {refused.detail}")
        return None
