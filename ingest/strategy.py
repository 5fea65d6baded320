"""What the engine asks of a strategy: the seam between books that are believed and decisions made on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.book import Book
from domain.depth import SetQuote, SetTerms
from domain.intent import Intent
from domain.market import MarketSpec
from domain.orders import Side


class Strategy(Protocol):
    """One trade to look for: legs in `markets`, of one venue or of several, each taken on its side in `sides`.

    `name` is what halts and reports call it, `pair` what its trades are filed under: strategies of the same pair share
    its count of open trades. `terms.payoff` is what one share of every leg together pays for certain, in micros, shares
    sold paying the negative of theirs: where asks of what is bought less bids of what is sold are not below it, no edge
    exists even before fees, and `quote` is not called. `min_size` is the least size worth an order, in micro-shares.
    """

    name: str
    pair: str
    markets: tuple[MarketSpec, ...]
    sides: tuple[Side, ...]
    terms: SetTerms
    min_size: int

    def quote(self, books: Sequence[Book], at: int) -> SetQuote | None:
        """What could be had at `at` (exchange microseconds), books in the order of `markets`, whatever state they are
        in; None for nothing."""
        ...

    def intent(self, books: Sequence[Book], quote: SetQuote, at: int) -> Intent:
        """The decision to take `quote`, made at `at` (exchange time of the deciding event, microseconds)."""
        ...
