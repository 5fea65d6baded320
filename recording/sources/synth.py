"""A seeded evening: a game of two outcomes and a cup of three or four, with a known number of sets worth taking, some
of them traps.

The same seed gives the same session on every machine: whole numbers and `random.Random` only, whose `randrange` and
`random` are the same on every platform and Python version this project supports.

The probabilities of each event's outcomes wander and always add up to one; every market quotes around its own, a cent
or two wide, levels behind the touch ever deeper; orders come, go and trade at the touch. Every book stays fresh: each
market changes many times a second. A *planted* opportunity is a wave of asks in one market below what the others of its
event allow; it stands for 0.2 to 3 s and then its makers pull it. What is planted, and who wins, is said by
`plan(seed)`, so that tests and demos know what to expect.

In front of a wave that can be taken stand one or two better prices for a few shares each, as in a real book, and all
sizes are odd: whoever takes it is filled at two or three prices, with an average that no short decimal says. What
stands in front, like every size, is drawn from a stream of its own (`STREAM`), so that it can be told from the game.

A `rich` plant is the opposite: a wave of bids, worth selling every outcome to. Traps look profitable and must not be
taken: `stale` (another book of the event has been silent for seconds), `crossed` (the wave's market also shows a bid
above it), `shallow` (less than one share stands at the price).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.market import MarketSpec
from domain.money import MICRO
from recording.sources.session import BidSide, BookDelta, RecordedSession, Result, SessionEvent
from recording.sources.tickers import market
from recording.sources.window import Levels

SECONDS = 60
STREAM = 2
"""Raised when the same seed would give another session. 1: whole sizes, one price a wave."""
_EPOCH = 1_767_225_600 * MICRO  # 2026-01-01T00:00:00Z; each seed plays on its own evening of that year
_CENT = 10_000
_RUNGS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 14)  # cents from the fair price at which makers stand
_BOUNDS = {2: (25, 75), 3: (18, 60), 4: (15, 45)}  # cents; leaves room for every rung and every wave
_LOT = 10_000  # micro-contracts: the smallest part of a size
_SLOT = 6
_SILENCE = 2_600_000  # before a stale trap opens; longer than any sensible age limit, shorter than a slot's rest
_CUP = ("EAST", "WEST", "NORTH", "SOUTH")


class Kind(StrEnum):
    """What a planted opportunity is: one to take, to sell to, or a trap named by the gate that must refuse it."""

    REAL = "real"
    RICH = "rich"
    STALE = "stale"
    CROSSED = "crossed"
    SHALLOW = "shallow"


@dataclass(frozen=True, slots=True)
class Plant:
    """An opportunity: it opens `at` (microseconds) in market number `market` of event number `event` and `lasts`.

    `size` in micro-contracts stands in the wave; `cents` is how far the asks of all outcomes together then lie below
    1 dollar, or for a rich one the bids above it.
    """

    kind: Kind
    at: int
    lasts: int
    event: int
    market: int
    size: int
    cents: int


@dataclass(frozen=True, slots=True)
class EventPlan:
    """One event: its outcomes' names, their opening prices in whole cents (100 together), and which one wins."""

    name: str
    outcomes: tuple[str, ...]
    fair: tuple[int, ...]
    winner: int

    def ticker(self, number: int) -> str:
        return f"{self.name}-{self.outcomes[number]}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole script of a seed: when it starts, its events, and what is planted."""

    start: int
    seconds: int
    events: tuple[EventPlan, ...]
    plants: tuple[Plant, ...]

    @property
    def winners(self) -> dict[str, str]:
        """By event: the market that pays."""
        return {event.name: event.ticker(event.winner) for event in self.events}


