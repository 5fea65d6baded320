"""Intents made from the exchange's own books by the strategy, as ingest makes them."""

from __future__ import annotations

from dataclasses import replace

from domain.book import Book
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec
from domain.money import to_micros
from domain.orders import Quote
from ingest.sets import OutcomeSet
from ingest.strategies.basket import BasketStrategy
from ingest.view import View
from venues.port import VenueClient
from workers.trading import wall_clock_us

_ONE = 1_000_000
_PATIENT = LegPolicy(settle_poll_ms=600_000)
"""Hundreds of trades a minute that all begin to ask whether their market has paid would be measured too."""


class IntentMaker:
    """Decides again and again on two books read once. Raises `ValueError` if they hold no opportunity."""

    def __init__(self, specs: tuple[MarketSpec, MarketSpec], quotes: tuple[Quote, Quote], params: SetParams) -> None:
        strategy = BasketStrategy(OutcomeSet(specs), params, GateLimits(), _PATIENT)
        books = [_book(quote) for quote in quotes]
        view = View(books, wall_clock_us())
        seen = strategy.on_event(view)
        if seen is None:
            raise ValueError(
                f"{', '.join(book.market for book in books)}: no opportunity; expected the bench's own books"
            )
        self._first = strategy.intent(view, seen)
        self._ttl = self._first.expires_at - self._first.decided_at
        self._last = 0

    @classmethod
    async def read(cls, venue: VenueClient, markets: tuple[str, str], params: SetParams) -> IntentMaker:
        one, other = markets
        specs = (await venue.market(one), await venue.market(other))
        return cls(specs, (await venue.quote(one), await venue.quote(other)), params)

    def make(self, name: str) -> Intent:
        """A decision made now, filed under the pair `name`; no two are the same."""
        self._last = max(wall_clock_us(), self._last + 1)
        return replace(self._first, pair=name, decided_at=self._last, expires_at=self._last + self._ttl)


def _book(quote: Quote) -> Book:
    book = Book(quote.market)
    bids = [(to_micros(price), to_micros(size)) for price, size in quote.bids]
    asks = [(_ONE - to_micros(price), to_micros(size)) for price, size in quote.asks]
    book.reset(bids, asks, quote.answered_at, quote.answered_at)
    return book
