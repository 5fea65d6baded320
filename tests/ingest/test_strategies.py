"""Strategies side by side on one view: made by a registry, pure, silent with a reason where a feature is not valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from domain.book import Book
from domain.decisions import Gate, Suppression
from domain.errors import BadInput
from domain.features.feature import Feature, FeatureVector, Flaw, flawed
from domain.fees import FeeSchedule
from domain.intent import Intent
from domain.limits import GateLimits, SetParams, StrategySpec
from domain.market import MarketSpec, Venue
from domain.money import MICRO
from ingest.engine import Engine
from ingest.sets import OutcomeSet, sets_of
from ingest.strategies.basket import BasketStrategy
from ingest.strategies.combination import CombinationStrategy
from ingest.strategies.registry import REGISTRY, instances, strategies_of
from ingest.strategy import Proposal, Strategy
from ingest.view import View
from recording.session_setup import Rules
from venues.kalshi import frames

D = Decimal
T0 = 1_772_359_200_000_000
MS = 1_000
NAMES = ("KXBTC-A", "KXBTC-B", "KXBTC-C")
SPECS = tuple(MarketSpec(Venue.KALSHI, name, "KXBTC", name, FeeSchedule(), outcomes=3) for name in NAMES)
CALM = StrategySpec("calm", "quiet", {"calmest": "0.005"})
CALM_SIGMA, WILD_SIGMA = 0.004 / 60, 0.006 / 60  # an hour has 60² seconds


def rules(*specs: StrategySpec) -> Rules:
    return Rules(strategies=specs)


def made(*specs: StrategySpec) -> tuple[Strategy, ...]:
    return strategies_of(rules(*specs), sets_of(SPECS), SPECS)


class Knowing(Engine):
    """An engine whose every market has these features."""

    known: dict[str, Feature]

    def features(self, market: str, at: int) -> FeatureVector:
        return FeatureVector(market, at, self.known)


class Feed:
    """Books of three outcomes, (bid, ask) in cents, into an engine with these strategies."""

    def __init__(self, strategies: Sequence[Strategy], **known: Feature) -> None:
        self.intents: list[Intent] = []
        self.suppressed: list[Suppression] = []
        Knowing.known = known
        self.engine = Knowing(strategies, GateLimits(), self.intents.append, self.suppressed.append)
        self.seq = 0

    def book(self, market: str, bid: int, ask: int, size: int = 100, *, at: int = T0) -> None:
        self.seq += 1
        yes, no = [(bid * 10_000, size * 10**6)], [((100 - ask) * 10_000, size * 10**6)]
        self.engine.on_frame(frames.snapshot(1, self.seq, market, yes, no, yes_price=True), at, Venue.KALSHI)

    def cheap(self) -> Feed:
        """0.40 + 0.30 + 0.24: six cents below a dollar, 3.6 of them fees."""
        for market, ask in zip(NAMES, (40, 30, 24), strict=True):
            self.book(market, ask - 2, ask)
        return self


def books_of(asks: Sequence[int], sizes: Sequence[int]) -> list[Book]:
    made_of: list[Book] = []
    for name, ask, size in zip(NAMES, asks, sizes, strict=True):
        book = Book(name)
        book.reset([((ask - 1) * 10_000, size * MICRO)], [((100 - ask) * 10_000, size * MICRO)], T0, T0)
        made_of.append(book)
    return made_of


# -- the registry ------------------------------------------------------------------------------------------


def test_without_a_declaration_sets_and_claims_are_traded_by_their_settings() -> None:
    settings = Settings(strategy=SetParams(margin=D("0.004")))
    basket, cross = instances(settings)
    assert (basket.spec.strategy, cross.spec.strategy) == ("basket", "cross")
    assert (basket.params, cross.params) == (settings.strategy, settings.cross)
    (one,) = strategies_of(settings, sets_of(SPECS), SPECS)
    assert (one.name, one.version) == ("basket", basket.version)


def test_a_declared_instance_decides_by_its_own_parameters_under_its_own_name() -> None:
    (tight, wide) = made(StrategySpec("basket", "tight"), StrategySpec("basket", "wide", {"margin": "0.05"}))
    assert (tight.name, wide.name) == ("tight", "wide")
    assert tight.version != wide.version
    feed = Feed([tight, wide]).cheap()
    assert [(intent.strategy, intent.strategy_version) for intent in feed.intents] == [("tight", tight.version)]


def test_the_version_of_a_declaration_is_that_of_equal_settings() -> None:
    (declared,) = instances(rules(StrategySpec("basket", "mine")))
    assert declared.version == instances(Rules())[0].version


@pytest.mark.parametrize("code", list(REGISTRY))
def test_every_registered_strategy_runs_by_its_defaults(code: str) -> None:
    (instance,) = instances(rules(StrategySpec(code, "mine")))
    assert instance.params == REGISTRY[code].params()
    for one in made(StrategySpec(code, "mine")):
        assert (one.name, one.version) == ("mine", instance.version)


def test_pairs_narrow_an_instance_to_names_that_begin_so() -> None:
    assert made(StrategySpec("basket", "mine", pairs=("KXNBA", "KXBT")))
    assert made(StrategySpec("basket", "mine", pairs=("KXNBA",))) == ()


def test_a_version_that_is_expected_is_held_to_code_parameters_and_gates() -> None:
    (mine,) = instances(rules(StrategySpec("basket", "mine")))
    pinned = StrategySpec("basket", "mine", version=mine.version)
    assert [one.version for one in instances(rules(pinned))] == [mine.version]
    for changed in (
        rules(replace(pinned, params={"margin": "0.002"})),
        Rules(strategies=(pinned,), gates=GateLimits(max_skew_ms=501)),
    ):
        with pytest.raises(BadInput, match=f"version {mine.version} was expected, but"):
            instances(changed)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (StrategySpec("baskett", "a"), "there is no strategy 'baskett'. Did you mean basket?"),
        (
            StrategySpec("basket", "a", {"margn": "1"}, source="file a.yaml"),
            "file a.yaml: unknown key params.margn. Did",
        ),
        (StrategySpec("basket", "a", {"margin": 0.01}), "is a binary fraction"),
        (StrategySpec("basket", "a", {"margin": "0.0000001"}), "more than six decimal places"),
        (StrategySpec("basket", "a", {"ttl_ms": "soon"}), "params.ttl_ms = soon"),
        (StrategySpec("basket", "a", {"min_size": "101"}), "min_size must be above 0 and not above max_size"),
        (StrategySpec("basket", "a", {"ttl_ms": 0}), "at least 1 ms"),
        (StrategySpec("cross", "a", {"hurdle": "-1"}), "expected 0 or more"),
        (StrategySpec("calm", "a", {"calmest": "0"}), "expected above 0"),
    ],
)
def test_what_no_schema_allows_is_refused_with_the_place_and_the_way_out(spec: StrategySpec, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        instances(rules(spec))
    assert caught.value.code == "config"
    assert said in caught.value.message


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match="two strategies are called mine"):
        instances(rules(StrategySpec("basket", "mine"), StrategySpec("calm", "mine")))


def test_a_strategy_given_to_an_engine_twice_is_refused() -> None:
    (one,) = made(StrategySpec("basket", "mine"))
    with pytest.raises(ValueError, match="given twice"):
        Feed([one, one])


# -- side by side ------------------------------------------------------------------------------------------


def test_of_two_that_propose_at_one_event_the_first_declared_takes_the_pairs_only_trade() -> None:
    feed = Feed(made(StrategySpec("basket", "first"), StrategySpec("basket", "second"))).cheap()
    assert [intent.strategy for intent in feed.intents] == ["first"]
    feed.engine.finish()
    assert [(one.strategy, one.gate) for one in feed.suppressed] == [("second", Gate.OPEN_TRADE)]


prices = st.lists(st.integers(2, 60), min_size=3, max_size=3)
sizes = st.lists(st.integers(1, 300), min_size=3, max_size=3)


@given(st.lists(st.tuples(prices, sizes), min_size=1, max_size=8))
def test_the_same_view_gives_the_same_proposal_whatever_was_seen_before(
    worlds: list[tuple[list[int], list[int]]],
) -> None:
    (used,) = made(StrategySpec("basket", "mine"))
    for asks, depth in worlds:
        view = View(books_of(asks, depth), T0)
        (fresh,) = made(StrategySpec("basket", "mine"))
        before = [(book.version, book.ask_levels()) for book in view.books]
        proposed = used.on_event(view)
        assert proposed == fresh.on_event(view) == used.on_event(view)
        if proposed is not None:
            assert used.intent(view, proposed).id == fresh.intent(view, proposed).id
        assert [(book.version, book.ask_levels()) for book in view.books] == before


# -- features ----------------------------------------------------------------------------------------------


def test_while_the_spot_is_calm_the_set_is_taken() -> None:
    feed = Feed(made(CALM), sigma=Feature(CALM_SIGMA)).cheap()
    (intent,) = feed.intents
    assert (intent.strategy, intent.pair, len(intent.legs)) == ("quiet", "KXBTC", 3)
    assert intent.edge == intent.size - intent.planned_cost


def test_while_the_spot_is_wild_the_opportunity_is_counted_with_both_volatilities() -> None:
    feed = Feed(made(CALM), sigma=Feature(WILD_SIGMA)).cheap()
    feed.engine.finish()
    assert feed.intents == []
    (refused,) = feed.suppressed
    assert (refused.gate, refused.strategy) == (Gate.FEATURES, "quiet")
    assert refused.detail == "the spot moves 0.600 % an hour; calm is up to 0.500 %"
    assert refused.edge > 0


@pytest.mark.parametrize("flaw", list(Flaw))
def test_a_feature_that_is_not_valid_refuses_the_trade_by_its_name_and_flaw(flaw: Flaw) -> None:
    feed = Feed(made(CALM), sigma=flawed(flaw, "so it is")).cheap()
    feed.engine.finish()
    assert feed.intents == []
    assert [(one.gate, one.detail) for one in feed.suppressed] == [(Gate.FEATURES, f"sigma is {flaw}: so it is")]


def test_a_feature_that_nobody_computes_is_missing_and_others_trade_on() -> None:
    feed = Feed(made(CALM, StrategySpec("basket", "plain"))).cheap()
    feed.engine.finish()
    assert [intent.strategy for intent in feed.intents] == ["plain"]
    assert [one.detail for one in feed.suppressed] == ["sigma is missing: nobody computes sigma"]


def test_what_is_calm_again_while_the_profit_stands_is_taken_at_the_next_event() -> None:
    feed = Feed(made(CALM), sigma=Feature(WILD_SIGMA)).cheap()
    Knowing.known = {"sigma": Feature(CALM_SIGMA)}
    feed.book("KXBTC-A", 37, 40, at=T0 + MS)
    assert [intent.strategy for intent in feed.intents] == ["quiet"]
    feed.engine.finish()
    assert feed.suppressed == []


# -- every event -------------------------------------------------------------------------------------------


class Curious(BasketStrategy):
    """Asks for every event, and never finds anything."""

    def __init__(self, outcomes: OutcomeSet) -> None:
        super().__init__(outcomes, SetParams(), GateLimits(), Rules().policy)
        self.ceiling = None
        self.seen: list[tuple[int, tuple[int | None, ...]]] = []

    def on_event(self, view: View) -> Proposal | None:
        self.seen.append((view.at, tuple(book.best_ask for book in view.books)))
        return None


def test_a_strategy_without_a_ceiling_sees_every_event_of_its_markets_even_of_empty_books() -> None:
    (outcomes,) = sets_of(SPECS)
    curious = Curious(outcomes)
    feed = Feed([curious])
    feed.book("KXBTC-A", 50, 60)
    feed.book("KXBTC-B", 50, 60, at=T0 + MS)
    assert [asks for _, asks in curious.seen] == [(600_000, None, None), (600_000, 600_000, None)]


def test_a_combination_is_not_asked_while_its_best_prices_cost_the_payoff() -> None:
    asked: list[int] = []

    class Counting(BasketStrategy):
        def on_event(self, view: View) -> Proposal | None:
            asked.append(view.at)
            return super().on_event(view)

    (outcomes,) = sets_of(SPECS)
    feed = Feed([Counting(outcomes, SetParams(), GateLimits(), Rules().policy)])
    for market in NAMES:
        feed.book(market, 30, 40)
    assert asked == []
    feed.book("KXBTC-A", 10, 15)
    assert len(asked) == 1


def test_an_instance_is_a_combination_whose_legs_pay_for_certain() -> None:
    for code in REGISTRY:
        for one in made(StrategySpec(code, "mine")):
            assert isinstance(one, CombinationStrategy)
            assert len(one.markets) > 1