def plan(seed: int, seconds: int = SECONDS) -> Plan:
    """The script of `seed`: one opportunity every six seconds; if there is room, one trap of each kind and one rich
    wave among them. Odd seeds have a cup of three outcomes, even ones of four."""
    dice = random.Random(f"plan {seed}")  # noqa: S311 - a reproducible session, not a secret
    start = _EPOCH + (seed % 365) * 86_400 * MICRO + 19 * 3_600 * MICRO
    events = (
        _event(dice, f"SYNGAME-{seed}", ("RED", "BLUE")),
        _event(dice, f"SYNCUP-{seed}", _CUP[: 3 + (seed + 1) % 2]),
    )
    slots = max(1, (seconds - 4) // _SLOT)
    kinds = [Kind.REAL] * slots
    if slots >= 4:
        for place, kind in enumerate((Kind.STALE, Kind.CROSSED, Kind.SHALLOW)):
            kinds[(place + 1) * slots // 4] = kind
    if slots >= 8:
        kinds[kinds.index(Kind.REAL, slots // 2)] = Kind.RICH
    plants = []
    for slot, kind in enumerate(kinds):
        number = (slot + 1 + slot // 3) % 2  # the cup first; neither event gets all the traps
        outcomes = len(events[number].outcomes)
        at = start + (3 + _SLOT * slot) * MICRO + dice.randrange(400_000)
        size = dice.randrange(5, 400) * MICRO if kind is not Kind.SHALLOW else 40 * _CENT
        lasts = dice.randrange(200_000, 3_000_000) if kind in (Kind.REAL, Kind.RICH) else 400_000
        # Fees of all outcomes at any prices: at most 3.5 cents for two, 4.7 for three, 5.3 for four.
        cents = 3 + outcomes + dice.randrange(3)
        plants.append(Plant(kind, at, lasts, number, dice.randrange(outcomes), size, cents))
    return Plan(start, seconds, events, tuple(plants))


def _event(dice: random.Random, name: str, outcomes: tuple[str, ...]) -> EventPlan:
    fair = [100 // len(outcomes)] * len(outcomes)
    fair[0] += 100 - sum(fair)
    for _ in range(20):
        _shift(dice, fair)
    draw = dice.randrange(100)
    winner = next(n for n in range(len(fair)) if draw < sum(fair[: n + 1]))
    return EventPlan(name, outcomes, tuple(fair), winner)


def _shift(dice: random.Random, fair: list[int]) -> bool:
    """Move a cent of probability from one outcome to another; False if the bounds forbid the one that was drawn."""
    low, high = _BOUNDS[len(fair)]
    loses = dice.randrange(len(fair))
    gains = (loses + 1 + dice.randrange(len(fair) - 1)) % len(fair)
    if fair[loses] <= low or fair[gains] >= high:
        return False
    fair[loses] -= 1
    fair[gains] += 1
    return True


def make(seed: int, seconds: int = SECONDS) -> RecordedSession:
    """The session of `seed`."""
    script = plan(seed, seconds)
    evening = _Evening(random.Random(f"game {seed}"), script)  # noqa: S311 - reproducible, not a secret
    evening.play()
    markets = tuple(spec for table in evening.tables for spec in table.markets)
    planted = ", ".join(f"{sum(p.kind is kind for p in script.plants)} {kind}" for kind in Kind)
    won = ", ".join(script.winners.values())
    notes = (f"planted: {planted}", f"won by: {won}")
    results = tuple(Result(event, winner) for event, winner in script.winners.items())
    return RecordedSession(f"synth-{seed}", markets, tuple(in_order(evening.log)), notes, results)


def in_order(log: Sequence[SessionEvent]) -> Iterator[SessionEvent]:
    """The events as they were made, none before the one that it follows: a move of all markets takes some milliseconds,
    and the next opportunity may be due within them."""
    last = 0
    for event in log:
        last = max(last, event.at)
        yield event if event.at == last else replace(event, at=last)


class _Table:
    """The books of one event while they are written. `fair` is each outcome's price in whole cents."""

    def __init__(self, script: EventPlan) -> None:
        outcomes = len(script.outcomes)
        self.fair = list(script.fair)
        self.markets: tuple[MarketSpec, ...] = tuple(
            market(script.ticker(n), script.name, f"{script.outcomes[n].title()} wins", outcomes)
            for n in range(outcomes)
        )
        self.books = tuple(Levels() for _ in range(outcomes))

    def targets(self, number: int) -> list[tuple[BidSide, int]]:
        """Where this market's makers want to stand: a cent either side of fair, and behind it."""
        fair = self.fair[number] * _CENT
        rungs = [_CENT * rung for rung in _RUNGS]
        return [("yes", fair - rung) for rung in rungs] + [("no", MICRO - fair - rung) for rung in rungs]

    def wave(self, plant: Plant) -> tuple[BidSide, int]:
        """Side and price (on that side) of the planted level."""
        others = [book for n, book in enumerate(self.books) if n != plant.market]
        if plant.kind is Kind.RICH:
            return "yes", MICRO - sum(max(book.yes) for book in others) + plant.cents * _CENT
        ask = MICRO - sum(MICRO - max(book.no) for book in others) - plant.cents * _CENT
        return "no", MICRO - ask


class _Evening:
    """All events at once, one after the other in the log."""

    def __init__(self, dice: random.Random, script: Plan) -> None:
        self.dice = dice
        self.odd = random.Random(f"odd {STREAM} {script.events[0].name}")  # noqa: S311 - reproducible, not a secret
        self.script = script
        self.tables = tuple(_Table(event) for event in script.events)
        self.places = [(table, n) for table in self.tables for n in range(len(table.markets))]
        self.log: list[SessionEvent] = []

    def play(self) -> None:
        start = self.script.start
        for table, number in self.places:
            for side, price in table.targets(number):
                table.books[number].side(side)[price] = self.depth()
            self.log.append(table.books[number].reset(start, table.markets[number].market))
        now = start + 10_000
        end = start + self.script.seconds * MICRO
        for plant in self.script.plants:
            now = self.idle(now, plant.at, plant)
            self.open(plant)
            now = self.idle(plant.at + 4_000, plant.at + plant.lasts, plant)
            self.requote(plant.at + plant.lasts, self.tables[plant.event], plant.market)  # the wave is pulled
            if plant.kind is Kind.CROSSED:  # a book once crossed is believed again with a new one
                book = self.tables[plant.event].books[plant.market]
                self.log[-1] = book.reset(self.log[-1].at, self.log[-1].market)
            now = plant.at + plant.lasts + 8_000
        self.idle(now, end, None)

    def idle(self, now: int, until: int, plant: Plant | None) -> int:
        """Ordinary trading from `now` to `until`, `plant` being the next opportunity or the one that stands."""
        while True:
            now += self.dice.randrange(2_000, 14_000)
            if now >= until:
                return until
            quiet = steady = None
            if plant is not None:
                stale = plant.kind is Kind.STALE and now >= plant.at - _SILENCE
                if stale or now >= plant.at - 100_000:
                    steady = self.tables[plant.event]
                if stale and steady is not None:
                    quiet = (steady, (plant.market + 1) % len(steady.markets))
            if self.dice.randrange(100) == 0:
                table = self.tables[self.dice.randrange(len(self.tables))]
                if table is not steady:
                    self.move(now, table)
                    now += 8_000
            else:
                place = self.places[self.dice.randrange(len(self.places))]
                if place != quiet:
                    self.jitter(now, *place)

    def depth(self) -> int:
        return self.dice.randrange(60, 600) * MICRO + self.odd.randrange(100) * _LOT

    def change(  # noqa: PLR0917 - when, where and what
        self, at: int, table: _Table, number: int, side: BidSide, price: int, delta: int
    ) -> None:
        event = BookDelta(at, table.markets[number].market, side, price, delta)
        table.books[number].apply(event)
        self.log.append(event)

    def move(self, at: int, table: _Table) -> None:
        """The odds move by a cent; the event's markets follow one after the other within some milliseconds."""
        if not _shift(self.dice, table.fair):
            return
        for number in range(len(table.markets)):
            self.requote(at, table, number)
            at += self.dice.randrange(300, 2_000)

    def requote(self, at: int, table: _Table, number: int) -> None:
        """Levels nobody wants any more go first, so that the book is never crossed on the way."""
        wanted = table.targets(number)
        book = table.books[number]
        sides: tuple[BidSide, BidSide] = ("yes", "no")
        for side in sides:
            for price in sorted(book.side(side)):
                if (side, price) not in wanted:
                    self.change(at, table, number, side, price, -book.side(side)[price])
        for side, price in wanted:
            if price not in book.side(side):
                self.change(at, table, number, side, price, self.depth())

    def jitter(self, at: int, table: _Table, number: int) -> None:
        """An order comes, goes, or trades at a level that stands; it keeps at least twenty contracts."""
        book = table.books[number]
        side, price = self.dice.choice([(side, p) for side, p in table.targets(number) if p in book.side(side)])
        amount = self.dice.randrange(1, 60) * MICRO + self.odd.randrange(100) * _LOT
        if self.dice.randrange(2) and book.side(side)[price] - amount >= 20 * MICRO:
            amount = -amount
        self.change(at, table, number, side, price, amount)

    def open(self, plant: Plant) -> None:
        """The wave comes in; what it would trade with is gone first, except in a crossed book. The few shares at better
        prices come last: a limit that was chosen before them still meets them."""
        table = self.tables[plant.event]
        side, price = table.wave(plant)
        front = better(self.odd, price) if plant.kind in (Kind.REAL, Kind.RICH) else ()
        if plant.kind is not Kind.CROSSED:
            opposite: BidSide = "no" if side == "yes" else "yes"
            standing = table.books[plant.market].side(opposite)
            best = max((level for level, _ in front), default=price)
            for level in sorted((level for level in standing if level >= MICRO - best), reverse=True):
                self.change(plant.at, table, plant.market, opposite, level, -standing[level])
        self.change(plant.at, table, plant.market, side, price, plant.size)
        for level, size in front:
            self.change(plant.at, table, plant.market, side, level, size)


def better(dice: random.Random, price: int, step: int = _CENT) -> tuple[tuple[int, int], ...]:
    """One or two levels of bids in front of `price`, a step or two apart, for a few shares each: price and size.

    None where the price leaves no room below a dollar.
    """
    levels = []
    for _ in range(dice.randrange(1, 3)):
        price += step * dice.randrange(1, 3)
        if price < MICRO - 2 * _CENT:
            levels.append((price, dice.randrange(150, 2_000) * _LOT))
    return tuple(levels)
