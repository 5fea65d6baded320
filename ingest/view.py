"""What a strategy may look at when it is asked, and nothing else: no clock, no account, no other strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from domain.book import Book
from domain.features.feature import Feature, FeatureVector

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

    __slots__ = ("_features", "at", "books")

    def __init__(self, books: Sequence[Book], at: int = 0, features: Features = no_features) -> None:
        self.books = books
        self.at = at
        self._features = features

    def features(self, market: str) -> FeatureVector:
        """The features of `market` at this event, computed when asked for: ask last, where books already promise
        something. One that nobody computes is `missing`."""
        return self._features(market, self.at)
