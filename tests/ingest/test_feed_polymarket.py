"""Polymarket's books in the engine: absolute levels, every contradiction a doubt, two tokens one book."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.decisions import Gate
from domain.features.params import FeatureParams, Follow
from domain.market import Venue
from domain.spot import SpotSource
from ingest.gates import mirrored
from ingest.guard import FirewallRules, Guard
from tests.ingest.polymarket_feed import CENT, CONDITION, MS, NO, SHARE, T0, YES, Feed, image, row, token
from venues.market_events import Doubt, Listed, Resolved, TickChange, TradePrint
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange
from venues.polymarket.market_data import read_books


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


def test_best_prices_that_are_not_ours_when_their_instant_is_over_gap_the_token() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 45, 30, 46, 49), at=T0 + MS)
    assert (feed.gapped, feed.of(YES).unsettled) == ([], True)
    feed.change(row(YES, "bid", 44, 30, 46, 49), at=T0 + 2 * MS)
    assert feed.gapped == [((YES,), Doubt.BEST)]
    assert feed.engine.unready() == feed.engine.doubted(Venue.POLYMARKET) == (YES,)
    assert feed.engine.doubted(Venue.KALSHI) == ()
    feed.book(YES, 46, 49, T0 + 3 * MS)
    assert feed.engine.unready() == ()
    assert not feed.of(YES).unsettled


TAKEN = row(YES, "ask", 49, 0, 49, 60)  # a taker buys all that is offered at 49
RESTS = row(YES, "bid", 49, 30, 49, 60)  # and the rest of his order stays there


@pytest.mark.parametrize("instant", [[[RESTS], [TAKEN]], [[TAKEN], [RESTS]], [[RESTS, TAKEN]]])
def test_one_transaction_raises_no_doubt_however_its_frames_are_cut(instant: list[list[LevelChange]]) -> None:
    feed = Feed()
    levels = [(49 * CENT, 100 * SHARE), (60 * CENT, 100 * SHARE)]
    feed.send(frames.book(CONDITION, YES, [(47 * CENT, 100 * SHARE)], levels, T0))
    for part in instant:
        feed.change(*part, at=T0 + MS)
    feed.change(row(YES, "bid", 40, 5, 49, 60), at=T0 + 2 * MS)
    feed.engine.on_time(T0 + 10_000 * MS)
    assert (feed.gapped, feed.of(YES).unsettled) == ([], False)
    assert (feed.of(YES).best_bid, feed.of(YES).best_ask) == (49 * CENT, 60 * CENT)


def test_nothing_is_traded_on_a_book_between_two_messages_of_one_instant() -> None:
    feed = Feed().ready()
    feed.change(row(NO, "bid", 51, 0, 40, 45), row(NO, "ask", 45, 100, 40, 45), at=T0 + MS)  # its bid at 40 is to come
    assert feed.intents == []
    feed.engine.finish()
    assert feed.gates() == [Gate.GAPPED]  # 49 + 45 cost less than a dollar
    assert "between two messages of one instant" in feed.suppressed[0].detail


def test_nothing_is_learnt_of_a_book_between_two_messages_of_one_instant() -> None:
    features = FeatureParams(follow=(Follow(YES, SpotSource.COINBASE, "BTC-USD"),))
    feed = Feed(features=features).ready()
    before = feed.engine.features(YES, T0)["mid"].value
    feed.change(row(YES, "ask", 49, 0, 48, 60), row(YES, "ask", 60, 100, 48, 60), at=T0 + MS)  # a bid is to come
    assert feed.of(YES).unsettled
    assert feed.engine.features(YES, T0 + MS)["mid"].value == before
    feed.change(row(YES, "bid", 48, 100, 48, 60), at=T0 + MS)
    assert feed.engine.features(YES, T0 + MS)["mid"].value == pytest.approx(0.54)


def test_the_firewall_takes_no_quote_of_a_book_that_is_doubted_or_between_two_messages() -> None:
    guard, book = Guard(FirewallRules(("polymarket",))), Book(YES)
    guard.watch(token(YES, NO), book)
    book.replace([(47 * CENT, 100 * SHARE)], [(49 * CENT, 100 * SHARE)], T0, T0)
    guard.touched([book])
    book.set_bid(49 * CENT, 100 * SHARE, T0 + MS, T0 + MS)  # crossed: the ask's end is to come
    book.unsettled = True
    guard.touched([book])
    assert guard.refused([book], T0 + MS) is None
    book.unsettled, book.gapped = False, True
    guard.touched([book])
    assert guard.refused([book], T0 + MS) is None
    book.gapped = False
    guard.touched([book])
    refused = guard.refused([book], T0 + MS)
    assert refused is not None
    assert refused.gate is Gate.CROSSED


def test_an_instant_whose_rest_never_comes_is_doubted_by_our_clock() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 45, 30, 46, 49), at=T0 + MS)
    feed.engine.on_time(T0 + 200 * MS)
    assert feed.gapped == []
    feed.send(frames.price_change(CONDITION, [row(NO, "bid", 40, 5, 51, 53)], T0 + 2 * MS), T0 + 300 * MS)
    assert feed.gapped == [((YES,), Doubt.BEST)]


def test_a_connection_that_goes_takes_its_unsettled_instants_with_it() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 45, 30, 46, 49), at=T0 + MS)
    feed.engine.on_state(False, "lost", Venue.POLYMARKET)
    feed.engine.on_state(True, "back", Venue.POLYMARKET)
    feed.ready()
    feed.engine.on_time(T0 + 10_000 * MS)
    assert feed.gapped == []
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


def test_a_repair_with_an_older_time_is_believed_when_the_venue_says_it_again() -> None:
    feed = Feed().ready()
    feed.change(row(YES, "bid", 46, 1, 47, 49), at=T0 + 30_000 * MS)  # a time that was never true
    feed.engine.on_gap((YES,), Venue.POLYMARKET, Doubt.SILENT)
    for unready in ((YES,), ()):
        feed.book(YES, 47, 49, T0 + MS)
        assert feed.engine.unready() == unready


# -- hashes ----------------------------------------------------------------------------------------------
def rest_of(asset: str, bid: int, ask: int, at: int, *, size: int = 100) -> bytes:
    levels = [(bid * CENT, size * SHARE)], [(ask * CENT, size * SHARE)]
    return json.dumps([frames.rest_book(CONDITION, asset, *levels, at)]).encode()


def judged(feed: Feed, raw: bytes) -> Doubt | None:
    (book,) = read_books(raw)
    return feed.engine.feed(Venue.POLYMARKET).judge(book)


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
    feed.engine.on_link_lost(2, Venue.POLYMARKET)
    assert feed.gapped == [((YES,), Doubt.LINK)]
    feed.change(row(YES, "bid", 46, 1, 47, 49), at=T0 + MS, link=1)
    assert 46 * CENT not in feed.of(YES).bids
    feed.book(YES, 47, 49, T0 + MS, link=1)
    assert feed.engine.unready() == ()
    feed.engine.on_link_lost(2, Venue.POLYMARKET)
    assert len(feed.gapped) == 1


def test_a_feed_that_is_down_has_no_books_and_the_other_venue_goes_on() -> None:
    feed = Feed().ready()
    feed.engine.on_state(False, "connection reset", Venue.POLYMARKET)
    assert feed.engine.unready() == (YES, NO)
    assert feed.engine.feed(Venue.KALSHI).up
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
    feed.engine.on_frame(b'{"type":"weather","sid":9,"msg":{}}', T0, Venue.KALSHI)
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
