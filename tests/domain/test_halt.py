"""A halt covers what it names, on whichever leg that is, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.halt import Halt, Rule, Scope, covering
from domain.intent import Intent
from domain.market import Venue
from tests.ledger.samples import A, B, intent


def across() -> Intent:
    """Leg A at Kalshi, leg B at Polymarket."""
    planned = intent()
    return replace(planned, legs=(planned.legs[0], replace(planned.legs[1], venue=Venue.POLYMARKET)))


def halt(scope: Scope, target: str) -> Halt:
    return Halt("h-1", scope, target, Rule.OPERATOR, "ada", "maintenance", 0)


@pytest.mark.parametrize(
    ("scope", "target", "covered"),
    [
        (Scope.ALL, "", True),
        (Scope.VENUE, "kalshi", True),
        (Scope.VENUE, "polymarket", True),
        (Scope.VENUE, "polymarket_us", False),
        (Scope.MARKET, A, True),
        (Scope.MARKET, B, True),
        (Scope.MARKET, f"kalshi/{A}", True),
        (Scope.MARKET, f"polymarket/{B}", True),
        (Scope.MARKET, f"polymarket/{A}", False),
        (Scope.MARKET, f"kalshi/{B}", False),
        (Scope.MARKET, "GAME", False),
        (Scope.STRATEGY, "pair", True),
        (Scope.STRATEGY, "pai", False),
    ],
)
def test_a_halt_covers_an_intent_with_any_leg_in_its_scope(scope: Scope, target: str, covered: bool) -> None:
    stop = halt(scope, target)
    assert stop.covers(across()) is covered
    assert (covering([halt(Scope.STRATEGY, "another"), stop], across()) == [stop]) is covered


@pytest.mark.parametrize(
    ("scope", "target", "covered"),
    [
        (Scope.ALL, "", True),
        (Scope.VENUE, "kalshi", True),
        (Scope.VENUE, "polymarket", False),
        (Scope.MARKET, A, True),
        (Scope.MARKET, f"kalshi/{A}", True),
        (Scope.MARKET, f"polymarket/{A}", False),
        (Scope.MARKET, B, False),
        (Scope.STRATEGY, "pair", True),
        (Scope.STRATEGY, "another", False),
    ],
)
def test_a_halt_covers_a_market_as_a_strategy_watches_it(scope: Scope, target: str, covered: bool) -> None:
    assert halt(scope, target).covers_market(Venue.KALSHI, A, "pair") is covered


def test_a_halt_of_the_code_basket_stops_its_sets_of_two_and_one_of_pair_no_larger_set() -> None:
    def stops(target: str, strategy: str) -> bool:
        stop = halt(Scope.STRATEGY, target)
        assert stop.covers(replace(intent(), strategy=strategy)) is stop.covers_market(Venue.KALSHI, "M", strategy)
        return stop.covers_market(Venue.KALSHI, "M", strategy)

    assert stops("basket", "pair")
    assert stops("basket", "basket")
    assert stops("pair", "pair")
    assert not stops("pair", "basket")
    assert not stops("basket", "cross")
