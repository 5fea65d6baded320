"""More than two outcomes, and the selling side: what is decided on books of three markets."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.decisions import Gate, Suppression
from domain.fees import FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from domain.orders import Side
from ingest.engine import Engine
from ingest.sets import sets_of
from ingest.strategies.basket import baskets
from venues.kalshi import frames

T0 = 1_772_359_200_000_000
MS = 1_000
NAMES = ("CUP-RED", "CUP-BLUE", "CUP-TIE")
SPECS = tuple(MarketSpec(Venue.KALSHI, name, "CUP", name, FeeSchedule(), outcomes=3) for name in NAMES)


class Cup:
    """A feed of three outcomes into an engine: (bid, ask) in cents, sizes in shares."""

    def __init__(self, specs: tuple[MarketSpec, ...] = SPECS, *, sell: bool = False) -> None:
        self.intents: list[Intent] = []
        self.suppressed: list[Suppression] = []
        self.seq = 0
        self.engine = Engine(
            baskets(sets_of(specs), SetParams(sell=sell), GateLimits(), LegPolicy()),
            GateLimits(),
            self.intents.append,
            self.suppressed.append,
        )

    def book(self, market: str, bid: int, ask: int, size: int = 100, *, at: int = T0) -> None:
        self.seq += 1
        yes, no = [(bid * 10_000, size * 10**6)], [((100 - ask) * 10_000, size * 10**6)]
        self.engine.on_frame(frames.snapshot(1, self.seq, market, yes, no, yes_price=True), at, Venue.KALSHI)


def test_three_outcomes_below_a_dollar_after_all_fees_are_bought_in_equal_shares() -> None:
    cup = Cup()
    cup.book("CUP-RED", 38, 40)
    cup.book("CUP-BLUE", 28, 30)
    assert cup.intents == []
    cup.book("CUP-TIE", 22, 24, size=50)
    (intent,) = cup.intents
    assert (intent.strategy, intent.pair) == ("basket", "CUP")
    assert (intent.size, intent.payoff) == (Decimal(50), Decimal(1))
    assert {leg.market: leg.limit for leg in intent.legs} == dict(
        zip(NAMES, map(Decimal, ("0.40", "0.30", "0.24")), strict=True)
    )
    assert [leg.name for leg in intent.legs] == ["A", "B", "C"]
    assert [evidence.market for evidence in intent.evidence] == [leg.market for leg in intent.legs]
    assert intent.edge == intent.size - intent.planned_cost
    # 50 × (0.94 + 0.0168 + 0.0147) + ceil(50 × 0.012768)
    assert intent.planned_cost == Decimal("49.2134")


def test_a_missing_ask_in_one_of_three_books_is_silence() -> None:
    cup = Cup()
    cup.book("CUP-RED", 3, 5)
    cup.book("CUP-BLUE", 3, 5)
    assert cup.intents == []
    assert cup.suppressed == []


def test_bids_that_exceed_a_dollar_after_fees_are_sold_only_when_selling_is_on() -> None:
    for sell in (False, True):
        cup = Cup(sell=sell)
        for market, bid in zip(NAMES, (50, 40, 20), strict=True):
            cup.book(market, bid, bid + 2)
        assert len(cup.intents) == sell
    (intent,) = cup.intents
    assert {leg.side for leg in intent.legs} == {Side.SELL}
    assert {leg.limit for leg in intent.legs} == {Decimal("0.50"), Decimal("0.40"), Decimal("0.20")}
    assert intent.payoff == -1
    assert intent.planned_cost == -(Decimal("110") - Decimal("1.75") - Decimal("1.68") - Decimal("1.12"))
    assert intent.edge == Decimal("5.45")


def test_both_sides_of_a_set_share_its_open_trades() -> None:
    cup = Cup(sell=True)
    cup.engine.trade_opened("CUP")
    for market, bid in zip(NAMES, (50, 40, 20), strict=True):
        cup.book(market, bid, bid + 2)
    cup.engine.finish()
    assert [(s.gate, s.strategy) for s in cup.suppressed] == [(Gate.OPEN_TRADE, "basket")]


def test_the_oldest_of_three_books_decides_whether_they_are_of_one_instant() -> None:
    cup = Cup()
    cup.book("CUP-RED", 38, 40)
    cup.book("CUP-BLUE", 28, 30, at=T0 + 400 * MS)
    cup.book("CUP-TIE", 22, 24, at=T0 + 600 * MS)
    cup.engine.finish()
    assert cup.intents == []
    assert [s.gate for s in cup.suppressed] == [Gate.SKEWED]


def test_legs_carry_their_markets_own_rules_and_a_set_its_id_only_when_bought_whole() -> None:
    specs = tuple(
        replace(spec, set_id="SET-1", min_size=Decimal(5), size_step=step)
        for spec, step in zip(SPECS, map(Decimal, ("1", "0.01", "2")), strict=True)
    )
    cup = Cup(specs, sell=True)
    for market, bid in zip(NAMES, (38, 28, 22), strict=True):
        cup.book(market, bid, bid + 2, size=51)
    (bought,) = cup.intents
    assert bought.set_id == "SET-1"
    assert bought.size == 50  # a multiple of every market's step
    assert {(leg.market, leg.lot, leg.min_size) for leg in bought.legs} == {
        (spec.market, spec.size_step, spec.min_size) for spec in specs
    }
    cup.engine.trade_closed("CUP")
    for market, bid in zip(NAMES, (60, 50, 40), strict=True):
        cup.book(market, bid, bid + 2, size=51)
    assert cup.intents[-1].legs[0].side is Side.SELL
    assert cup.intents[-1].set_id == ""


@pytest.mark.parametrize("scarce", NAMES)
def test_the_scarcest_of_three_equal_outcomes_goes_first(scarce: str) -> None:
    specs = SPECS
    cup = Cup(specs)
    for market in NAMES:
        cup.book(market, 28, 30, size=40 if market == scarce else 4_000)
    assert cup.intents[0].legs[0].market == scarce


def test_a_leg_that_its_venue_holds_back_goes_first() -> None:
    specs = (SPECS[0], replace(SPECS[1], delay_ms=3_000), SPECS[2])
    cup = Cup(specs)
    for market in NAMES:
        cup.book(market, 28, 30, size=4_000)
    assert cup.intents[0].legs[0].market == "CUP-BLUE"
