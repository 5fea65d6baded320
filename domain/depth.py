"""What a size costs on a book, exactly, and how much of a set of outcomes can be had before its last share earns too
little.

Prices and sizes in micros, their products (`gross`) in picos, fees in micros. Nothing here is rounded except fees,
which the venue rounds up at every level taken (see `domain.fees`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.book import Book, Level
from domain.fees import RoundingAccumulator, quadratic_fee
from domain.money import MICRO
from domain.orders import Side


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


def marginal(price: int, rate: int, side: Side = Side.BUY) -> int:
    """All-in dollars of the next share at `price`, in units of 1e-18 dollars, before any rounding.

    A share sold costs the negative of what it brings: its price less the fee.
    """
    value = price * 10**12
    return (value if side is Side.BUY else -value) + rate * price * (MICRO - price)


@dataclass(frozen=True, slots=True)
class SetTerms:
    """What one share of every outcome of a set must leave: all in micros. `payoff` is what it pays for certain.

    Buying, the shares cost money now and pay `payoff`; selling, they bring money now and `payoff` is given back.
    `margin` is dollars a share that must remain after all fees; sizes are multiples of `step`, at most `max_size`.
    Rates and units are each outcome's, as for `buy`.
    """

    side: Side
    payoff: int
    margin: int
    max_size: int
    step: int
    rates: tuple[int, ...]
    units: tuple[int, ...]

    @property
    def signed_payoff(self) -> int:
        """What a share of every outcome brings in the end: `payoff`, or minus it when they were sold."""
        return self.payoff if self.side is Side.BUY else -self.payoff

    def ladder(self, book: Book) -> tuple[Level, ...]:
        """The levels an order of this side takes, best first."""
        return book.ask_levels() if self.side is Side.BUY else book.bid_levels()


def best_set_size(ladders: Sequence[Sequence[Level]], terms: SetTerms) -> int:
    """The largest size whose last share of every outcome costs less than payoff − margin, fees included.

    Walks all ladders together: as each outcome's marginal cost only rises, the first row of levels that is too dear
    ends it. A multiple of `step`, at most `max_size` and never more than any ladder holds; 0 if there is none.
    """
    if not all(ladders):
        return 0
    bound = (terms.signed_payoff - terms.margin) * 10**12
    rungs = [0] * len(ladders)
    left = [ladder[0][1] for ladder in ladders]
    costs = [marginal(ladder[0][0], rate, terms.side) for ladder, rate in zip(ladders, terms.rates, strict=True)]
    size = 0
    while size < terms.max_size and sum(costs) < bound:
        taken = min(left)
        size += taken
        for n, ladder in enumerate(ladders):
            left[n] -= taken
            if left[n]:
                continue
            rungs[n] += 1
            if rungs[n] == len(ladder):
                break
            price, left[n] = ladder[rungs[n]]
            costs[n] = marginal(price, terms.rates[n], terms.side)
        else:
            continue
        break  # a ladder has ended
    size = min(size, terms.max_size)
    return size - size % terms.step


@dataclass(frozen=True, slots=True)
class SetQuote:
    """A set as it can be had now: `size` in micros of every outcome, and the profit in picos after all fees."""

    size: int
    edge: int
    walks: tuple[Walk, ...]


def set_quote(books: Sequence[Book], terms: SetTerms) -> SetQuote | None:
    """The most of every outcome that can be taken at a profit of `margin` a share, or None where there is no such size.

    The fee is rounded up at every level, so a size of a few hundredths may lose what its price promised: the profit
    is taken from the exact walks, not from the marginal costs that found the size.
    """
    buying = terms.side is Side.BUY
    total = costs = 0
    for book, rate in zip(books, terms.rates, strict=True):
        price = book.best_ask if buying else book.best_bid
        if price is None:
            return None
        total += price
        costs += rate * price * (MICRO - price)
    costs += (total if buying else -total) * 10**12
    if costs >= (terms.signed_payoff - terms.margin) * 10**12:
        return None  # not even the first share pays: no ladder has to be sorted to see that
    ladders = [terms.ladder(book) for book in books]
    size = best_set_size(ladders, terms)
    if size == 0:
        return None
    rules = zip(ladders, terms.rates, terms.units, strict=True)
    if buying:
        walks = tuple(buy(ladder, size, rate, unit) for ladder, rate, unit in rules)
        edge = size * terms.payoff - sum(walk.cost for walk in walks)
    else:
        walks = tuple(sell(ladder, size, rate, unit) for ladder, rate, unit in rules)
        edge = sum(walk.proceeds for walk in walks) - size * terms.payoff
    if edge <= 0 or edge < size * terms.margin:
        return None
    return SetQuote(size, edge, walks)
