"""A seeded game: two markets that exclude each other, with a known number of pairs worth taking, some of them traps.

The same seed gives the same session on every machine: whole numbers and `random.Random` only, whose `randrange` and
`random` are the same on every platform and Python version this project supports.

The probability of the first team wanders; both markets quote around it, a cent or two wide, levels behind the touch
ever deeper; orders come, go and trade at the touch. Every book stays fresh: each market changes many times a second.
A *planted* opportunity is a wave of asks in one market below what the other market allows; it stands for 0.2 to 3 s and
then its makers pull it. What is planted is said by `plan(seed)`, so that tests and demos know what to expect.

Traps look profitable and must not be taken: `stale` (the other book has been silent for seconds), `crossed` (the
wave's market also shows a bid above it), `shallow` (less than one share stands at the price).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from domain.market import MarketSpec
from domain.money import MICRO
from venues.recording.session import BidSide, BookDelta, RecordedSession, SessionEvent
from venues.recording.tickers import market
from venues.recording.window import Levels

SECONDS = 60
_EPOCH = 1_767_225_600 * MICRO  # 2026-01-01T00:00:00Z; each seed plays on its own evening of that year
_CENT = 10_000
_LEVELS = 8
_SLOT = 6
_SILENCE = 2_600_000  # before a stale trap opens; longer than any sensible age limit, shorter than a slot's rest


class Kind(StrEnum):
    """What a planted opportunity is: one to take, or a trap named by the gate that must refuse it."""

    REAL = "real"
    STALE = "stale"
    CROSSED = "crossed"
    SHALLOW = "shallow"


@dataclass(frozen=True, slots=True)
class Plant:
    """An opportunity of the session: it opens `at` (microseconds) in market number `market` and lasts `lasts`.

    `size` in micro-contracts stands on the cheap side; `cents` is how far the two asks together lie below 1 dollar.
    """

    kind: Kind
    at: int
    lasts: int
    market: int
    size: int
    cents: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole script of a seed: when it starts, where the first team's price starts, and what is planted."""

    start: int
    seconds: int
    fair: int
    plants: tuple[Plant, ...]


