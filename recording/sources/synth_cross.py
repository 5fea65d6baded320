"""A seeded game at two venues: the same two outcomes as two Kalshi markets and as the two tokens of one condition.

The same seed gives the same session on every machine (`random.Random` and whole numbers only). Both venues quote around
one price that wanders; every book changes many times a second. A *planted* opportunity is an offer of one token so far
below what the other outcome leaves of a dollar at Kalshi that the fees of both venues leave a profit; it stands for 0.4
to 2.5 s and then its maker pulls it. In front of it stand one or two better prices for a few shares each, and all sizes
are odd, so that taking it fills at two or three prices; odd seeds have tokens on a grid of a tenth of a cent. That the
markets are one claim is declared by the session itself, which is good for paper and replay and for nothing else.
"""

from __future__ import annotations

import hashlib
import random
from decimal import Decimal

from domain.claims import EquivalenceRecord, Instrument, JointOutcome, Pays, declared, proposal, rules_hash
from domain.fees import FeeModel, FeeSchedule
from domain.market import CENT_GRID, MarketSpec, PriceRange, Venue
from domain.money import MICRO, to_micros
from recording.sources.session import BidSide, BookDelta, Condition, RecordedSession, Result, SessionEvent
from recording.sources.synth import better, in_order
from recording.sources.tickers import market
from recording.sources.window import Levels

SECONDS = 40
STREAM = 2
"""Raised when the same seed would give another session. 1: whole sizes, one price an offer."""
_EPOCH = 1_767_225_600 * MICRO  # 2026-01-01T00:00:00Z; each seed plays on its own evening of that year
_CENT = 10_000
_RUNGS = (1, 2, 3, 4, 5, 6, 8)  # cents from the fair price at which makers stand
_LOT = 10_000  # micro-shares: the smallest part of a size
_SLOT = 4 * MICRO
_PLANTED = 7  # cents: the fees of both venues at any prices are below four
_LOW, _HIGH = 30, 70
_TEAMS = ("NORTH", "SOUTH")
_TOKEN, _FIRST, _SECOND = 2, 0, 1  # places of the books
_FINE_GRID = (PriceRange(Decimal("0.001"), Decimal("0.999"), Decimal("0.001")),)
_FEES = FeeSchedule(taker=Decimal("0.05"), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)


def make(seed: int, seconds: int = SECONDS) -> RecordedSession:
    """The session of `seed`. One opportunity is planted every four seconds, on either token in turn."""
    game = _Game(seed)
    writer = _Writer(random.Random(f"cross {seed}"), game)  # noqa: S311 - reproducible, not a secret
    planted = writer.play(seconds)
    winner = writer.winner
    return RecordedSession(
        f"synth-cross-{seed}",
        game.markets,
        tuple(in_order(writer.log)),
        (f"planted: {planted}", f"won by: {_TEAMS[winner]}", "one claim by the session's own word: paper only"),
        (Result(game.event, game.tickers[winner]), Result(game.condition_id, game.tokens[winner])),
        (game.condition,),
        (game.claim,),
    )


class _Game:
    """Who plays, and what it is called where."""

    def __init__(self, seed: int) -> None:
        self.start = _EPOCH + (seed % 365) * 86_400 * MICRO + 20 * 3_600 * MICRO
        self.event = f"SYNCROSS-{seed}"
        self.tickers = tuple(f"{self.event}-{team}" for team in _TEAMS)
        self.tokens = tuple(str(int.from_bytes(_digest(f"{self.event} {team}")[:31])) for team in _TEAMS)
        self.condition_id = f"0x{_digest(self.event).hex()}"
        token = MarketSpec(
            venue=Venue.POLYMARKET,
            market=self.tokens[0],
            event=self.condition_id,
            title=f"{_TEAMS[0].title()} against {_TEAMS[1].title()}",
            fees=_FEES,
            price_ranges=_FINE_GRID if seed % 2 else CENT_GRID,
            min_size=Decimal(5),
            min_notional=Decimal(1),
            outcomes=2,
            outcome=_TEAMS[0].title(),
            complement=self.tokens[1],
        )
        kalshi = (
            market(ticker, self.event, f"{t.title()} wins") for ticker, t in zip(self.tickers, _TEAMS, strict=True)
        )
        self.markets: tuple[MarketSpec, ...] = (*kalshi, token)

    @property
    def condition(self) -> Condition:
        return Condition(
            self.tokens[0],
            self.condition_id,
            (_TEAMS[0].title(), _TEAMS[1].title()),
            slug=self.event.lower(),
            rules=self.rules(Venue.POLYMARKET),
        )

    @property
    def claim(self) -> EquivalenceRecord:
        named = ((Venue.KALSHI, self.tickers), (Venue.POLYMARKET, self.tokens))
        instruments = [
            Instrument(venue, name, f"{team.title()} wins", rules_hash(self.rules(venue)))
            for venue, names in named
            for name, team in zip(names, _TEAMS, strict=True)
        ]
        one, nothing = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0))
        outcomes = [
            JointOutcome(f"{_TEAMS[0].title()} wins", (one, nothing, one, nothing)),
            JointOutcome(f"{_TEAMS[1].title()} wins", (nothing, one, nothing, one)),
        ]
        reason = "a generated game that is played to its end"
        return declared(
            proposal(self.markets[_TOKEN].title, instruments, outcomes, "the generator", reason, self.start)
        )

    def rules(self, venue: Venue) -> str:
        return f"{self.event} at {venue}: pays the side that wins the game. It is generated, and always ends."


