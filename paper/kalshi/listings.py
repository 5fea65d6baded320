"""All markets this exchange ever listed, by ticker, and what changed in the step under way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from domain.market import MarketSpec
from paper.kalshi import listing as life
from paper.kalshi.listing import Listing
from paper.kalshi.store import Store

Event = Literal["determined", "settled"]
News = tuple[Listing, Event]


class Listings:
    """Durable through `write`, which the exchange calls inside the transaction of its step."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_ticker: dict[str, Listing] = store.listings()
        self._changed: set[str] = set()
        self._news: list[News] = []

    def get(self, ticker: str) -> Listing | None:
        return self._by_ticker.get(ticker)

    def all(self) -> list[Listing]:
        """In the order of their tickers."""
        return [self._by_ticker[ticker] for ticker in sorted(self._by_ticker)]

    def of_event(self, event: str) -> list[Listing]:
        return [listing for listing in self.all() if listing.spec.event == event]

    def trading(self, ticker: str) -> bool:
        found = self._by_ticker.get(ticker)
        return found is not None and found.trading

    def open(self, specs: Iterable[MarketSpec], at: int) -> None:
        """A session's markets trade from now on; whatever they ended as before is over. All others close."""
        opened = {spec.market: Listing(spec=spec, opened_at=at) for spec in specs}
        for listing in self._by_ticker.copy().values():
            if listing.trading and listing.ticker not in opened:
                self._put(life.closed(listing, at))
        for listing in opened.values():
            self._put(listing)

    def adopt(self, specs: Iterable[MarketSpec], at: int) -> bool:
        """List what a session of an older state file left unlisted; whether there was any."""
        missing = [spec for spec in specs if spec.market not in self._by_ticker]
        for spec in missing:
            self._put(Listing(spec=spec, opened_at=at))
        return bool(missing)

    def decide(self, decided: Listing) -> bool:
        """Put a decision of `listing.decide` in force; whether it ends the market's trading."""
        shuts = self.trading(decided.ticker)
        if decided != self._by_ticker[decided.ticker]:
            self._put(decided)
            if decided.stage == "amended":
                self._news.append((decided, "determined"))
        return shuts

    def next_due(self) -> int:
        """When the next step of any market is due (µs), 0 if none is."""
        return min((listing.due for listing in self._by_ticker.values() if listing.due), default=0)

    def determine(self, at: int) -> None:
        """Let every market due for it say how it ends."""
        for listing in self.all():
            if listing.due and not listing.public and listing.determines_at <= at:
                self._put(life.determined(listing, at))
                self._news.append((self._by_ticker[listing.ticker], "determined"))

    def payable(self, at: int) -> list[Listing]:
        return [listing for listing in self.all() if listing.decided and listing.public and listing.settles_at <= at]

    def finalize(self, listing: Listing, at: int) -> None:
        self._put(life.finalized(listing, at))
        self._news.append((self._by_ticker[listing.ticker], "settled"))

    def write(self) -> None:
        for ticker in self._changed:
            self._store.put_listing(self._by_ticker[ticker])
        self._changed.clear()

    def take_news(self) -> list[News]:
        news, self._news = self._news, []
        return news

    def _put(self, listing: Listing) -> None:
        self._by_ticker[listing.ticker] = listing
        self._changed.add(listing.ticker)
