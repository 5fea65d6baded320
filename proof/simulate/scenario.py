"""Any scenario at all, from a seed: markets, trades, what happens around them, and how bad the weather is.

Everything is decided here, before anything runs, except what depends on the run itself (which call a fault strikes).
A scenario always ends well: the weather turns calm, books turn generous, people let go, and the markets pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from domain.fees import FeeModel, FeeSchedule
from domain.halt import Scope
from domain.intent import Intent, IntentLeg
from domain.market import MarketSpec, Venue
from domain.operator import Action
from domain.orders import Side, TimeInForce
from proof.simulate.chances import Payment, payment, policy, rates

D = Decimal
START = 1_795_000_000_000_000  # an instant of 2026, in microseconds
STRATEGY = "simulated"

_CENTS = tuple(D(n) / 100 for n in range(101))
_FEES = FeeSchedule()
_NO_FEES = FeeSchedule(taker=D(0))
_WHOLE_CENTS = FeeSchedule(unit=D("0.01"), maker=D("0.0175"))
_POWER = FeeSchedule(taker=D("0.05"), unit=D("0.000001"), model=FeeModel.POLYMARKET)
_SECOND = 1_000
_LONG = 3_000

Levels = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something the world does by itself, `at_ms` after the start. `what` names it; see `proof.simulate.world`."""

    at_ms: int
    what: str
    details: tuple[Any, ...]

    def __str__(self) -> str:
        return " ".join([self.what, *(_plain(detail) for detail in self.details)])


@dataclass(frozen=True, slots=True)
class Plan:
    """One trade: its intent, and when it starts."""

    starts_ms: int
    intent: Intent


@dataclass(frozen=True, slots=True)
class Scenario:
    """`payment` is what the markets pay in the end.

    `crashes` is the chance that a process dies at any one await; 1: exactly once at every await. `rates` are those of
    `proof.simulate.weather`. `void_rate` is the chance that the venue takes a provisional fill back. Without `shorts`
    the venues refuse to sell what is not held. A history of `longest` commands is long.
    """

    seed: int
    specs: dict[Venue, dict[str, MarketSpec]]
    cash: dict[Venue, Decimal]
    plans: tuple[Plan, ...]
    happenings: tuple[Happening, ...]
    rates: dict[str, float]
    crashes: float
    lag_ms: int
    fills_lag_ms: int
    provisional: bool
    void_rate: float
    calm_ms: int
    pays_ms: int
    payment: Payment
    paid_early: bool
    shorts: bool
    longest: int

    def best_offers(self, venue: Venue, market: str, side: Side) -> list[Decimal]:
        """The best price on `side` in each book of a market before the calm."""
        found: list[Decimal] = []
        for happening in self.happenings:
            if happening.what == "book" and happening.at_ms < self.calm_ms:
                where, name, bids, asks = happening.details
                levels: Levels = bids if side is Side.BUY else asks
                found += [levels[0][0]] if (where, name) == (venue, market) and levels else []
        return found


def make(seed: int) -> Scenario:
    return _Maker(seed).make()


@dataclass(frozen=True, slots=True)
class _Price:
    """Where a market stands, in cents."""

    bid: int
    ask: int


