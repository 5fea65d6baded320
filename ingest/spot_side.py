"""The spot side of the engine: raw frames of spot feeds in, features of the markets that follow them out.

Pure: it decodes with the feeds' own decoders, and the same calls in the same order give the same features, so a replay
needs no socket. A spot price is kept once however many markets follow it (`SpotFolds`), a market that follows one has a
panel, and any other costs nothing. Nothing is computed until somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from domain.book import Book
from domain.features.feature import FeatureVector
from domain.features.panel import FeaturePanel
from domain.features.params import FeatureParams
from domain.features.spot_folds import SpotFolds
from domain.features.touch import Touch
from domain.market import MarketSpec
from domain.spot import SpotFeed, SpotSource
from ingest.warm import WarmState
from venues.binance.ticks import BinanceTicks
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.polymarket.prices import PriceTicks
from venues.spot import OutOfStep, SpotDecoder, Unreadable

_DECODERS: dict[SpotFeed, Callable[[], SpotDecoder]] = {
    SpotFeed.COINBASE: ExchangeTicks,
    SpotFeed.COINBASE_ADVANCED: AdvancedTicks,
    SpotFeed.BINANCE: BinanceTicks,
    SpotFeed.POLYMARKET_PRICES: PriceTicks,
}

OnDead = Callable[[SpotFeed, bytes, str], None]
"""(feed, frame, why): a frame that could not be read."""


class _Followed:
    """A watched market with a panel. `at` is the exchange time of its last touch."""

    __slots__ = ("asked_at", "at", "lost", "panel", "seen", "spot", "vector")

    def __init__(self, panel: FeaturePanel, spot: SpotFolds) -> None:
        self.panel = panel
        self.spot = spot
        self.at = 0
        self.lost = True
        self.vector: FeatureVector | None = None  # as it was read last, while nothing has changed since
        self.asked_at = self.seen = -1


class SpotSide:
    """`on_dead` hears of frames that cannot be read. `ticks` counts by feed what they brought; `heard` is when (our
    wall clock, µs) a feed last brought a price; `unread` and `out_of_step` count frames by feed."""

    def __init__(self, params: FeatureParams, on_dead: OnDead = lambda feed, raw, why: None) -> None:
        self.params = params
        self.ticks: Counter[SpotFeed] = Counter()
        self.heard: dict[SpotFeed, int] = {}
        self.unread: Counter[SpotFeed] = Counter()
        self.out_of_step: Counter[SpotFeed] = Counter()
        self._on_dead = on_dead
        self._decoders: dict[SpotFeed, SpotDecoder] = {}
        self._folds: dict[tuple[SpotSource, str], SpotFolds] = {}
        self._by_book: dict[Book, _Followed] = {}
        self._by_market: dict[str, _Followed] = {}

    def follow(self, spec: MarketSpec, book: Book) -> None:
        """Keep features of `spec` if the settings say what it follows; watched twice, it has one panel."""
        follow = self.params.followed_by(spec)
        if follow is None or book in self._by_book:
            return
        params = self.params.panel(follow)
        folds = self._folds.setdefault((follow.source, follow.symbol), SpotFolds(params.spot))
        followed = _Followed(FeaturePanel(spec.market, params, spot=folds), folds)
        self._by_book[book] = self._by_market[spec.market] = followed

    @property
    def follows(self) -> bool:
        """Whether any watched market follows a spot: if not, `touched` and `lost` need not be called."""
        return bool(self._by_book)

    def spot_of(self, market: str) -> tuple[SpotSource, str] | None:
        """What a watched market follows; None for nothing."""
        followed = self._by_market.get(market)
        return None if followed is None else (followed.spot.params.source, followed.spot.params.symbol)

    def state(self, at: int) -> WarmState:
        """What was learned of every spot price that anyone follows and that spoke, as of our wall clock `at` (µs)."""
        return WarmState(at, tuple(folds.state() for folds in self._folds.values() if folds.ticks))

    def restore(self, state: WarmState) -> int:
        """Go on with what fits; how many did."""
        fitting = [(self._folds.get((each.params.source, each.params.symbol)), each) for each in state.spots]
        return sum(folds is not None and folds.restore(each) for folds, each in fitting)

    def take(self, feed: SpotFeed, raw: bytes, received_at: int, link: int) -> None:
        """One frame of connection `link`. Never raises for input: what cannot be read is told and counted."""
        decoder = self._decoders.get(feed)
        if decoder is None:
            decoder = self._decoders[feed] = _DECODERS[feed]()
        try:
            ticks = decoder.take(raw, received_at, link)
        except Unreadable as wrong:
            self.unread[feed] += 1
            self._on_dead(feed, raw, str(wrong))
            return
        except OutOfStep:
            self.out_of_step[feed] += 1  # its connection is given up, and says so
            return
        if not ticks:
            return
        self.ticks[feed] += len(ticks)
        self.heard[feed] = received_at
        for tick in ticks:
            folds = self._folds.get((tick.source, tick.symbol))
            if folds is not None:
                folds.update(tick)

    def touched(self, books: Sequence[Book]) -> None:
        """These books are as a frame left them."""
        for book in books:
            followed = self._by_book.get(book)
            if followed is None:
                continue
            if book.gapped or not book.ready:
                self._lose(followed)
                continue
            if book.unsettled:
                continue  # its best prices are not the venue's: settled, it comes again, and doubted, it is lost
            touch = Touch.of(book)
            # A snapshot is of our clock, the change after it of the venue's, which may be a little behind: a book's
            # own order is the truth.
            if touch.at < followed.at:
                touch = replace(touch, at=followed.at)
            followed.at = touch.at
            followed.lost = False
            followed.vector = None
            followed.panel.on_touch(touch)

    def lost(self, books: Iterable[Book]) -> None:
        """These books are not believed until their next snapshot."""
        for book in books:
            followed = self._by_book.get(book)
            if followed is not None:
                self._lose(followed)

    @staticmethod
    def _lose(followed: _Followed) -> None:
        if not followed.lost:
            followed.lost = True
            followed.vector = None
            followed.panel.on_book_lost()

    def vector(self, market: str, at: int) -> FeatureVector:
        """All features of `market` at exchange time `at` (µs), each with its own flaw; none of a market that follows
        nothing, which is to say that every one is missing. Asked twice, computed once."""
        followed = self._by_market.get(market)
        if followed is None:
            return FeatureVector(market, at, {})
        spot = followed.spot.ticks
        if followed.vector is None or followed.asked_at != at or followed.seen != spot:
            followed.vector = followed.panel.vector(at)
            followed.asked_at, followed.seen = at, spot
        return followed.vector
