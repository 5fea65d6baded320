"""The generated game at two venues: the same on every machine, never crossed, with as many opportunities as planted."""

from __future__ import annotations

import pytest

from domain.claims import crosses
from domain.intent import LegPolicy
from domain.limits import CrossParams, GateLimits, SetParams
from domain.market import Venue
from domain.money import MICRO
from ingest.sets import OutcomeSet
from ingest.strategies.cross import cross_strategies
from recording.replay import replay
from recording.sources.instruments import instruments
from recording.sources.open import open_recording
from recording.sources.session import BookDelta
from recording.sources.synth_cross import make
from recording.sources.window import Levels
from recording.sources.winners import winners
from venues.registry import SELLABLE


def test_equal_seeds_give_equal_sessions_and_other_seeds_others() -> None:
    assert make(7) == make(7) == open_recording("synth-cross:7")
    assert make(7).log != make(8).log


def test_a_game_is_two_kalshi_markets_and_one_condition_that_are_one_claim() -> None:
    session = make(7)
    assert [spec.venue for spec in session.markets] == [Venue.KALSHI, Venue.KALSHI, Venue.POLYMARKET]
    (claim,) = session.claims
    assert claim.tradable
    assert claim.paper
    known = {(spec.venue, spec.market) for spec in instruments(session.markets, session.conditions)}
    assert {one.key for one in claim.instruments} == known
    assert len(crosses(claim, SELLABLE)) >= 4


@pytest.mark.parametrize("seed", [*range(5), 226])
def test_no_book_is_ever_crossed_and_time_never_goes_back(seed: int) -> None:
    session = make(seed)
    books = {spec.market: Levels() for spec in session.markets}
    last = 0
    for event in session.log:
        assert event.at >= last
        last = event.at
        book = books[event.market]
        book.apply(event)
        assert max(book.yes, default=0) + max(book.no, default=0) < MICRO


@pytest.mark.parametrize("seed", range(5))
def test_every_planted_opportunity_is_taken_and_nothing_else_is(seed: int) -> None:
    session = make(seed)
    specs = instruments(session.markets, session.conditions)
    strategies = cross_strategies(session.claims, specs, CrossParams(), GateLimits(), LegPolicy(), paper=True)
    result = replay(session, sets=(), strategies=strategies, trade_ms=3_500)
    assert session.notes[0] == f"planted: {len(result.intents)}"
    assert {venue for intent in result.intents for venue in intent.venues} == {Venue.KALSHI, Venue.POLYMARKET}
    assert all(intent.claim == session.claims[0].pin and intent.edge > 0 for intent in result.intents)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_planted_stands_behind_better_prices_for_a_few_shares(seed: int) -> None:
    session = make(seed)
    token = session.markets[2].market
    moments: dict[int, list[BookDelta]] = {}
    for event in session.log:
        if isinstance(event, BookDelta) and event.market == token and event.delta > 0:
            moments.setdefault(event.at, []).append(event)
    planted = [at for at in moments.values() if at[0].delta >= 20 * MICRO and 2 <= len(at) <= 3]
    assert f"planted: {len(planted)}" == session.notes[0]
    for offer, *front in planted:
        assert all(one.price > offer.price and one.side == offer.side and one.delta < offer.delta for one in front)


@pytest.mark.parametrize(("seed", "tick"), [(6, "0.01"), (7, "0.001")])
def test_odd_seeds_have_tokens_on_a_finer_grid(seed: int, tick: str) -> None:
    assert [str(band.step) for band in make(seed).markets[2].price_ranges] == [tick]


def test_inside_either_venue_there_is_nothing_to_take() -> None:
    session = make(3)
    kalshi = [spec for spec in session.markets if spec.venue is Venue.KALSHI]
    tokens = [spec for spec in instruments(session.markets) if spec.venue is Venue.POLYMARKET]
    sets = [OutcomeSet(tuple(kalshi)), OutcomeSet(tuple(tokens))]
    assert replay(session, sets=sets, params=SetParams()).intents == ()


def test_who_wins_is_known_at_both_venues_and_is_the_same_side() -> None:
    session = make(7)
    known = winners(session)
    (kalshi,) = [winner for event, winner in known.items() if event.startswith("SYNCROSS")]
    (token,) = [winner for event, winner in known.items() if event.startswith("0x")]
    spec = next(spec for spec in session.markets if spec.venue is Venue.POLYMARKET)
    assert kalshi is not None
    assert kalshi.endswith("NORTH") == (token == spec.market)
