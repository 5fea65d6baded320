"""What a size costs on a book, exactly, and how much of a set of legs can be had before its last share earns too
little.

Prices and sizes in micros, their products (`gross`) in picos, fees in micros. Nothing here is rounded except fees,
which each venue rounds in its own way at every level taken (see `domain.fees`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.book import Book, Level
from domain.fees import FeeModel, FeeSchedule, RoundingAccumulator, power_fee, quadratic_fee
from domain.money import MICRO, ceil_div, to_micros
from domain.orders import Side

_UNIT = 10**12  # micros of a dollar to units of 1e-18 dollars
PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class TakerFees:
    """What a venue takes from an order that takes: `rate` in micros, `unit` the member's balance unit in micros.

    `model` and `exponent` as in `FeeSchedule`; only Kalshi knows a unit.
    """

    rate: int
    unit: int = 100
    model: FeeModel = FeeModel.KALSHI
    exponent: int = 1
    plain: bool = field(init=False)
    """Whether the fee before rounding is rate · P · (1 − P), as nearly everywhere."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "plain", self.model is FeeModel.KALSHI or self.exponent == 1)

    @classmethod
    def of(cls, schedule: FeeSchedule) -> TakerFees:
        """The taker's part of a market's schedule."""
        return cls(to_micros(schedule.taker), to_micros(schedule.unit), schedule.model, schedule.exponent)

    def marginal(self, price: int) -> int:
        """The fee on the next share at `price` in units of 1e-18 dollars, before the venue's rounding; never less."""
        if self.plain:
            return self.rate * price * (MICRO - price)
        exact = self.rate * (price * (MICRO - price)) ** self.exponent * _UNIT
        return ceil_div(exact, _UNIT**self.exponent)


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

    def outlay(self, side: Side) -> int:
        """All-in picos this costs on `side`: what a seller keeps is a negative cost."""
        return self.cost if side is Side.BUY else -self.proceeds

    def capital(self, side: Side) -> int:
        """Picos locked until the market pays: a buyer's cost, or a seller's dollar a share less what was received."""
        return self.cost if side is Side.BUY else self.filled * MICRO - self.proceeds


def buy(asks: Sequence[Level], size: int, fees: TakerFees) -> Walk:
    """Buy `size` from `asks` (best first)."""
    return _walk(asks, size, fees, -1)


def sell(bids: Sequence[Level], size: int, fees: TakerFees) -> Walk:
    """Sell `size` into `bids` (best first)."""
    return _walk(bids, size, fees, 1)


def _walk(levels: Sequence[Level], size: int, fees: TakerFees, sign: int) -> Walk:
    account = RoundingAccumulator(fees.unit)
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
        fee += _charge(account, fees, sign * value, price, taken)
    return Walk(size - left, gross, fee, worst, left <= 0)


