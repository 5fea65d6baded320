"""One claim at two venues: approved, both fees paid, the lock-up paid for, or nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.claims import ClaimStatus, EquivalenceRecord, Instrument, JointOutcome, Pays, declared, proposal
from domain.errors import BadInput
from domain.fees import FeeModel, FeeSchedule
from domain.intent import LegPolicy
from domain.limits import CrossParams, GateLimits, SetParams
from domain.market import MarketSpec, Venue
from domain.money import MICRO, from_micros
from domain.orders import Side
from ingest.sets import OutcomeSet
from ingest.strategies.basket import BasketStrategy
from ingest.strategies.combination import Carry, CombinationStrategy
from ingest.strategies.cross import cross_strategies
from ingest.view import View

D = Decimal
NOW = 1_795_000_000_000_000
DAY = 86_400 * MICRO
ONE, ZERO = Pays.exactly(D(1)), Pays.exactly(D(0))
FEES = FeeSchedule(taker=D("0.05"), unit=D("0.000001"), model=FeeModel.POLYMARKET)
KALSHI = MarketSpec(Venue.KALSHI, "KX-BOS", "KX", "Boston wins", FeeSchedule())
TOKEN = MarketSpec(Venue.POLYMARKET, "11", "0x1", "t", FEES, min_size=D(5), min_notional=D(1), complement="22")
OTHER = replace(TOKEN, market="22", complement="11")
SPECS = (KALSHI, TOKEN, OTHER)
FREE = CrossParams(hurdle=D(0))


def claim(*more: JointOutcome) -> EquivalenceRecord:
    instruments = [Instrument(spec.venue, spec.market, "wins", "0" * 64) for spec in SPECS]
    rows = [JointOutcome("Boston", (ONE, ONE, ZERO)), JointOutcome("New York", (ZERO, ZERO, ONE)), *more]
    return proposal("a game", instruments, rows, "match", "alike", 1)


APPROVED = claim().decided(ClaimStatus.APPROVED, "Ada", "read both", 2)


def book(market: str, bid: int, ask: int, size: int = 200) -> Book:
    """Prices in tenths of a cent."""
    made = Book(market)
    made.reset([(bid * 1_000, size * MICRO)], [(MICRO - ask * 1_000, size * MICRO)], NOW, NOW)
    return made


def strategies(
    record: EquivalenceRecord = APPROVED, params: CrossParams = FREE, *, paper: bool = False
) -> dict[tuple[Side, ...], CombinationStrategy]:
    made = cross_strategies([record], SPECS, params, GateLimits(), LegPolicy(), paper=paper)
    return {one.sides: one for one in made}


def test_the_claim_bought_here_and_its_opposite_there_pays_both_venues_fees() -> None:
    strategy = strategies()[Side.BUY, Side.BUY]
    books = [book("KX-BOS", 480, 500), book("22", 440, 450)]
    proposed = strategy.on_event(View(books, NOW))
    assert proposed is not None
    # 100 × (1 − 0.50 − 0.45), less 0.07·0.25·100 = 1.75 and 0.05·0.2475·100 = 1.2375
    assert from_micros(proposed.quote.edge // MICRO) == D("2.0125")
    intent = strategy.intent(View(books, NOW), proposed)
    assert (intent.payoff, intent.claim, intent.pair) == (1, APPROVED.pin, APPROVED.id)
    assert {(leg.venue, leg.side, leg.market) for leg in intent.legs} == {
        (Venue.KALSHI, Side.BUY, "KX-BOS"),
        (Venue.POLYMARKET, Side.BUY, "22"),
    }
    assert intent.planned_cost == 100 - intent.edge


def test_the_claim_sold_here_and_bought_there_pays_the_difference_of_the_prices() -> None:
    strategy = strategies()[Side.SELL, Side.BUY]
    books = [book("KX-BOS", 550, 560), book("11", 490, 500)]
    proposed = strategy.on_event(View(books, NOW))
    assert proposed is not None
    # 100 × (0.55 − 0.50), less 0.07·0.2475·100 = 1.7325 and 0.05·0.25·100 = 1.25
    assert from_micros(proposed.quote.edge // MICRO) == D("2.0175")
    intent = strategy.intent(View(books, NOW), proposed)
    assert intent.payoff == 0
    assert {leg.side for leg in intent.legs if leg.venue is Venue.KALSHI} == {Side.SELL}


def test_less_than_a_lot_that_polymarket_fills_over_is_dust_and_more_only_where_it_is_said() -> None:
    def dust(policy: LegPolicy, *specs: MarketSpec) -> Decimal:
        outcomes = OutcomeSet(specs)
        strategy = BasketStrategy(outcomes, SetParams(), GateLimits(), policy)
        books = [book(spec.market, 100, 110) for spec in specs]
        proposed = strategy.on_event(View(books, NOW))
        assert proposed is not None
        return strategy.intent(View(books, NOW), proposed).policy.dust

    assert dust(LegPolicy(), KALSHI, replace(KALSHI, market="KX-NYC")) == 0
    assert dust(LegPolicy(), TOKEN, OTHER) == D("0.01")
    assert dust(LegPolicy(), TOKEN, OTHER, replace(TOKEN, market="33")) == D("0.02")
    assert dust(LegPolicy(dust=D("0.5")), TOKEN, OTHER) == D("0.5")
    strategy = strategies()[Side.BUY, Side.BUY]
    books = [book("KX-BOS", 480, 500), book("22", 440, 450)]
    proposed = strategy.on_event(View(books, NOW))
    assert proposed is not None
    assert strategy.intent(View(books, NOW), proposed).policy == LegPolicy(dust=D("0.01"))


def test_nothing_is_looked_for_on_a_claim_that_is_not_approved_or_that_only_a_recording_declares() -> None:
    assert strategies(claim()) == {}
    assert strategies(APPROVED.decided(ClaimStatus.SUSPENDED, "Ada", "text changed", 3)) == {}
    assert strategies(declared(claim())) == {}
    assert len(strategies(declared(claim()), paper=True)) == 2


def test_a_void_that_pays_half_at_one_venue_and_nothing_at_the_other_leaves_no_profit_at_ordinary_prices() -> None:
    half = Pays.exactly(D("0.5"))
    record = claim(JointOutcome("abandoned", (ZERO, half, half))).decided(ClaimStatus.APPROVED, "Ada", "so it is", 2)
    strategy = strategies(record)[Side.BUY, Side.BUY]
    assert strategy.terms.payoff == 500_000
    assert strategy.on_event(View([book("KX-BOS", 480, 500), book("22", 440, 450)], NOW)) is None


def test_an_order_below_the_smallest_worth_or_size_of_either_venue_is_not_planned() -> None:
    cheap = [book("KX-BOS", 800, 810), book("22", 100, 110, size=6)]  # 6 × 0.11 is less than a dollar
    assert strategies()[Side.BUY, Side.BUY].on_event(View(cheap, NOW)) is None
    assert strategies()[Side.BUY, Side.BUY].min_size == 5 * MICRO
    assert strategies()[Side.BUY, Side.BUY].on_event(View([cheap[0], book("22", 100, 110, size=12)], NOW)) is not None


def test_money_locked_for_months_must_earn_its_hurdle_first() -> None:
    books = [book("KX-BOS", 480, 500), book("22", 440, 450)]  # two cents on 0.98 a share
    params = CrossParams(hurdle=D("0.10"), lock_days=D(30))  # 0.8 % of it
    assert strategies(params=params)[Side.BUY, Side.BUY].on_event(View(books, NOW)) is not None
    params = replace(params, lock_days=D(90))  # 2.5 %
    assert strategies(params=params)[Side.BUY, Side.BUY].on_event(View(books, NOW)) is None
    # Where both markets say when they resolve, that counts instead, and less as the day comes near.
    known = [replace(spec, resolves_at=NOW + 90 * DAY) for spec in SPECS]
    both = {one.sides: one for one in cross_strategies([APPROVED], known, params, GateLimits(), LegPolicy())}
    assert both[Side.BUY, Side.BUY].on_event(View(books, NOW)) is None
    assert both[Side.BUY, Side.BUY].on_event(View(books, NOW + 80 * DAY)) is not None


@given(st.integers(0, 400), st.decimals("0", "0.5", places=3))
def test_carry_is_the_hurdle_for_the_time_until_the_last_market_resolves(days: int, hurdle: Decimal) -> None:
    markets = [replace(TOKEN, resolves_at=NOW + DAY), replace(OTHER, resolves_at=NOW + days * DAY)]
    found = Carry(hurdle).ppm(markets, NOW)
    exact = hurdle * max(days, 1) / 365 * MICRO
    assert exact <= found < exact + 1


@given(
    st.integers(1, 999), st.integers(1, 999), st.integers(1, 999), st.integers(1, 999), st.sampled_from([0, 30, 300])
)
def test_what_is_taken_earns_its_margin_after_exact_fees_whatever_the_prices(
    low: int, more: int, bid: int, ask: int, lock: int
) -> None:
    params = CrossParams(hurdle=D("0.2"), lock_days=D(lock))
    here, there = sorted((low, more)), sorted((bid, ask))
    if here[0] == here[1] or there[0] == there[1]:
        return
    for sides, strategy in strategies(params=params).items():
        name = "22" if sides == (Side.BUY, Side.BUY) else "11"
        books = [book("KX-BOS", *here), book(name, *there)]
        proposed = strategy.on_event(View(books, NOW))
        if proposed is None:
            continue
        intent = strategy.intent(View(books, NOW), proposed)
        spent = sum((leg.expected_cost for leg in intent.legs), D(0))
        assert intent.edge == intent.payoff * intent.size - spent
        locked = spent + intent.size * sum(leg.side is Side.SELL for leg in intent.legs)
        assert intent.edge >= params.margin * intent.size + locked * params.hurdle * lock / 365 - D("0.001")


def test_a_claim_on_a_market_that_is_not_watched_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="22 on polymarket, whose rules were not read"):
        cross_strategies([APPROVED], SPECS[:2], FREE, GateLimits(), LegPolicy())
