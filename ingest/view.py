"""What a strategy may look at when it is asked, and nothing else: no clock, no account, no other strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from domain.book import Book
from domain.depth import Depth, TakerFees, Walk
from domain.features.feature import Feature, FeatureVector
from domain.orders import Side

Features = Callable[[str, int], FeatureVector]
"""What is known of an instrument at an exchange time (µs) besides its book."""

_NONE: Mapping[str, Feature] = MappingProxyType({})


def no_features(market: str, at: int) -> FeatureVector:
    """Of a system that computes none: each is missing, and says so."""
    return FeatureVector(market, at, _NONE)


class View:
    """The world at one event, as one strategy sees it.

    `books` are those of its markets, in their order and in whatever state they are; `at` is the exchange time of the
    event in microseconds. One view serves a strategy all its life: it is valid while the strategy is being asked, and
    what it shows then must neither be changed nor kept.
    """

    __slots__ = ("_depths", "_features", "at", "books")

    def __init__(self, books: Sequence[Book], at: int = 0, features: Features = no_features) -> None:
        self.books = books
        self.at = at
        self._features = features
        self._depths: dict[tuple[int, Side, TakerFees], Depth] = {}

    def walk(self, n: int, side: Side, size: int, fees: TakerFees) -> Walk:
        """What an order on `side` for `size` micro-shares finds in the `n`th book, with the fee of every level. Asking
        again, for any size, costs a search while that book stands."""
        depth = self._depths.get((n, side, fees))
        if depth is None:
            depth = self._depths[n, side, fees] = Depth(self.books[n], side, fees)
        return depth.walk(size)

    def features(self, market: str) -> FeatureVector:
        """The features of `market` at this event, computed when asked for: ask last, where books already promise
        something. One that nobody computes is `missing`."""
        return self._features(market, self.at)
