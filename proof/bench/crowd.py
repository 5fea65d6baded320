"""A synthetic session of many markets, as both venues would send it: equal seeds give equal bytes.

Half of the instruments are Kalshi markets, two to a game, on one subscription; half are the tokens of Polymarket
conditions. Some trade hundreds of times as often as others (the chance of the n-th busiest is about 1/n). Orders come
conditions. Some trade hundreds of times as often as others (the n-th busiest has a chance of about 1/n). Orders come
a recorded NBA game's changes, 88 % of an award market's). Every two thousandth frame or so one outcome of a game is
offered eight cents below its price, for a few frames: something to decide on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from domain.book import Book
from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, Venue
from domain.money import MICRO
from recording.wire import Frame
from venues.kalshi import frames as kalshi
from venues.polymarket import frames as polymarket
from venues.polymarket.frames import LevelChange

T0 = 1_780_000_000_000_000
STEP_US = 100
"""Between two frames: ten thousand a second."""
CENT = MICRO // 100
_LEVELS = 15
_PLANT_EVERY = 2_000
_PLANT_FRAMES = 4
_SIZES = tuple(size * MICRO for size in range(1, 301)) + tuple(size * 10_000 for size in range(101, 4_101, 4))
_CHANCES = tuple(accumulate(1 / rank for rank in range(1, len(_SIZES) + 1)))
_FREE = FeeSchedule(taker=Decimal(0), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)


@dataclass(frozen=True, slots=True)
class Crowd:
    """`opening` are the snapshots of all markets, `frames` what happens then, one every STEP_US."""

    markets: tuple[MarketSpec, ...]
    opening: tuple[Frame, ...]
    frames: tuple[Frame, ...]
    changes: int


class _Walk:
    """One book around a mid of its own, in whole cents; asks never below `mid` + 1, bids never above it."""

    def __init__(self, market: str, mid: int) -> None:
        self.mid = mid
        self.book = Book(market)
        bids = [((mid - rung) * CENT, 100 * MICRO) for rung in range(_LEVELS) if mid - rung > 0]
        asks = [((mid + 1 + rung) * CENT, 100 * MICRO) for rung in range(_LEVELS) if mid + 1 + rung < 100]
        self.book.replace(bids, asks, T0, T0)
        self._orders: dict[tuple[bool, int], list[int]] = {}

    def step(self, rng: random.Random) -> tuple[bool, int, int]:
        """Side, price and new size of a level: an order came, or one of those went."""
        bid = rng.random() < 0.5
        away = int(rng.expovariate(0.5))
        price = (max(1, self.mid - away) if bid else min(99, self.mid + 1 + away)) * CENT
        levels = self.book.bids if bid else self.book.asks
        orders = self._orders.setdefault((bid, price), [])
        standing = levels.get(price, 0)
        if orders and rng.random() < 0.6 and (standing > orders[-1] or len(levels) > 5):
            return bid, price, standing - orders.pop()
        orders.append(rng.choices(_SIZES, cum_weights=_CHANCES)[0])
        return bid, price, standing + orders[-1]

    def swept(self, bids: list[int]) -> None:
        """The orders behind these levels are gone."""
        for price in bids:
            self._orders.pop((True, price), None)


class _Game:
    """Two Kalshi markets of one event."""

    def __init__(self, event: str, mid: int) -> None:
        self.tickers = (f"{event}-AAA", f"{event}-BBB")
        self.walks = (_Walk(self.tickers[0], mid), _Walk(self.tickers[1], 100 - mid))
        self.specs = tuple(
            MarketSpec(Venue.KALSHI, ticker, event, ticker, FeeSchedule(), outcomes=2) for ticker in self.tickers
        )

    def opening(self, seq: int) -> Iterator[bytes]:
        for walk in self.walks:
            no = [(MICRO - price, size) for price, size in walk.book.asks.items()]
            yield kalshi.snapshot(1, seq, walk.book.market, walk.book.bids.items(), no, yes_price=True)
            seq += 1

    def step(self, rng: random.Random, seq: int, at: int) -> bytes:
        walk = self.walks[rng.random() < 0.5]
        return self.change(walk, *walk.step(rng), seq, at)

    @staticmethod
    def change(walk: _Walk, bid: bool, price: int, size: int, seq: int, at: int) -> bytes:  # noqa: PLR0917
        levels = walk.book.bids if bid else walk.book.asks
        by = size - levels.get(price, 0)
        (walk.book.set_bid if bid else walk.book.set_ask)(price, size, at, at)
        own = price if bid else MICRO - price
        return kalshi.delta(1, seq, walk.book.market, "yes" if bid else "no", own, by, at, yes_price=True)

    def planted(self, rng: random.Random, seq: int, at: int) -> list[bytes]:
        """The other outcome is seen to be alive, the first is offered for less, and is not any more."""
        one, other = self.walks
        price = max(1, one.mid - 8) * CENT
        under = [level for level in one.book.bids if level >= price]
        one.swept(under)
        script = [(other, *other.step(rng))]
        script += [(one, True, level, 0) for level in under]
        script += [(one, False, price, 50 * MICRO)]
        script += [(other, *other.step(rng)) for _ in range(_PLANT_FRAMES)]
        script += [(one, False, price, 0)]
        script += [(one, True, level, 100 * MICRO) for level in under]
        return [self.change(*change, seq + n, at + n * STEP_US) for n, change in enumerate(script)]


class _Condition:
    """Two tokens that mirror each other."""

    def __init__(self, number: int, mid: int) -> None:
        self.name = f"0x{number:064x}"
        self.tokens = (str(10**70 + 2 * number), str(10**70 + 2 * number + 1))
        self.walk = _Walk(self.tokens[0], mid)
        self.specs = tuple(
            MarketSpec(Venue.POLYMARKET, mine, self.name, mine, _FREE, outcomes=2, complement=other)
            for mine, other in (self.tokens, self.tokens[::-1])
        )

    def opening(self) -> bytes:
        book = self.walk.book
        bids = [(MICRO - price, size) for price, size in book.asks.items()]
        asks = [(MICRO - price, size) for price, size in book.bids.items()]
        return polymarket.array(
            polymarket.book(self.name, self.tokens[0], book.bids.items(), book.asks.items(), T0),
            polymarket.book(self.name, self.tokens[1], bids, asks, T0),
        )

    def step(self, rng: random.Random, at: int) -> bytes:
        book = self.walk.book
        bid, price, size = self.walk.step(rng)
        (book.set_bid if bid else book.set_ask)(price, size, at, at)
        best_bid = None if book.best_ask is None else MICRO - book.best_ask
        best_ask = None if book.best_bid is None else MICRO - book.best_bid
        rows = [
            LevelChange(self.tokens[0], bid, price, size, book.best_bid, book.best_ask),
            LevelChange(self.tokens[1], not bid, MICRO - price, size, best_bid, best_ask),
        ]
        return polymarket.price_change(self.name, rows, at)


def crowd(markets: int = 1_000, count: int = 100_000, seed: int = 7) -> Crowd:
    """`markets` instruments (a multiple of four) and `count` frames after their snapshots, or a few more."""
    rng = random.Random(seed)  # noqa: S311 - a script of frames
    games = [_Game(f"KXCROWD-26NOV21-G{number:04}", rng.randint(20, 80)) for number in range(markets // 4)]
    conditions = [_Condition(number, rng.randint(20, 80)) for number in range(1, markets // 4 + 1)]
    opening: list[Frame] = []
    seq = 1
    for game in games:
        for raw in game.opening(seq):
            opening.append((raw, T0, Venue.KALSHI))
            seq += 1
    opening += [(condition.opening(), T0, Venue.POLYMARKET) for condition in conditions]
    listed: list[_Game | _Condition] = [*games, *conditions]
    everybody = list(listed)
    rng.shuffle(everybody)
    weights = list(accumulate(1 / rank for rank in range(1, len(everybody) + 1)))
    script: list[Frame] = []
    changes = 0
    while len(script) < count:
        at = T0 + (len(script) + 1) * STEP_US
        if rng.random() < 1 / _PLANT_EVERY:
            told = rng.choice(games).planted(rng, seq, at)
            script += [(raw, at + n * STEP_US, Venue.KALSHI) for n, raw in enumerate(told)]
            seq += len(told)
            changes += len(told)
            continue
        (chosen,) = rng.choices(everybody, cum_weights=weights)
        if isinstance(chosen, _Game):
            script.append((chosen.step(rng, seq, at), at, Venue.KALSHI))
            seq += 1
            changes += 1
        else:
            script.append((chosen.step(rng, at // 1_000 * 1_000), at, Venue.POLYMARKET))
            changes += 2
    specs = tuple(spec for each in listed for spec in each.specs)
    return Crowd(specs, tuple(opening), tuple(script), changes)