def _charge(account: RoundingAccumulator, fees: TakerFees, cash: int, price: int, taken: int) -> int:
    """The fee of one level in micros; `cash` the signed picos it moves."""
    if fees.model is FeeModel.KALSHI:
        return account.charge(cash // MICRO, quadratic_fee(fees.rate, price, taken))
    return power_fee(fees.rate, fees.exponent, price, taken)


class Depth:
    """What any size costs on one side of a book, all-in: each level is walked once a version of the book.

    `side` is that of the order which takes. The sums up to each level are kept as far as anybody has asked, so another
    size is a search among them and at most one part of a level. Answers equal those of `buy` and `sell`.
    """

    __slots__ = ("_book", "_fees", "_gathered", "_gross", "_levels", "_paid", "_side", "_sizes", "_version")

    def __init__(self, book: Book, side: Side, fees: TakerFees) -> None:
        self._book = book
        self._side = side
        self._fees = fees
        self._version = -1
        self._levels: tuple[Level, ...] = ()
        # The first n levels together: micro-shares, picos, fee, and what Kalshi's rounding has gathered.
        self._sizes, self._gross, self._paid, self._gathered = [0], [0], [0], [0]

    def walk(self, size: int) -> Walk:
        """Take `size` micro-shares from the best level on."""
        if self._book.version != self._version:
            self._begin()
        sizes, levels = self._sizes, self._levels
        while sizes[-1] < size and len(sizes) <= len(levels):
            self._next_level()
        n = bisect_left(sizes, size)
        if n == 0:
            return Walk(0, 0, 0, 0, True)
        if n == len(sizes):
            return Walk(sizes[-1], self._gross[-1], self._paid[-1], levels[-1][0] if levels else 0, False)
        price = levels[n - 1][0]
        if sizes[n] == size:
            return Walk(size, self._gross[n], self._paid[n], price, True)
        gross, fee, _ = self._more(n - 1, price, size - sizes[n - 1])
        return Walk(size, gross, fee, price, True)

    def _begin(self) -> None:
        book = self._book
        self._version = book.version
        self._levels = book.ask_levels() if self._side is Side.BUY else book.bid_levels()
        self._sizes, self._gross, self._paid, self._gathered = [0], [0], [0], [0]

    def _next_level(self) -> None:
        n = len(self._sizes) - 1
        price, standing = self._levels[n]
        gross, fee, gathered = self._more(n, price, standing)
        self._sizes.append(self._sizes[n] + standing)
        self._gross.append(gross)
        self._paid.append(fee)
        self._gathered.append(gathered)

    def _more(self, levels: int, price: int, taken: int) -> tuple[int, int, int]:
        """Gross, fee and what rounding has gathered after so many whole levels and `taken` at `price`."""
        account = RoundingAccumulator(self._fees.unit, self._gathered[levels])
        value = price * taken
        cash = -value if self._side is Side.BUY else value
        fee = self._paid[levels] + _charge(account, self._fees, cash, price, taken)
        return self._gross[levels] + value, fee, account.gathered


Walker = Callable[[int, Side, int, TakerFees], Walk]
"""Of which book (its place among those at hand), on which side, how much, with which fees: the walk."""


def marginal(price: int, fees: TakerFees, side: Side = Side.BUY) -> int:
    """All-in dollars of the next share at `price`, in units of 1e-18 dollars, before any rounding.

    A share sold costs the negative of what it brings: its price less the fee.
    """
    value = price * _UNIT
    return (value if side is Side.BUY else -value) + fees.marginal(price)


def _anew(books: Sequence[Book]) -> Walker:
    return lambda n, side, size, fees: Depth(books[n], side, fees).walk(size)


@dataclass(frozen=True, slots=True)
class SetTerms:
    """What one share of every leg of a set must leave: all in micros. `sides` and `fees` are each leg's.

    `payoff` is what one share of every leg together pays for certain, shares sold paying the negative of theirs.
    `margin` is dollars a share that must remain after all fees; sizes are multiples of `step`, at most `max_size`.
    `carry` is what each dollar locked until the set pays must earn besides, in ppm (see `Walk.capital`).
    `notionals` are the least each leg's order may be worth, in micros of a dollar; empty: anything.
    """

    payoff: int
    margin: int
    max_size: int
    step: int
    sides: tuple[Side, ...]
    fees: tuple[TakerFees, ...]
    carry: int = 0
    notionals: tuple[int, ...] = ()
    bound: int = field(init=False)
    """What the legs' marginal costs must stay below in sum, in units of 1e-18 dollars.

    With a carry, a marginal cost c is worth c + carry · (c + shorts): every share sold locks a dollar less what it
    brings. Solved for c, the carry becomes part of the bound, rounded down.
    """

    plain_buys: tuple[int, ...] = field(init=False)
    """The rates, where every leg is bought and its fee is plain; else empty."""

    def __post_init__(self) -> None:
        plain = all(fees.plain for fees in self.fees) and all(side is Side.BUY for side in self.sides)
        object.__setattr__(self, "plain_buys", tuple(fees.rate for fees in self.fees) if plain else ())
        bound = (self.payoff - self.margin) * _UNIT
        if self.carry:
            locked = sum(side is Side.SELL for side in self.sides) * MICRO * _UNIT
            bound = (bound * PPM - self.carry * locked) // (PPM + self.carry)
        object.__setattr__(self, "bound", bound)

    def ladders(self, books: Sequence[Book]) -> list[tuple[Level, ...]]:
        """The levels that each leg's order takes, best first."""
        pairs = zip(books, self.sides, strict=True)
        return [book.ask_levels() if side is Side.BUY else book.bid_levels() for book, side in pairs]


def best_set_size(ladders: Sequence[Sequence[Level]], terms: SetTerms) -> int:
    """The largest size whose last share of every leg costs less than payoff − margin, fees and carry included.

    Walks all ladders together: as each leg's marginal cost only rises, the first row of levels that is too dear
    ends it. A multiple of `step`, at most `max_size` and never more than any ladder holds; 0 if there is none.
    """
    if not all(ladders):
        return 0
    bound = terms.bound
    rungs = [0] * len(ladders)
    left = [ladder[0][1] for ladder in ladders]
    rules = zip(ladders, terms.fees, terms.sides, strict=True)
    costs = [marginal(ladder[0][0], fees, side) for ladder, fees, side in rules]
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
            costs[n] = marginal(price, terms.fees[n], terms.sides[n])
        else:
            continue
        break  # a ladder has ended
    size = min(size, terms.max_size)
    return size - size % terms.step


@dataclass(frozen=True, slots=True)
class SetQuote:
    """A set as it can be had now: `size` in micros of every leg, and the profit in picos after all fees."""

    size: int
    edge: int
    walks: tuple[Walk, ...]


def set_quote(books: Sequence[Book], terms: SetTerms, walker: Walker | None = None) -> SetQuote | None:
    """The most of every leg that can be taken at a profit of `margin` a share beyond its carry; None if there is none.

    The fee is rounded at every level, so a size of a few hundredths may lose what its price promised: the profit
    is taken from the exact walks, not from the marginal costs that found the size. `walker` walks the books by place
    for who keeps what was walked before.
    """
    costs = total = 0
    for book, rate in zip(books, terms.plain_buys, strict=False):  # nearly every set: bought, with ordinary fees
        price = book.best_ask
        if price is None:
            return None
        total += price
        costs += rate * price * (MICRO - price)
    if not terms.plain_buys:
        for book, side, fees in zip(books, terms.sides, terms.fees, strict=True):
            price = book.best_ask if side is Side.BUY else book.best_bid
            if price is None:
                return None
            costs += marginal(price, fees, side)
    if costs + total * _UNIT >= terms.bound:
        return None  # not even the first share pays: no ladder has to be sorted to see that
    ladders = terms.ladders(books)
    size = best_set_size(ladders, terms)
    if size == 0:
        return None
    walk = walker or _anew(books)
    rules = enumerate(zip(terms.sides, terms.fees, strict=True))
    walks = tuple(walk(n, side, size, fees) for n, (side, fees) in rules)
    if any(walk.gross < least * MICRO for walk, least in zip(walks, terms.notionals, strict=False)):
        return None  # an order the venue would refuse for being worth too little
    edge = size * terms.payoff - sum(walk.outlay(side) for walk, side in zip(walks, terms.sides, strict=True))
    least = size * terms.margin
    if terms.carry:
        locked = sum(walk.capital(side) for walk, side in zip(walks, terms.sides, strict=True))
        least += ceil_div(locked * terms.carry, PPM)
    if edge <= 0 or edge < least:
        return None
    return SetQuote(size, edge, walks)
