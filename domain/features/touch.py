"""The best bid and ask of one instrument, and the numbers that need nothing else.

With b, a the best bid and ask, Q_b, Q_a the sizes there, and I = Q_b / (Q_b + Q_a) the imbalance:

    mid           (a + b) / 2
    spread        a − b
    weighted mid  I·a + (1 − I)·b            more buyers, closer to the ask; always between bid and ask
    micro-price   mid + g(I, spread)         Stoikov (2018), Quantitative Finance 18:12; g in `micro_price.py`

The two tokens of a Polymarket condition show one book from two sides: take the features of one of them only, or every
observation counts twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.book import Book
from domain.features.feature import Feature, Flaw, flawed
from domain.money import MICRO


@dataclass(frozen=True, slots=True)
class Touch:
    """Prices in micros of a dollar, sizes in micros of a share; a side that is empty has no price and size 0.

    `at` is the exchange's time in microseconds.
    """

    best_bid: int | None
    bid_size: int
    best_ask: int | None
    ask_size: int
    at: int

    @classmethod
    def of(cls, book: Book) -> Touch:
        """The touch of a book that is ready, at its exchange time."""
        bid, ask = book.best_bid, book.best_ask
        return cls(
            bid,
            book.bids[bid] if bid is not None else 0,
            ask,
            book.asks[ask] if ask is not None else 0,
            book.exchange_at,
        )

    @property
    def flaw(self) -> Flaw | None:
        """Why this is no market; None when there is a bid with a size, and above it an ask with a size."""
        if self.best_bid is None or self.best_ask is None or self.bid_size <= 0 or self.ask_size <= 0:
            return Flaw.ONE_SIDED
        return Flaw.CROSSED if self.best_bid >= self.best_ask else None


def spread(touch: Touch) -> Feature:
    """Dollars, above 0."""
    if touch.flaw or touch.best_bid is None or touch.best_ask is None:
        return flawed(touch.flaw or Flaw.ONE_SIDED)
    return Feature((touch.best_ask - touch.best_bid) / MICRO)


def mid(touch: Touch) -> Feature:
    """Dollars."""
    if touch.flaw or touch.best_bid is None or touch.best_ask is None:
        return flawed(touch.flaw or Flaw.ONE_SIDED)
    return Feature((touch.best_ask + touch.best_bid) / (2 * MICRO))


def imbalance(touch: Touch) -> Feature:
    """I, the bid's part of the size at the touch: above 0 and below 1."""
    if touch.flaw:
        return flawed(touch.flaw)
    return Feature(touch.bid_size / (touch.bid_size + touch.ask_size))


def weighted_mid(touch: Touch) -> Feature:
    """Dollars, from the bid to the ask."""
    if touch.flaw or touch.best_bid is None or touch.best_ask is None:
        return flawed(touch.flaw or Flaw.ONE_SIDED)
    total = touch.bid_size + touch.ask_size
    return Feature((touch.bid_size * touch.best_ask + touch.ask_size * touch.best_bid) / (total * MICRO))


def clipped(price: float, tick: int) -> float:
    """A price in dollars kept within [tick, 1 − tick], `tick` in micros: no token trades outside."""
    return min(max(price, tick / MICRO), (MICRO - tick) / MICRO)
