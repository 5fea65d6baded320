"""A halt keeps opportunities from becoming intents, says which halt it was, and lets go as soon as it is lifted."""

from __future__ import annotations

import pytest

from domain.decisions import Gate
from domain.fees import FeeSchedule
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.gates import Halts
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from venues.kalshi import frames

T0 = 1_772_359_200_000_000
MS = 1_000
A, B = "KXCUP-26-AAA", "KXCUP-26-BBB"


def spec(ticker: str) -> MarketSpec:
    return MarketSpec(Venue.KALSHI, ticker, "KXCUP-26", ticker, FeeSchedule())


def halt(scope: Scope, target: str = "") -> Halt:
    return Halt("h-7f3a2c", scope, target, Rule.OPERATOR, "Ada", "venue storm", T0)


class Feed:
    """Both books of one pair, quoted 47/56 and 44/46; `offer` makes an edge of it and `withdraw` ends that."""

    def __init__(self) -> None:
        self.intents: list[Intent] = []
        self.suppressed: list[tuple[Gate, str]] = []
        sets = [OutcomeSet((spec(A), spec(B)))]
        self.engine = Engine(
            baskets(sets, SetParams(), GateLimits(), LegPolicy()),
            GateLimits(),
            self.intents.append,
            lambda seen: self.suppressed.append((seen.gate, seen.detail)),
        )
        self.seq = 0
        for market, bid, ask in ((A, 47, 56), (B, 44, 46)):
            self.seq += 1
            yes, no = [(bid * 10_000, 200 * 10**6)], [((100 - ask) * 10_000, 200 * 10**6)]
            self.engine.on_frame(frames.snapshot(1, self.seq, market, yes, no, yes_price=True), T0, Venue.KALSHI)

    def offer(self, at: int, contracts: int = 30) -> None:
        self.seq += 1
        raw = frames.delta(1, self.seq, A, "no", 50 * 10_000, contracts * 10**6, T0 + at, yes_price=True)
        self.engine.on_frame(raw, T0 + at, Venue.KALSHI)

    def withdraw(self, at: int) -> None:
        self.offer(at, -30)


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (Scope.ALL, ""),
        (Scope.VENUE, "kalshi"),
        (Scope.MARKET, A),
        (Scope.MARKET, B),
        (Scope.MARKET, f"kalshi/{B}"),
        (Scope.STRATEGY, "pair"),
        (Scope.STRATEGY, "basket"),
    ],
)
def test_a_halt_over_any_part_of_the_pair_suppresses_its_opportunities_and_is_named(scope: Scope, target: str) -> None:
    feed, standing = Feed(), halt(scope, target)
    feed.engine.on_halts(Halts((standing,)))
    feed.offer(5 * MS)
    feed.withdraw(9 * MS)
    assert feed.intents == []
    assert feed.suppressed == [(Gate.HALTED, str(standing))]


@pytest.mark.parametrize(
    ("scope", "target"), [(Scope.VENUE, "polymarket"), (Scope.MARKET, "KXCUP-26"), (Scope.STRATEGY, "cross")]
)
def test_a_halt_elsewhere_stops_nothing_here(scope: Scope, target: str) -> None:
    feed = Feed()
    feed.engine.on_halts(Halts((halt(scope, target),)))
    feed.offer(5 * MS)
    assert len(feed.intents) == 1


def test_halts_that_cannot_be_read_halt_everything_and_the_reason_is_told() -> None:
    feed = Feed()
    feed.engine.on_halts(Halts(unread="the ledger's Postgres is gone"))
    feed.offer(5 * MS)
    feed.withdraw(9 * MS)
    assert feed.intents == []
    ((gate, detail),) = feed.suppressed
    assert gate is Gate.HALTED
    assert detail == "halts cannot be read, so none can be ruled out: the ledger's Postgres is gone"


def test_an_opportunity_that_still_stands_when_the_halt_is_lifted_is_taken_at_the_next_change() -> None:
    feed = Feed()
    feed.engine.on_halts(Halts((halt(Scope.ALL),)))
    feed.offer(5 * MS)
    feed.engine.on_halts(Halts())
    assert feed.intents == []
    feed.offer(8 * MS, 1)
    assert len(feed.intents) == 1
    feed.engine.finish()
    assert feed.suppressed == []


def test_without_a_word_on_halts_as_in_a_replay_nothing_is_halted() -> None:
    feed = Feed()
    feed.offer(5 * MS)
    assert len(feed.intents) == 1