class _Writer:
    """The three books while they are written; `fair` is the first side's price in whole cents."""

    def __init__(self, dice: random.Random, game: _Game) -> None:
        self.dice = dice
        self.odd = random.Random(f"odd {STREAM} {game.event}")  # noqa: S311 - reproducible, not a secret
        self.game = game
        self.fair = dice.randrange(40, 61)
        self.winner = int(dice.randrange(100) >= self.fair)
        self.books = tuple(Levels() for _ in game.markets)
        self.log: list[SessionEvent] = []

    def play(self, seconds: int) -> int:
        """Returns how many opportunities were planted."""
        now = self.game.start
        for number, book in enumerate(self.books):
            for side, price in self.targets(number):
                book.side(side)[price] = self.depth()
            self.log.append(book.reset(now, self.game.markets[number].market))
        end, planted = now + seconds * MICRO, 0
        at = now + 3 * MICRO
        while at + _SLOT < end:
            now = self.idle(now, at + self.dice.randrange(400_000))
            self.plant(now, cheap_first=planted % 2 == 0)
            now = self.idle(now + 4_000, now + self.dice.randrange(400_000, 2_500_000), moves=False)
            self.requote(now, _TOKEN)
            planted, at, now = planted + 1, at + _SLOT, now + 8_000
        self.idle(now, end)
        return planted

    def idle(self, now: int, until: int, *, moves: bool = True) -> int:
        """Ordinary trading; with `moves` the price may wander too."""
        while True:
            now += self.dice.randrange(4_000, 24_000)
            if now >= until:
                return until
            if moves and self.dice.randrange(120) == 0:
                self.fair = min(max(self.fair + self.dice.choice((-1, 1)), _LOW), _HIGH)
                for number in range(len(self.books)):
                    self.requote(now, number)
                    now += 500
                continue
            self.jitter(now, self.dice.randrange(len(self.books)))

    def targets(self, number: int) -> list[tuple[BidSide, int]]:
        """Where makers stand: a cent either side of fair, and behind it."""
        fair = (100 - self.fair if number == _SECOND else self.fair) * _CENT
        rungs = [_CENT * rung for rung in _RUNGS]
        return [("yes", fair - rung) for rung in rungs] + [("no", MICRO - fair - rung) for rung in rungs]

    def plant(self, at: int, *, cheap_first: bool) -> None:
        """Offer the first token (or the second) far below what Kalshi's other market leaves of a dollar."""
        dearer = self.books[_SECOND if cheap_first else _FIRST]
        ask = max(dearer.no) - _PLANTED * _CENT  # a dollar less the other market's best ask, less what is planted
        side: BidSide = "no" if cheap_first else "yes"
        opposite: BidSide = "yes" if cheap_first else "no"
        step = to_micros(self.game.markets[_TOKEN].price_ranges[0].step)
        front = better(self.odd, MICRO - ask, step)
        best = max((level for level, _ in front), default=MICRO - ask)
        standing = self.books[_TOKEN].side(opposite)
        for level in sorted((price for price in standing if price >= MICRO - best), reverse=True):
            self.change(at, _TOKEN, opposite, level, -standing[level])
        self.change(
            at, _TOKEN, side, MICRO - ask, self.dice.randrange(20, 200) * MICRO + self.odd.randrange(100) * _LOT
        )
        for level, size in front:
            self.change(at, _TOKEN, side, level, size)

    def requote(self, at: int, number: int) -> None:
        """Levels nobody wants any more go first, so that the book is never crossed on the way."""
        wanted, book = self.targets(number), self.books[number]
        sides: tuple[BidSide, BidSide] = ("yes", "no")
        for side in sides:
            for price in sorted(book.side(side)):
                if (side, price) not in wanted:
                    self.change(at, number, side, price, -book.side(side)[price])
        for side, price in wanted:
            if price not in book.side(side):
                self.change(at, number, side, price, self.depth())

    def jitter(self, at: int, number: int) -> None:
        """An order comes, goes, or trades at a level that stands; it keeps at least twenty shares."""
        book = self.books[number]
        side, price = self.dice.choice([(side, p) for side, p in self.targets(number) if p in book.side(side)])
        amount = self.dice.randrange(1, 60) * MICRO + self.odd.randrange(100) * _LOT
        if self.dice.randrange(2) and book.side(side)[price] - amount >= 20 * MICRO:
            amount = -amount
        self.change(at, number, side, price, amount)

    def depth(self) -> int:
        return self.dice.randrange(60, 600) * MICRO + self.odd.randrange(100) * _LOT

    def change(self, at: int, number: int, side: BidSide, price: int, delta: int) -> None:
        event = BookDelta(at, self.game.markets[number].market, side, price, delta)
        self.books[number].apply(event)
        self.log.append(event)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
