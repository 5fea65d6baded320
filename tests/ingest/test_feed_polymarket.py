"""Polymarket's books in the engine: absolute levels, every contradiction a doubt, two tokens one book."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.decisions import Gate, Suppression
from domain.fees import FeeModel, FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from domain.orders import Side
from ingest.decode_polymarket import read_books
from ingest.engine import Engine
from ingest.events import Doubt, Listed, News, Resolved, TickChange, TradePrint
from ingest.gates import mirrored
from ingest.sets import OutcomeSet
from ingest.strategies.combination import Combination, CombinationStrategy, Sizing
from ingest.strategy import Strategy
from venues.kalshi import frames as kalshi_frames
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange

T0 = 1_780_000_000_000_000
MS = 1_000
CENT = 10_000
SHARE = 1_000_000
CONDITION = "0x" + "ab" * 32
YES, NO = "1001", "1002"
TEAM = "KXCUP-26-AAA"
FREE = FeeSchedule(taker=Decimal(0), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)


def token(market: str, complement: str) -> MarketSpec:
    return MarketSpec(Venue.POLYMARKET, market, CONDITION, market, FREE, outcomes=2, complement=complement)


class Feed:
    """A market channel of one condition into an engine; prices in cents, sizes in shares."""

    def __init__(self, strategies: Sequence[Strategy] = (), **options: Any) -> None:
        self.intents: list[Intent] = []
        self.suppressed: list[Suppression] = []
        self.gapped: list[tuple[tuple[str, ...], Doubt]] = []
        self.news: list[News] = []
        self.dead: list[tuple[Venue, bytes, str]] = []
        self.engine = Engine(
            [OutcomeSet((token(YES, NO), token(NO, YES)))],
            SetParams(),
            GateLimits(),
            LegPolicy(),
            self.intents.append,
            self.suppressed.append,
            strategies=strategies,
            on_gapped=lambda venue, markets, doubt: self.gapped.append((markets, doubt)),
            on_news=self.news.append,
            on_dead=lambda venue, raw, why, at: self.dead.append((venue, raw, why)),
            **options,
        )

    def send(self, raw: bytes, at: int = T0, link: int = 1) -> None:
        self.engine.on_frame(raw, at, Venue.POLYMARKET, link)

    def book(self, asset: str, bid: int, ask: int, at: int = T0, *, size: int = 100, link: int = 1) -> None:
        self.send(image(asset, bid, ask, at, size=size), at, link)

    def ready(self, bid: int = 47, ask: int = 49) -> Feed:
        """YES at 47/49 and NO, its mirror, at 51/53."""
        self.book(YES, bid, ask)
        self.book(NO, 100 - ask, 100 - bid)
        return self

    def change(self, *rows: LevelChange, at: int = T0, link: int = 1) -> None:
        self.send(frames.price_change(CONDITION, rows, at), at, link)

    def of(self, asset: str) -> Book:
        return self.engine.polymarket.books[asset]

    def gates(self) -> list[Gate]:
        return [suppression.gate for suppression in self.suppressed]


def image(asset: str, bid: int, ask: int, at: int = T0, *, size: int = 100) -> bytes:
    return frames.book(CONDITION, asset, [(bid * CENT, size * SHARE)], [(ask * CENT, size * SHARE)], at)


def row(  # noqa: PLR0917 - one a field
    asset: str, side: str, cents: int, size: int, best_bid: int | None, best_ask: int | None
) -> LevelChange:
    bests = [None if best is None else best * CENT for best in (best_bid, best_ask)]
    return LevelChange(asset, side == "bid", cents * CENT, size * SHARE, bests[0], bests[1])


def test_a_book_still_crossed_as_time_goes_on_is_gapped_until_its_snapshot() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 50, 30, 50, 49), at=T0 + MS)
    feed.change(row(YES, "bid", 48, 30, 50, 49), at=T0 + MS)
    assert feed.gapped == []
    feed.change(row(YES, "bid", 50, 0, 48, 49), at=T0 + 2 * MS)
    assert feed.gapped == [((YES,), Doubt.CROSSED)]
    feed.book(YES, 48, 49, T0 + 3 * MS)
    assert feed.engine.unready() == ()


def test_a_level_is_set_to_its_size_and_zero_removes_it() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 48, 30, 48, 49), at=T0 + MS)
    feed.change(row(YES, "bid", 48, 20, 48, 49), at=T0 + 2 * MS)
    assert feed.of(YES).bids == {47 * CENT: 100 * SHARE, 48 * CENT: 20 * SHARE}
    feed.change(row(YES, "bid", 48, 0, 47, 49), at=T0 + 3 * MS)
    assert feed.of(YES).bids == {47 * CENT: 100 * SHARE}
    assert feed.of(YES).exchange_at == T0 + 3 * MS
    assert feed.gapped == []


def test_best_prices_that_are_not_ours_after_the_frame_gap_the_token() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 45, 30, 46, 49), at=T0 + MS)
    assert feed.gapped == [((YES,), Doubt.BEST)]
    assert feed.engine.unready() == feed.engine.doubted(Venue.POLYMARKET) == (YES,)
    assert feed.engine.doubted(Venue.KALSHI) == ()
    feed.book(YES, 46, 49, T0 + 2 * MS)
    assert feed.engine.unready() == ()


def test_best_prices_are_those_after_the_whole_frame_and_an_empty_side_is_said_so() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 47, 0, None, 60), row(YES, "ask", 49, 0, None, 60), row(YES, "ask", 60, 5, None, 60))
    assert feed.gapped == []
    feed.change(row(YES, "ask", 60, 0, None, None))
    assert feed.gapped == []
    assert feed.of(YES).best_bid is None
    assert feed.of(YES).best_ask is None


def test_time_that_goes_backwards_gaps_the_token() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 46, 1, 47, 49), at=T0 + 5 * MS)
    feed.change(row(YES, "bid", 45, 1, 47, 49), at=T0 + 4 * MS)
    assert feed.gapped == [((YES,), Doubt.TIME)]
    feed.book(YES, 47, 49, T0 + 5 * MS)
    feed.book(YES, 47, 49, T0 + 3 * MS)
    assert feed.gapped[1:] == [((YES,), Doubt.TIME)]


def test_a_new_tick_size_is_news_and_gaps_the_token_until_its_new_book() -> None:
    feed = Feed().ready()
    feed.send(frames.tick_size_change(CONDITION, YES, 10_000, 1_000, T0 + MS))
    assert feed.news == [TickChange(Venue.POLYMARKET, YES, 10_000, 1_000, T0 + MS)]
    assert feed.gapped == [((YES,), Doubt.TICK)]


def test_trades_and_listings_are_news_and_touch_no_book() -> None:
    feed = Feed().ready()
    version = feed.of(YES).version
    feed.send(frames.last_trade_price(CONDITION, YES, 48 * CENT, SHARE, T0, bought=True))
    feed.send(frames.new_market("0xnew", ["7", "8"], ["Yes", "No"], "Will it?", T0))
    assert [type(news) for news in feed.news] == [TradePrint, Listed]
    assert feed.of(YES).version == version


def test_a_resolved_market_is_never_ready_again_and_nobody_is_asked_for_its_book() -> None:
    feed = Feed().ready()
    feed.send(frames.market_resolved(CONDITION, [YES, NO], YES, "Yes", T0))
    assert [type(news) for news in feed.news] == [Resolved]
    assert feed.engine.unready() == (YES, NO)
    assert feed.gapped == []


def test_best_prices_sent_alone_must_be_true_once_time_has_gone_on() -> None:
    early = Feed().ready()
    early.send(frames.best_bid_ask(CONDITION, YES, 48 * CENT, 49 * CENT, T0 + MS))  # before its change
    early.change(row(YES, "bid", 48, 5, 48, 49), at=T0 + MS)
    early.change(row(YES, "bid", 40, 5, 48, 49), at=T0 + 2 * MS)
    assert early.gapped == []
    never = Feed().ready()
    never.send(frames.best_bid_ask(CONDITION, YES, 48 * CENT, 49 * CENT, T0 + MS))  # its change is lost
    never.change(row(YES, "bid", 40, 5, 47, 49), at=T0 + 2 * MS)
    assert never.gapped == [((YES,), Doubt.BEST)]


# -- hashes ----------------------------------------------------------------------------------------------


def rest_of(asset: str, bid: int, ask: int, at: int, *, size: int = 100) -> bytes:
    levels = [(bid * CENT, size * SHARE)], [(ask * CENT, size * SHARE)]
    return json.dumps([frames.rest_book(CONDITION, asset, *levels, at)]).encode()


def judged(feed: Feed, raw: bytes) -> Doubt | None:
    (book,) = read_books(raw)
    return feed.engine.polymarket.judge(book)


def test_a_first_snapshot_with_a_wrong_hash_is_not_believed_once_rest_said_what_is_hashed() -> None:
    feed = Feed().ready()
    broken = image(YES, 47, 49, T0 + MS).replace(b'"size":"100"', b'"size":"101"', 1)
    feed.send(broken, link=2)
    assert feed.gapped == []  # nobody has said what the hash covers
    feed = Feed().ready()
    assert judged(feed, rest_of(YES, 47, 49, T0)) is None
    feed.send(broken, link=1)
    assert feed.gapped == []  # not the first of its connection: a hint
    assert feed.engine.counters.hash_hints == 1
    feed.send(broken, link=2)
    assert feed.gapped == [((YES,), Doubt.HASH)]
    feed.send(image(YES, 47, 49, T0 + MS), link=2)
    assert feed.engine.unready() == ()


def test_a_rest_book_of_the_same_time_with_other_levels_and_a_newer_one_are_doubts_and_an_older_one_is_none() -> None:
    feed = Feed().ready()
    assert judged(feed, rest_of(YES, 47, 49, T0)) is None
    assert judged(feed, rest_of(YES, 47, 49, T0 + MS)) is None  # a newer time alone says nothing
    assert judged(feed, rest_of(YES, 47, 49, T0, size=90)) is Doubt.LEVELS
    assert judged(feed, rest_of(YES, 46, 49, T0 + MS)) is Doubt.BEHIND
    assert judged(feed, rest_of(YES, 1, 99, T0 - MS)) is None
    assert judged(feed, rest_of("9", 1, 99, T0)) is None


def test_a_rest_book_whose_own_hash_is_wrong_says_nothing() -> None:
    feed = Feed().ready()
    assert judged(feed, rest_of(YES, 47, 49, T0 + MS).replace(b'"size": "100"', b'"size": "99"', 1)) is None
    assert feed.engine.counters.hash_hints == 1


# -- connections -----------------------------------------------------------------------------------------


def test_a_token_follows_the_youngest_connection_that_brought_its_book() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 48, 9, 48, 49), at=T0 + MS, link=2)  # no book of it yet: the old one still counts
    assert feed.of(YES).best_bid == 47 * CENT
    feed.book(YES, 48, 49, T0 + MS, link=2)
    feed.change(row(YES, "bid", 48, 1, 48, 49), at=T0, link=1)
    feed.book(YES, 30, 70, T0, link=1)
    assert feed.of(YES).bids == {48 * CENT: 100 * SHARE}
    assert feed.engine.counters.duplicates == 3
    feed.change(row(NO, "bid", 50, 1, 51, 53), at=T0 + 2 * MS, link=1)  # the other token is still the old one's
    assert feed.of(NO).bids[50 * CENT] == SHARE
    assert feed.gapped == []


def test_a_lost_connection_gaps_what_followed_it_and_any_other_may_bring_the_book() -> None:
    feed = Feed().ready()
    feed.book(YES, 47, 49, link=2)
    feed.engine.on_link_lost(2)
    assert feed.gapped == [((YES,), Doubt.LINK)]
    feed.change(row(YES, "bid", 46, 1, 47, 49), at=T0 + MS, link=1)
    assert 46 * CENT not in feed.of(YES).bids
    feed.book(YES, 47, 49, T0 + MS, link=1)
    assert feed.engine.unready() == ()
    feed.engine.on_link_lost(2)
    assert len(feed.gapped) == 1


def test_a_feed_that_is_down_has_no_books_and_the_other_venue_goes_on() -> None:
    feed = Feed().ready()
    feed.engine.on_state(False, "connection reset", Venue.POLYMARKET)
    assert feed.engine.unready() == (YES, NO)
    assert feed.engine.kalshi.up
    feed.engine.on_state(True, "up", Venue.POLYMARKET)
    feed.ready()
    assert feed.engine.unready() == ()


# -- bad input -------------------------------------------------------------------------------------------


def test_a_frame_that_cannot_be_read_gaps_the_tokens_it_names_or_all_of_its_connection_and_is_kept() -> None:
    feed = Feed().ready()
    named = frames.price_change(CONDITION, [row(YES, "bid", 46, 1, 47, 49)], T0).replace(b'"0.46"', b'"4.6"')
    feed.send(named)
    assert feed.gapped == [((YES,), Doubt.MALFORMED)]
    feed.ready()
    feed.book(NO, 51, 53, link=2)
    feed.send(b'{"event_type":')
    assert feed.gapped[1:] == [((YES,), Doubt.MALFORMED)]
    assert [raw for _, raw, _ in feed.dead] == [named, b'{"event_type":']
    assert feed.engine.counters.malformed == 2


def test_a_kind_of_message_we_do_not_know_is_kept_and_gaps_nothing() -> None:
    feed = Feed().ready()
    feed.send(b'{"event_type":"weather","asset_id":"1001"}')
    feed.engine.on_frame(b'{"type":"weather","sid":9,"msg":{}}', T0)
    assert [(venue, why) for venue, _, why in feed.dead] == [
        (Venue.POLYMARKET, "unknown event_type 'weather'"),
        (Venue.KALSHI, "unknown message type 'weather'"),
    ]
    assert feed.gapped == []
    assert feed.engine.counters.unknown == 2


def test_messages_of_tokens_nobody_watches_are_passed_over() -> None:
    feed = Feed().ready()
    feed.book("9", 1, 99)
    feed.change(row("9", "bid", 2, 1, 2, 99))
    assert feed.engine.counters.passed_over == 2
    assert feed.gapped == []


# -- two tokens of one condition -------------------------------------------------------------------------


def test_an_edge_between_two_views_of_different_instants_is_refused_as_mirrored() -> None:
    feed = Feed().ready()
    feed.book(YES, 43, 45, T0 + MS)  # NO still stands at 53: together 0.98
    feed.engine.finish()
    assert feed.intents == []
    assert feed.gates() == [Gate.MIRRORED]
    assert "1001 0.43/0.45 is not the mirror of 1002 0.51/0.53" in feed.suppressed[0].detail


def test_changes_of_both_tokens_in_one_frame_are_one_event() -> None:
    feed = Feed().ready()
    feed.change(
        row(YES, "ask", 49, 0, 47, 60),
        row(NO, "bid", 51, 0, 40, 53),
        row(YES, "ask", 60, 5, 47, 60),
        row(NO, "bid", 40, 5, 40, 53),
        at=T0 + MS,
    )
    feed.engine.finish()
    assert feed.gapped == []
    assert feed.suppressed == []
    assert mirrored(feed.of(YES), feed.of(NO))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 99), st.integers(0, 5)), max_size=60))
def test_a_mirrored_market_never_shows_an_edge_whatever_its_changes(changes: list[tuple[bool, int, int]]) -> None:
    feed = Feed()
    feed.send(frames.array(*(frames.book(CONDITION, asset, [], [], T0) for asset in (YES, NO))))
    reference = Book(YES)
    for step, (bid, cents, size) in enumerate(changes, start=1):
        levels = reference.bids if bid else reference.asks
        others = reference.asks if bid else reference.bids
        if size and any(cents >= price // CENT if bid else cents <= price // CENT for price in others):
            continue  # it would trade
        (reference.set_bid if bid else reference.set_ask)(cents * CENT, size * SHARE, step, step)
        best_bid, best_ask = reference.best_bid, reference.best_ask
        assert levels.get(cents * CENT, 0) == size * SHARE
        feed.change(
            LevelChange(YES, bid, cents * CENT, size * SHARE, best_bid, best_ask),
            LevelChange(
                NO,
                not bid,
                (100 - cents) * CENT,
                size * SHARE,
                None if best_ask is None else 1_000_000 - best_ask,
                None if best_bid is None else 1_000_000 - best_bid,
            ),
            at=T0 + step * MS,
        )
        assert feed.of(YES).bids == reference.bids
        assert feed.of(YES).asks == reference.asks
        assert feed.of(NO).asks == {1_000_000 - price: size for price, size in reference.bids.items()}
        assert mirrored(feed.of(YES), feed.of(NO))
    feed.engine.finish()
    assert feed.gapped == []
    assert feed.intents == []
    assert feed.suppressed == []


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
    feed.engine.on_frame(kalshi_frames.snapshot(1, seq, TEAM, yes, no, yes_price=True), at)


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
    feed.engine.on_state(False, "Kalshi is away")
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