def plan(seed: int, seconds: int = SECONDS) -> Plan:
    """The script of `seed`: one opportunity every six seconds, one trap of each kind among them if there is room."""
    dice = random.Random(f"plan {seed}")  # noqa: S311 - a reproducible session, not a secret
    start = _EPOCH + (seed % 365) * 86_400 * MICRO + 19 * 3_600 * MICRO
    slots = max(1, (seconds - 4) // _SLOT)
    kinds = [Kind.REAL] * slots
    for place, kind in enumerate((Kind.STALE, Kind.CROSSED, Kind.SHALLOW)):
        if slots >= 4:
            kinds[(place + 1) * slots // 4] = kind
    plants = []
    for slot, kind in enumerate(kinds):
        at = start + (3 + _SLOT * slot) * MICRO + dice.randrange(400_000)
        size = dice.randrange(5, 400) * MICRO if kind is not Kind.SHALLOW else 40 * _CENT
        lasts = dice.randrange(200_000, 3_000_000) if kind is Kind.REAL else 400_000
        # At least 5 cents below 1 cover both fees at any price (3.5 cents at the most, when both stand at 0.50).
        plants.append(Plant(kind, at, lasts, dice.randrange(2), size, dice.randrange(5, 8)))
    return Plan(start, seconds, dice.randrange(35, 66) * _CENT, tuple(plants))


def make(seed: int, seconds: int = SECONDS) -> RecordedSession:
    """The session of `seed`."""
    script = plan(seed, seconds)
    event = f"SYNGAME-{seed}"
    markets = (market(f"{event}-RED", event, "Red beats Blue"), market(f"{event}-BLUE", event, "Blue beats Red"))
    game = _Game(random.Random(f"game {seed}"), script, markets)  # noqa: S311 - reproducible, not a secret
    game.play()
    planted = ", ".join(f"{sum(p.kind is kind for p in script.plants)} {kind}" for kind in Kind)
    return RecordedSession(f"synth-{seed}", markets, tuple(game.log), (f"planted: {planted}",))


class _Game:
    """Both books while they are written. `fair` is the first team's price in micros, always whole cents."""

    def __init__(self, dice: random.Random, script: Plan, markets: tuple[MarketSpec, MarketSpec]) -> None:
        self.dice = dice
        self.script = script
        self.markets = markets
        self.fair = script.fair
        self.books = (Levels(), Levels())
        self.log: list[SessionEvent] = []

    def play(self) -> None:
        start = self.script.start
        for number in (0, 1):
            for side, price in self.targets(number):
                self.books[number].side(side)[price] = self.depth()
            self.log.append(self.books[number].reset(start, self.markets[number].market))
        now = start + 10_000
        end = start + self.script.seconds * MICRO
        for plant in self.script.plants:
            now = self.idle(now, plant.at, plant)
            self.open(plant)
            now = self.idle(plant.at + 4_000, plant.at + plant.lasts, plant)
            self.close(plant)
            now = plant.at + plant.lasts + 8_000
        self.idle(now, end, None)

    def idle(self, now: int, until: int, plant: Plant | None) -> int:
        """Ordinary trading from `now` to `until`, `plant` being the next opportunity or the one that stands."""
        while True:
            now += self.dice.randrange(5_000, 30_000)
            if now >= until:
                return until
            quiet = None
            steady = False
            if plant is not None:
                steady = now >= plant.at - 100_000
                if plant.kind is Kind.STALE and now >= plant.at - _SILENCE:
                    quiet, steady = 1 - plant.market, True
            if not steady and self.dice.randrange(60) == 0:
                self.move(now)
                now += 8_000
            else:
                number = self.dice.randrange(2)
                if number != quiet:
                    self.jitter(now, number)

    def own_fair(self, number: int) -> int:
        return self.fair if number == 0 else MICRO - self.fair

    def targets(self, number: int) -> list[tuple[BidSide, int]]:
        """Where this market's makers want to stand: a cent either side of fair, and behind it."""
        fair = self.own_fair(number)
        rungs = [_CENT * (1 + rung) for rung in range(_LEVELS)]
        return [("yes", fair - rung) for rung in rungs] + [("no", MICRO - fair - rung) for rung in rungs]

    def depth(self) -> int:
        return self.dice.randrange(60, 600) * MICRO

    def change(self, at: int, number: int, side: BidSide, price: int, delta: int) -> None:
        event = BookDelta(at, self.markets[number].market, side, price, delta)
        self.books[number].apply(event)
        self.log.append(event)

    def move(self, at: int) -> None:
        """The game's odds move by a cent; the second market follows the first within some milliseconds."""
        step = self.dice.choice((-_CENT, _CENT))
        if not 25 * _CENT <= self.fair + step <= 75 * _CENT:
            step = -step
        self.fair += step
        for number in (0, 1):
            self.requote(at + number * self.dice.randrange(500, 6_000), number)

    def requote(self, at: int, number: int) -> None:
        """Levels nobody wants any more go first, so that the book is never crossed on the way."""
        wanted = self.targets(number)
        book = self.books[number]
        sides: tuple[BidSide, BidSide] = ("yes", "no")
        for side in sides:
            for price in sorted(book.side(side)):
                if (side, price) not in wanted:
                    self.change(at, number, side, price, -book.side(side)[price])
        for side, price in wanted:
            if price not in book.side(side):
                self.change(at, number, side, price, self.depth())

    def jitter(self, at: int, number: int) -> None:
        """An order comes, goes, or trades at the touch; a level keeps at least twenty contracts."""
        side, price = self.dice.choice(self.targets(number))
        standing = self.books[number].side(side).get(price, 0)
        amount = self.dice.randrange(1, 60) * MICRO
        if standing == 0:
            return
        if self.dice.randrange(2) and standing - amount >= 20 * MICRO:
            amount = -amount
        self.change(at, number, side, price, amount)

    def planted_ask(self, plant: Plant) -> int:
        """The YES price of the wave: `cents` below what the other market's best ask leaves of a dollar."""
        other_ask = MICRO - max(self.books[1 - plant.market].no)
        return MICRO - other_ask - plant.cents * _CENT

    def open(self, plant: Plant) -> None:
        ask = self.planted_ask(plant)
        if plant.kind is not Kind.CROSSED:
            bids = self.books[plant.market].yes
            for price in sorted((price for price in bids if price >= ask), reverse=True):
                self.change(plant.at, plant.market, "yes", price, -bids[price])
        self.change(plant.at, plant.market, "no", MICRO - ask, plant.size)

    def close(self, plant: Plant) -> None:
        """The wave's makers pull what is left; then the market's bids come back."""
        self.requote(plant.at + plant.lasts, plant.market)
