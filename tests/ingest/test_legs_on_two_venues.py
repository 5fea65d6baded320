"""Legs on two venues: decided whichever of them moves, by each venue's own limits, and only while both feeds are up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.decisions import Gate
from domain.fees import FeeModel
from domain.intent import LegPolicy
from domain.limits import GateLimits
from domain.market import MarketSpec, Venue
from domain.orders import Side
from ingest.strategies.combination import Combination, CombinationStrategy, Sizing
from tests.ingest.polymarket_feed import CENT, FREE, MS, NO, SHARE, T0, YES, Feed, row, token
from venues.kalshi import frames as kalshi_frames

TEAM = "KXCUP-26-AAA"


# -- legs on two venues ----------------------------------------------------------------------------------
def across(sides: tuple[Side, Side] = (Side.BUY, Side.BUY), payoff: str = "1") -> CombinationStrategy:
    """Kalshi's team on one side, the token against it on the other."""
    team = MarketSpec(Venue.KALSHI, TEAM, "KXCUP-26", TEAM, replace(FREE, model=FeeModel.KALSHI))
    what = Combination("CUP-AAA", (team, token(NO, YES)), sides, Decimal(payoff), claim="cup@1")
    return CombinationStrategy(
        what, Sizing(Decimal("0.001"), Decimal(1), Decimal(100), 1_000), LegPolicy(), "cross", "1-test"
    )


def team_book(feed: Feed, bid: int, ask: int, at: int, seq: int = 1) -> None:
    yes, no = [(bid * CENT, 50 * SHARE)], [((100 - ask) * CENT, 50 * SHARE)]
    feed.engine.on_frame(kalshi_frames.snapshot(1, seq, TEAM, yes, no, yes_price=True), at, Venue.KALSHI)


def test_legs_on_two_venues_are_decided_whichever_of_them_moves() -> None:
    feed = Feed([across()]).ready()
    team_book(feed, 44, 46, T0 + MS)  # with NO at 53: 0.99
    (intent,) = feed.intents
    assert (intent.pair, intent.claim, intent.size) == ("CUP-AAA", "cup@1", 50)
    assert {(leg.venue, leg.market, leg.limit) for leg in intent.legs} == {
        (Venue.KALSHI, TEAM, Decimal("0.46")),
        (Venue.POLYMARKET, NO, Decimal("0.53")),
    }
    other = Feed([across()]).ready(bid=44, ask=46)
    team_book(other, 44, 46, T0)
    assert other.intents == []
    other.change(row(NO, "ask", 53, 20, 54, 53), at=T0 + MS)
    assert other.intents == []  # crossed against its own bid at 54
    other.book(NO, 51, 53, T0 + 2 * MS)
    assert [intent.decided_at for intent in other.intents] == [T0 + 2 * MS]


def test_a_leg_may_be_sold_against_one_that_is_bought() -> None:
    feed = Feed([across((Side.SELL, Side.BUY), "0")]).ready()
    team_book(feed, 52, 54, T0 + MS)  # 52 is not above 53
    assert feed.intents == []
    team_book(feed, 54, 56, T0 + 2 * MS, seq=2)
    (intent,) = feed.intents
    assert {leg.side for leg in intent.legs} == {Side.BUY, Side.SELL}
    assert intent.payoff == 0


def test_each_venue_has_its_own_age_and_the_most_patient_one_says_how_far_apart_they_may_lie() -> None:
    patient = GateLimits(max_book_age_ms=60_000, max_skew_ms=60_000)
    impatient = Feed([across()]).ready()
    team_book(impatient, 44, 46, T0 + 3_000 * MS)
    impatient.engine.finish()
    assert impatient.gates() == [Gate.STALE]
    feed = Feed([across()], venue_limits={Venue.POLYMARKET: patient}).ready()
    team_book(feed, 44, 46, T0 + 3_000 * MS)
    assert len(feed.intents) == 1


def test_when_one_of_two_feeds_is_down_its_pairs_are_not_ready() -> None:
    feed = Feed([across()]).ready()
    feed.engine.on_state(False, "Kalshi is away", Venue.KALSHI)
    feed.engine.on_state(True, "up", Venue.POLYMARKET)
    team_book(feed, 44, 46, T0 + MS)
    feed.engine.finish()
    assert feed.gates() == [Gate.NOT_READY]
    assert feed.suppressed[0].detail == "the feed is down"


@pytest.mark.parametrize("venue", [Venue.KALSHI, Venue.POLYMARKET])
def test_an_opportunity_that_stands_when_a_feed_of_it_goes_down_is_counted_as_not_ready(venue: Venue) -> None:
    feed = Feed([across()]).ready()
    feed.engine.trade_opened("CUP-AAA")
    team_book(feed, 44, 46, T0 + MS)
    feed.engine.on_state(False, "connection reset", venue)
    assert (Gate.NOT_READY, "connection reset") in [(s.gate, s.detail) for s in feed.suppressed]
