"""Any world of the wire fuzzer, from a seed: two markets on Kalshi and their twin tokens on Polymarket, a trade over
two of them, what happens to the books, and which answers will be spoiled how and for how long."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from domain.fees import FeeModel, FeeSchedule
from domain.intent import Intent, IntentLeg, LegPolicy, Way
from domain.market import CENT_GRID, MarketSpec, Venue
from domain.orders import Side, TimeInForce
from proof.wire_fuzz.kinds import (
    BALANCE,
    BOOK,
    CANCEL,
    CUTOFF,
    FILLS,
    FRESHNESS,
    KINDS,
    MARKET,
    ORDER,
    ORDERS,
    PUSH,
    SUBMIT,
)
from proof.wire_fuzz.lies import LIES, Habit
from recording.sources.session import BookReset, Condition, RecordedSession, SessionEvent
from recording.sources.tickers import market

D = Decimal
START = 1_795_000_000_000_000
CASH = 10_000_000_000  # micro-dollars at each venue

_CENT, _MICRO = 10_000, 1_000_000
_POLYMARKET_FEES = FeeSchedule(taker=D("0.05"), unit=D("0.000001"), model=FeeModel.POLYMARKET)
_SECOND = 1_000
_ASKED = (CANCEL, ORDER, ORDERS, ORDERS, FILLS, FILLS, FRESHNESS, CUTOFF, BALANCE, BOOK, MARKET, PUSH)
_TURNS = tuple((kind, lie) for kind in KINDS for lie in LIES if kind == SUBMIT or lie not in ("refused", "swallowed"))
_ON_ORDERS = (
    "refused",
    "swallowed",
    "other_unit",
    "other_amount",
    "other_sign",
    "missing",
    "other_type",
    "error_in_200",
    "html",
)


@dataclass(frozen=True, slots=True)
class Happening:
    """`event` happens to a book `at_ms` after the start."""

    at_ms: int
    event: SessionEvent


@dataclass(frozen=True, slots=True)
class Plan:
    """One world. `calm_ms` is when the lies end, `rate` the chance of one before, `failing` the share of matches that
    Polymarket takes back. `first_wins` says which outcome pays. `says_unwind_ms` is when a person asks to unwind in the
    middle of it all, 0 for never. The first `honest` answers are right: a trade that never opens tells little."""

    seed: int
    session: RecordedSession
    intent: Intent
    happenings: tuple[Happening, ...]
    plenty: tuple[SessionEvent, ...]
    rate: float
    habits: tuple[Habit, ...]
    calm_ms: int
    failing: float
    first_wins: bool
    says_unwind_ms: int
    honest: int


@dataclass(frozen=True, slots=True)
class _Instrument:
    """What a leg may trade: `second` is a token whose book is kept as that of its twin."""

    spec: MarketSpec
    name: str
    second: bool = False


def make(seed: int) -> Plan:
    return _Maker(seed).make()


class _Maker:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = Random(f"wire {seed}")  # noqa: S311 - chance, not secrets
        self.event = f"WIRE-{seed}"
        self.tickers = (f"{self.event}-NORTH", f"{self.event}-SOUTH")
        self.tokens = tuple(str(int.from_bytes(_digest(f"{self.event} {n}")[:31])) for n in (0, 1))
        self.kalshi = tuple(market(ticker, self.event, f"{ticker} wins") for ticker in self.tickers)
        self.token = MarketSpec(
            venue=Venue.POLYMARKET,
            market=self.tokens[0],
            event=f"0x{_digest(self.event).hex()}",
            title="North against South",
            fees=_POLYMARKET_FEES,
            price_ranges=CENT_GRID,
            min_size=D(5),
            min_notional=D(1),
            outcomes=2,
            outcome="North",
            complement=self.tokens[1],
        )

    def make(self) -> Plan:
        rng = self.rng
        calm_ms = rng.choice((15, 30, 30, 60, 60, 120, 300, 900)) * _SECOND
        north = _Instrument(self.kalshi[0], self.tickers[0]), _Instrument(self.token, self.tokens[0])
        south = _Instrument(self.kalshi[1], self.tickers[1]), _Instrument(self.token, self.tokens[1], second=True)
        pair = rng.choice(((0, 0), (0, 1), (1, 0), (0, 1), (1, 0)))
        legs = [north[pair[0]], south[pair[1]]]
        total = rng.randint(90, 97)
        first = rng.randint(20, 70)
        asks = [first, total - first]
        order = [0, 1]
        rng.shuffle(order)
        size = D(rng.choice(("10", "20", "37", "5.5", "60", "100")))
        books = {n: (legs[n], asks[n]) for n in (0, 1)}
        opening = self._opening(books, size)
        happenings = [
            Happening(rng.randint(1, calm_ms - 1), self._book(*self._moved(books[n]), size))
            for n in (0, 1)
            for _ in range(rng.choice((0, 0, 1, 2)))
        ]
        slack = rng.choice((0, 0, 1, 2))
        intent = Intent(
            strategy="wire-fuzz",
            strategy_version="1",
            pair=self.event,
            legs=tuple(self._leg("AB"[n], *books[which], slack, size) for n, which in enumerate(order)),
            payoff=D(1),
            edge=D("0.01"),
            decided_at=START,
            expires_at=START + rng.choice((1, 5, 20)) * _MICRO,
            policy=self._policy(),
            evidence=(),
        )
        habits = self._habits(intent)
        return Plan(
            seed=self.seed,
            session=RecordedSession(
                self.event,
                (*self.kalshi, self.token),
                opening,
                conditions=(Condition(self.tokens[0], self.token.event, ("North", "South"), rules="plays"),),
            ),
            intent=intent,
            happenings=tuple(sorted(happenings, key=lambda one: one.at_ms)),
            plenty=tuple(self._plenty(legs[n], asks[n]) for n in (0, 1)),
            rate=rng.choice((0.0, 0.03, 0.1, 0.1, 0.3, 0.6)) if habits else rng.choice((0.05, 0.1, 0.2, 0.4, 0.7)),
            habits=habits,
            calm_ms=calm_ms,
            failing=rng.choice((0.0, 0.0, 0.0, 0.2)),
            first_wins=rng.random() < 0.5,
            honest=rng.choice((0, 8, 8, 12, 12, 20)),
            says_unwind_ms=rng.randint(1, calm_ms) if rng.random() < 0.1 else 0,
        )

    # ------------------------------------------------------------------ books

    def _opening(self, books: dict[int, tuple[_Instrument, int]], size: Decimal) -> tuple[BookReset, ...]:
        """A book for every market, the trade's own ones as they were decided on."""
        found = {ticker: BookReset(START, ticker, _levels(30, 5), _levels(60, 5)) for ticker in self.tickers}
        found[self.tokens[0]] = BookReset(START, self.tokens[0], _levels(30, 5), _levels(60, 5))
        for instrument, ask in books.values():
            book = self._book(instrument, ask, size)
            found[book.market] = book
        return tuple(found.values())

    def _book(self, instrument: _Instrument, ask: int, size: Decimal) -> BookReset:
        """Offers from `ask` cents upwards, the first of them often for a part of `size` only; bids below."""
        rng = self.rng
        asks, bids = {}, {}
        for step in range(rng.choice((1, 2, 3, 4))):
            asks[ask + step] = self._depth(size, first=step == 0)
        below = ask - rng.choice((1, 2, 2, 4))
        for step in range(rng.choice((1, 2, 3, 4))):
            bids[below - step] = self._depth(size, first=step == 0)
        return _reset(instrument, bids, asks)

    def _depth(self, size: Decimal, *, first: bool) -> int:
        share = self.rng.choice((0.3, 0.5, 1.0, 2.0) if first else (0.2, 1.0, 3.0))
        return max(int(float(size) * share * 100), 100) * _CENT

    def _moved(self, book: tuple[_Instrument, int]) -> tuple[_Instrument, int]:
        instrument, ask = book
        return instrument, min(max(ask + self.rng.choice((-5, -1, 1, 2, 5, 12)), 10), 90)

    def _plenty(self, instrument: _Instrument, ask: int) -> BookReset:
        return _reset(instrument, {ask - 1: 100_000 * _MICRO}, {ask: 100_000 * _MICRO})

    # ------------------------------------------------------------------ the trade

    def _leg(self, name: str, instrument: _Instrument, ask: int, slack: int, size: Decimal) -> IntentLeg:
        spec, rng = instrument.spec, self.rng
        limit = D(ask + slack) / 100
        rests = rng.random() < 0.15
        return IntentLeg(
            name=name,
            venue=spec.venue,
            market=instrument.name,
            side=Side.BUY,
            size=size,
            limit=limit,
            expected_cost=limit * size + spec.fees.trade_fee(limit, size),
            fees=spec.fees,
            tif=TimeInForce.GTC if rests else rng.choice((TimeInForce.IOC, TimeInForce.IOC, TimeInForce.FOK)),
            rest_ms=rng.choice((200, 2_000)) if rests else 0,
            min_size=spec.min_size,
            lot=spec.size_step,
        )

    def _policy(self) -> LegPolicy:
        rng = self.rng
        return LegPolicy(
            leg_b_slack=rng.choice((D(0), D("0.02"))),
            loss_budget=rng.choice((D(5), D(20), D("0.5"))),
            repair_deadline_ms=rng.choice((60_000, 10_000)),
            unknown_deadline_ms=rng.choice((600_000, 60_000, 20_000)),
            ways=rng.choice(((Way.COMPLETE, Way.UNWIND), (Way.COMPLETE, Way.UNWIND), (Way.UNWIND,), (Way.COMPLETE,))),
        )

    # ------------------------------------------------------------------ the lies

    def _habits(self, intent: Intent) -> tuple[Habit, ...]:
        """None, one or two lies that are told without exception while the storm lasts. In every fifth world one, so
        that every lie about every question has its turn."""
        rng = self.rng
        if self.seed % 5 == 0:
            kind, name = _TURNS[self.seed // 5 % len(_TURNS)]
            return (Habit(rng.choice(intent.legs).venue.value, kind, name, rng.getrandbits(32)),)
        found = []
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
            leg = rng.choice(intent.legs)
            if rng.random() < 0.5:
                where = leg.market if rng.random() < 0.7 else ""
                found.append(Habit(leg.venue.value, SUBMIT, rng.choice(_ON_ORDERS), rng.getrandbits(32), where))
            else:
                name = rng.choice([lie for lie in LIES if lie not in ("refused", "swallowed")])
                found.append(Habit(leg.venue.value, rng.choice(_ASKED), name, rng.getrandbits(32)))
        return tuple(found)


def _reset(instrument: _Instrument, bids: dict[int, int], asks: dict[int, int]) -> BookReset:
    """The book of an instrument by cents, as a session keeps it: a second token's is that of its twin, seen across."""
    name = instrument.spec.market
    ours = tuple((price * _CENT, size) for price, size in bids.items() if 0 < price < 100)
    others = tuple(((100 - price) * _CENT, size) for price, size in asks.items() if 0 < price < 100)
    return BookReset(START, name, others, ours) if instrument.second else BookReset(START, name, ours, others)


def _levels(price: int, count: int) -> tuple[tuple[int, int], ...]:
    return tuple(((price - n) * _CENT, 50 * _MICRO) for n in range(count))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
