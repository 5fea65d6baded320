"""What recordings of Polymarket beside Kalshi prove: edges before fees, almost none after, none inside one market."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.decisions import Gate
from domain.intent import Intent, LegPolicy
from domain.limits import CrossParams, GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.sets import sets_of
from ingest.strategies.cross import NAME, cross_strategies
from recording.replay import ReplayResult, replay
from recording.sources.instruments import instruments
from recording.sources.open import open_recording
from tests.places import SHARED_FOLDER

D = Decimal
SHARED = SHARED_FOLDER / "data"
GAMES = SHARED / "cross_venue_nba"
FREE = {Venue.KALSHI: D(0), Venue.POLYMARKET: D(0)}
OF_THE_TIME = {Venue.KALSHI: D("0.07"), Venue.POLYMARKET: D(0)}
OF_TODAY = {Venue.KALSHI: D("0.07"), Venue.POLYMARKET: D("0.05")}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="recordings are not in ../shared/data"),
]


def played(day: str, rates: dict[Venue, Decimal], params: CrossParams | None = None) -> ReplayResult:
    """A day of the games decided with these taker rates; without `params` at no margin and no hurdle."""
    session = open_recording(str(GAMES), game=day, whole=True)
    rules = params or CrossParams(margin=D(0), hurdle=D(0))

    def charged(spec: MarketSpec) -> MarketSpec:
        return replace(spec, fees=replace(spec.fees, taker=rates[spec.venue]))

    specs = [charged(spec) for spec in instruments(session.markets, session.conditions)]
    strategies = cross_strategies(session.claims, specs, rules, GateLimits(), LegPolicy(), paper=True)
    return replay(session, sets=sets_of(specs), params=replace(SetParams(), margin=D(0)), strategies=strategies)


def across(result: ReplayResult) -> list[Intent]:
    return [intent for intent in result.intents if intent.strategy == NAME]


def best_edge(intents: list[Intent]) -> Decimal:
    """Dollars a share."""
    return max((intent.edge / intent.size for intent in intents), default=D(0))


def test_on_the_21st_edges_reach_eleven_tenths_of_a_cent_before_fees_and_none_is_left_after() -> None:
    before = across(played("2026-02-21", FREE))
    assert len(before) == 151
    assert best_edge(before) == D("0.011")
    assert across(played("2026-02-21", OF_THE_TIME)) == []


def test_on_the_22nd_edges_reach_two_cents_before_fees_and_four_moments_are_left_after_kalshis() -> None:
    before = across(played("2026-02-22", FREE))
    assert len(before) == 23
    assert best_edge(before) == D("0.02")
    after = played("2026-02-22", OF_THE_TIME, CrossParams())
    # Eight decisions in three games' moments: one of them stood for three seconds and was taken every half second.
    seconds = sorted({intent.decided_at // 10_000_000 for intent in across(after)})
    assert (len(across(after)), len(seconds)) == (8, 3)
    assert D("0.003") < best_edge(across(after)) < D("0.004")
    assert across(played("2026-02-22", OF_TODAY)) == []


def test_books_whose_recorder_had_stopped_promise_cents_and_are_refused_as_stale() -> None:
    result = played("2026-03-01", OF_THE_TIME)
    assert across(result) == []
    refused = Counter(one.gate for one in result.suppressions if one.strategy == NAME)
    assert set(refused) == {Gate.STALE}


def test_the_corrupt_books_of_the_26th_are_refused_as_crossed_and_nothing_is_traded() -> None:
    result = played("2026-02-26", FREE)
    assert result.intents == ()
    assert set(result.suppressed) == {Gate.CROSSED}


def test_the_default_window_of_the_games_has_pairs_to_take() -> None:
    session = open_recording(str(GAMES))
    assert session.end - session.start <= 120_000_000
    specs = instruments(session.markets, session.conditions)
    strategies = cross_strategies(session.claims, specs, CrossParams(), GateLimits(), LegPolicy(), paper=True)
    result = replay(session, sets=sets_of(specs), strategies=strategies)
    assert len(across(result)) >= 5
    assert {leg.venue for leg in across(result)[0].legs} == set(Venue) - {Venue.HYPERLIQUID}
    assert result.fingerprint == replay(session, sets=sets_of(specs), strategies=strategies).fingerprint


@pytest.mark.parametrize(
    ("folder", "game", "refused"), [("polymarket_updown_15m", "2025-12-26", 539), ("polymarket_nba_mvp", None, 2)]
)
def test_inside_one_market_nothing_is_ever_taken(folder: str, game: str | None, refused: int) -> None:
    session = open_recording(str(SHARED / folder), game=game, whole=True)
    result = replay(session, sets=sets_of(instruments(session.markets, session.conditions)))
    assert result.intents == ()
    assert result.suppressed == {Gate.MIRRORED: refused}
