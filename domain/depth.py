"""What a size costs on a book, exactly, and how large a pair may be before its last share earns too little.

Prices and sizes in micros, their products (`gross`) in picos, fees in micros. Nothing here is rounded except fees,
which the venue rounds up at every level taken (see `domain.fees`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.book import Book, Level
from domain.fees import RoundingAccumulator, quadratic_fee
from domain.money import MICRO


@dataclass(frozen=True, slots=True)
class Walk:
    """Taking `filled` micro-contracts from the best level on. `complete` is false when depth ran out: infeasible.

    `gross` is Σ price × size in picos; `fee` in micros, one charge a level; `worst` the last price taken in micros
    (0 if nothing was taken).
    """

    filled: int
    gross: int
    fee: int
    worst: int
    complete: bool

    @property
    def cost(self) -> int:
        """All-in picos a buyer pays."""
        return self.gross + self.fee * MICRO

    @property
    def proceeds(self) -> int:
        """Picos a seller keeps."""
        return self.gross - self.fee * MICRO


def buy(asks: Sequence[Level], size: int, rate: int, unit: int = 100) -> Walk:
    """Buy `size` from `asks` (best first). `rate` is the taker rate in micros, `unit` the member's balance unit."""
    return _walk(asks, size, rate, unit, -1)


def sell(bids: Sequence[Level], size: int, rate: int, unit: int = 100) -> Walk:
    """Sell `size` into `bids` (best first); parameters as for `buy`."""
    return _walk(bids, size, rate, unit, 1)


def _walk(levels: Sequence[Level], size: int, rate: int, unit: int, sign: int) -> Walk:
    account = RoundingAccumulator(unit)
    left = size
    gross = fee = worst = 0
    for price, standing in levels:
        if left <= 0:
            break
        taken = min(standing, left)
        left -= taken
        value = price * taken
        gross += value
        worst = price
        fee += account.charge(sign * value // MICRO, quadratic_fee(rate, price, taken))
    return Walk(size - left, gross, fee, worst, left <= 0)


def marginal(price: int, rate: int) -> int:
    """All-in dollars of the next share bought at `price`, in units of 1e-18 dollars, before any rounding."""
    return price * 10**12 + rate * price * (MICRO - price)


@dataclass(frozen=True, slots=True)
class PairTerms:
    """What a pair must leave: all in micros. `payoff` is what one share of both sides pays for certain.

    `margin` is dollars a share that must remain after all fees; sizes are multiples of `step`, at most `max_size`.
    Rates and units are each side's, as for `buy`.
    """

    payoff: int
    margin: int
    max_size: int
    step: int
    rate_a: int
    rate_b: int
    unit_a: int = 100
    unit_b: int = 100


def best_pair_size(asks_a: Sequence[Level], asks_b: Sequence[Level], terms: PairTerms) -> int:
    """The largest size whose last share of both sides costs less than payoff − margin, fees included.

    Walks both ladders together: as each side's marginal cost only rises, the first pair of levels that is too dear
    ends it. A multiple of `step`, at most `max_size` and never more than either side holds; 0 if there is none.
    """
    bound = (terms.payoff - terms.margin) * 10**12
    size = i = j = 0
    left_a = asks_a[0][1] if asks_a else 0
    left_b = asks_b[0][1] if asks_b else 0
    while i < len(asks_a) and j < len(asks_b) and size < terms.max_size:
        if marginal(asks_a[i][0], terms.rate_a) + marginal(asks_b[j][0], terms.rate_b) >= bound:
            break
        taken = min(left_a, left_b)
        size += taken
        left_a -= taken
        left_b -= taken
        if left_a == 0:
            i += 1
            left_a = asks_a[i][1] if i < len(asks_a) else 0
        if left_b == 0:
            j += 1
            left_b = asks_b[j][1] if j < len(asks_b) else 0
    size = min(size, terms.max_size)
    return size - size % terms.step


@dataclass(frozen=True, slots=True)
class PairQuote:
    """The pair as it can be bought now: `size` in micros on both sides, and the profit in picos after all fees."""

    size: int
    edge: int
    a: Walk
    b: Walk


def pair_quote(a: Book, b: Book, terms: PairTerms) -> PairQuote | None:
    """The most of both sides that can be bought at a profit of `margin` a share, or None where there is no such size.

    The fee is rounded up at every level, so a size of a few hundredths may lose what its price promised: the profit
    is taken from the exact walk, not from the marginal cost that found the size.
    """
    best_a, best_b = a.best_ask, b.best_ask
    if best_a is None or best_b is None or best_a + best_b >= terms.payoff:
        return None
    asks_a, asks_b = a.ask_levels(), b.ask_levels()
    size = best_pair_size(asks_a, asks_b, terms)
    if size == 0:
        return None
    walk_a = buy(asks_a, size, terms.rate_a, terms.unit_a)
    walk_b = buy(asks_b, size, terms.rate_b, terms.unit_b)
    edge = size * terms.payoff - walk_a.cost - walk_b.cost
    if edge <= 0 or edge < size * terms.margin:
        return None
    return PairQuote(size, edge, walk_a, walk_b)