class _Maker:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = Random(seed)  # noqa: S311 - chance, not secrets

    # ------------------------------------------------------------------ the whole

    def make(self) -> Scenario:
        rng = self.rng
        self.calm_ms = rng.choice((10, 15, 15, 20, 20, 30, 30, 40, 60, 90, 300, 900)) * _SECOND
        self.paid_early = rng.random() < 0.04
        self.pays_ms = self.calm_ms + (500 if self.paid_early else rng.choice((1_000, 1_000, 1_000, 3_000)) * _SECOND)
        self.size = D(rng.choice(("10", "10", "10", "1", "0.37", "0.05", "3.5", "20")))
        self.least = min(D(rng.choice(("0.01", "0.01", "0.01", "0.05", "1"))), self.size)
        kalshi = rng.choice((_FEES, _FEES, _FEES, _NO_FEES, _WHOLE_CENTS))
        self.fees = {Venue.KALSHI: kalshi, Venue.POLYMARKET: _NO_FEES if kalshi is _NO_FEES else _POWER}
        self.venues = self._where()
        self.count = rng.choice((2, 2, 2, 2, 3, 3, 4))
        self.names = [f"EVENT-{letter}" for letter in "ABCD"[: self.count]]
        short = self.venues == (Venue.KALSHI,) and rng.random() < 0.15
        self.prices = {self.venues[0]: self._prices(short=short)}
        if len(self.venues) == 2:  # the same event, dearer elsewhere
            more = rng.randint(3, 9)
            dearer = [_Price(min(p.bid + more, 98), min(p.ask + more, 99)) for p in self.prices[self.venues[0]]]
            self.prices[self.venues[1]] = dearer
        trades = rng.choice((1, 1, 1, 2, 2, 3)) if rng.random() < 0.6 else 1
        plans = tuple(self._plan(n, short=short) for n in range(trades))
        specs = self._specs()
        happenings = [*self._books(), *self._trouble(plans), *self._people(plans), *self._end()]
        provisional = rng.random() < 0.3
        return Scenario(
            seed=self.seed,
            specs=specs,
            cash={venue: self._cash(plans, venue) for venue in self.venues},
            plans=plans,
            happenings=tuple(sorted(happenings, key=lambda happening: happening.at_ms)),
            rates=rates(rng),
            crashes=rng.choice((*[0.0] * 10, *[0.03] * 5, *[0.1] * 3, 0.3, 1.0)),
            lag_ms=rng.choice((0, 0, 0, 0, 0, 0, 40, 300, 700, 2_500)),
            fills_lag_ms=rng.choice((0, 0, 0, 0, 300, 1_500)),
            provisional=provisional,
            void_rate=rng.choice((0.0, 0.1, 0.4)) if provisional else 0.0,
            calm_ms=self.calm_ms,
            pays_ms=self.pays_ms,
            payment=payment(rng, self.venues, self.names),
            paid_early=self.paid_early,
            shorts=short or len(self.venues) == 2 or (self.venues == (Venue.KALSHI,) and rng.random() < 0.6),
            longest=rng.choice((*[_LONG] * 9, 20, 60)),
        )

    def _where(self) -> tuple[Venue, ...]:
        """One venue, or two of which the second is the dearer."""
        draw = self.rng.random()
        if draw < 0.12:
            return (Venue.KALSHI, Venue.POLYMARKET)
        if draw < 0.24:
            return (Venue.POLYMARKET, Venue.KALSHI)
        return (Venue.POLYMARKET,) if draw < 0.4 else (Venue.KALSHI,)

    def _cash(self, plans: tuple[Plan, ...], venue: Venue) -> Decimal:
        """Mostly plenty; sometimes enough for one trade and not for all, or for none."""
        needs = [plan.intent.worst_cost_at(venue) for plan in plans]
        draw = self.rng.random()
        if draw < 0.75:
            return (sum(needs, D(0)) + 100).quantize(D("0.01"))
        return (max(needs) * D(self.rng.choice(("1.05", "1.05", "1.6", "0.5"))) + D("0.5")).quantize(D("0.01"))

    # ------------------------------------------------------------------ markets

    def _prices(self, *, short: bool) -> list[_Price]:
        """One event whose prices leave an edge for whoever buys (or sells) every outcome."""
        rng, n = self.rng, self.count
        edge = rng.randint(2, 9)
        total = 100 + edge if short else 100 - edge
        cuts = sorted(rng.sample(range(6, total - 5), n - 1))
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]
        parts = [max(min(part, 90), 3) for part in parts]
        spread = rng.choice((1, 2, 2, 4))
        if short:
            return [_Price(part, min(part + spread, 99)) for part in parts]
        return [_Price(max(part - spread, 1), part) for part in parts]

    def _specs(self) -> dict[Venue, dict[str, MarketSpec]]:
        whole = self.rng.random() < 0.3
        return {
            venue: {
                name: MarketSpec(
                    venue,
                    name,
                    "EVENT",
                    name,
                    self.fees[venue],
                    min_size=self.least,
                    set_id="set-EVENT" if whole else "",
                )
                for name in self.names
            }
            for venue in self.venues
        }

    def _books(self) -> list[Happening]:
        rng, found = self.rng, list[Happening]()
        for venue in self.venues:
            for name, price in zip(self.names, self.prices[venue], strict=True):
                found.append(self._book(0, venue, name, price, calm=rng.random() < 0.75))
                for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
                    shift = rng.choice((-12, -6, -3, -1, -1, 0, 0, 1, 1, 3, 6, 12, 25))
                    moved = _Price(max(price.bid + shift, 1), min(max(price.ask + shift, 2), 99))
                    found.append(self._book(self._moment(), venue, name, moved, calm=rng.random() < 0.5))
                for _ in range(rng.choice((0, 0, 1, 3, 5))):
                    side = rng.choice((Side.BUY, Side.SELL))
                    limit = price.ask + 3 if side is Side.BUY else price.bid - 3
                    size = self.size * rng.choice((D("0.3"), D(1), D(3)))
                    details = (venue, name, side, size.quantize(D("0.01")), _CENTS[min(max(limit, 1), 99)])
                    found.append(Happening(self._moment(), "flow", details))
        return found

    def _book(self, at_ms: int, venue: Venue, name: str, price: _Price, *, calm: bool) -> Happening:
        bids = self._levels(price.bid, -1, calm=calm)
        asks = self._levels(price.ask, 1, calm=calm)
        return Happening(at_ms, "book", (venue, name, bids, asks))

    def _levels(self, near: int, step: int, *, calm: bool) -> Levels:
        """Some levels from `near` cents outwards; a calm book holds the trade's size at once."""
        rng = self.rng
        sizes = ("1", "1.5", "3") if calm else ("0", "0.2", "0.5", "1", "2")
        levels = []
        price = near
        for n in range(rng.choice((1, 2, 3)) if calm else rng.choice((0, 1, 2, 3))):
            size = (self.size * D(rng.choice(sizes if n == 0 else ("0.5", "1", "2")))).quantize(D("0.01"))
            if 1 <= price <= 99 and size > 0:
                levels.append((_CENTS[price], size))
            price += step * rng.choice((1, 1, 2, 5, 15))
        return tuple(levels)

    def _moment(self) -> int:
        """When the trades are busiest, mostly."""
        rng = self.rng
        return rng.randint(0, rng.choice((60, 400, 2_000, 8_000, self.calm_ms - 1)))

    # ------------------------------------------------------------------ trades

    def _plan(self, n: int, *, short: bool) -> Plan:
        rng = self.rng
        starts_ms = 0 if n == 0 else rng.choice((0, 5, 30, 200, 1_000, 4_000))
        decided_at = START + starts_ms * 1_000
        size = self.size if n == 0 else max((self.size * D(rng.choice(("1", "0.5")))).quantize(D("0.01")), D("0.01"))
        across = len(self.venues) == 2
        legs = self._legs_across(size) if across else self._legs(size, short=short)
        payoff = D(0) if across else D(-1 if short else 1)
        edge = payoff * size - sum((leg.expected_cost for leg in legs), D(0))
        whole = not across and not short and rng.random() < 0.5
        return Plan(
            starts_ms,
            Intent(
                strategy=STRATEGY,
                strategy_version="1",
                pair=f"EVENT-{self.seed}-{n}",
                legs=legs,
                payoff=payoff,
                edge=edge,
                decided_at=decided_at,
                expires_at=decided_at + rng.choice((200, 1_000, 1_000, 5_000, 20_000)) * 1_000,
                policy=policy(rng),
                evidence=(),
                set_id="set-EVENT" if whole else "",
            ),
        )

    def _legs(self, size: Decimal, *, short: bool) -> tuple[IntentLeg, ...]:
        order = list(range(self.count))
        self.rng.shuffle(order)
        side = Side.SELL if short else Side.BUY
        return tuple(self._leg("ABCD"[n], self.venues[0], market, side, size) for n, market in enumerate(order))

    def _legs_across(self, size: Decimal) -> tuple[IntentLeg, ...]:
        """The same question at two venues: bought where it is cheap, sold where it is dear."""
        market = self.rng.randrange(self.count)
        sides = [(self.venues[0], Side.BUY), (self.venues[1], Side.SELL)]
        self.rng.shuffle(sides)
        return tuple(self._leg("AB"[n], venue, market, side, size) for n, (venue, side) in enumerate(sides))

    def _leg(self, name: str, venue: Venue, market: int, side: Side, size: Decimal) -> IntentLeg:
        rng, price = self.rng, self.prices[venue][market]
        cents = price.ask if side is Side.BUY else price.bid
        tif, post_only, rest_ms = TimeInForce.IOC, False, 0
        style = rng.random()
        if style < 0.08:
            tif = TimeInForce.FOK
        elif style < 0.25:
            tif, rest_ms = TimeInForce.GTC, rng.choice((50, 500, 2_000, 6_000))
            if rng.random() < 0.5:
                post_only = True
                cents += -1 if side is Side.BUY else 1
        limit = _CENTS[min(max(cents, 1), 99)]
        fee = self.fees[venue].trade_fee(limit, size)
        return IntentLeg(
            name=name,
            venue=venue,
            market=self.names[market],
            side=side,
            size=size,
            limit=limit,
            expected_cost=(limit if side is Side.BUY else -limit) * size + fee,
            fees=self.fees[venue],
            tif=tif,
            post_only=post_only,
            rest_ms=rest_ms,
            min_size=self.least,
        )

    # ------------------------------------------------------------------ trouble, and people

    def _trouble(self, plans: tuple[Plan, ...]) -> list[Happening]:
        """Markets that pause, venues and the ledger that go away, halts; all over before the calm."""
        rng, found = self.rng, list[Happening]()
        if rng.random() < 0.15:
            where = (rng.choice(self.venues), rng.choice(self.names))
            found += self._while("closed", "opened", where)
        if rng.random() < 0.1:
            found += self._while("venue down", "venue up", (rng.choice(self.venues),))
        if rng.random() < 0.06:
            found += self._while("maintenance", "maintained", (rng.choice(self.venues),))
        if rng.random() < 0.06:
            call = rng.choice(("evidence", "quote", "resolution", "cancel", "cash", "look_up"))
            found.append(Happening(self._moment(), "retired", (rng.choice(self.venues), call)))
        for _ in range(rng.choice((0, 0, 1, 3))):
            where = (rng.choice(self.venues), rng.choice(self.names))
            found.append(Happening(self._moment(), "cancels", (*where, rng.choice((D(0), D("0.5"))))))
        if rng.random() < 0.12:
            found += self._while("ledger down", "ledger up", ())
        if rng.random() < 0.15:
            leg = rng.choice(rng.choice(plans).intent.legs)
            scope, target = rng.choice(
                (
                    (Scope.ALL, ""),
                    (Scope.VENUE, str(leg.venue)),
                    (Scope.MARKET, leg.market),
                    (Scope.MARKET, f"{leg.venue}/{leg.market}"),
                    (Scope.STRATEGY, STRATEGY),
                    (Scope.STRATEGY, "another"),
                )
            )
            found += self._while("halt", "resume", (scope, target))
        return found

    def _while(self, begins: str, ends: str, details: tuple[Any, ...]) -> list[Happening]:
        start = self.rng.choice((0, self._moment()))
        end = min(start + self.rng.choice((100, 1_000, 4_000, 20_000)), self.calm_ms)
        return [Happening(start, begins, details), Happening(end, ends, details)]

    def _people(self, plans: tuple[Plan, ...]) -> list[Happening]:
        rng, found = self.rng, list[Happening]()
        if rng.random() < 0.2:
            for _ in range(rng.choice((1, 1, 2, 4))):
                action = rng.choice(
                    (Action.UNWIND, Action.UNWIND, Action.HOLD, Action.RETRY, Action.ACCEPT, Action.FORCE_FLAT)
                )
                found.append(Happening(self._moment(), "say", (rng.randrange(len(plans)), action)))
        if rng.random() < 0.06:
            trade, at_ms = rng.randrange(len(plans)), self._moment()
            leg = rng.randrange(len(plans[trade].intent.legs))
            size = (self.size * rng.choice((D("0.5"), D(1)))).quantize(D("0.01"))
            found.append(Happening(at_ms, "by hand", (trade, leg, size, rng.random() < 0.7)))
            found += [
                Happening(when, "say", (trade, Action.ADOPT))
                for when in (at_ms + 200, at_ms + 3_000, self.calm_ms + 1_000)
            ]
        return found

    def _end(self) -> list[Happening]:
        """Faults end, books offer everything at any price, people let go; later, the markets pay."""
        plenty = D(10_000)
        bids, asks = ((_CENTS[99], plenty),), ((_CENTS[1], plenty),)
        books = [
            Happening(self.calm_ms, "book", (venue, name, bids, asks)) for venue in self.venues for name in self.names
        ]
        return [Happening(self.calm_ms, "calm", ()), *books, Happening(self.pays_ms, "pay", ())]


def _plain(detail: Any) -> str:
    if isinstance(detail, tuple):
        return "[" + " ".join(f"{price}×{size}" for price, size in detail) + "]"
    return str(detail)
