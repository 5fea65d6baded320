"""Spot frames become features of the markets that follow them, live as in a replay, and spoil nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.features.feature import Flaw
from domain.features.params import FeatureParams, Follow
from domain.market import Venue
from domain.spot import SpotFeed, SpotSource
from ingest.dead_letters import DeadLetters, read
from ingest.engine import Engine
from recording.envelope import EventType
from recording.frame_labels import Label, label
from recording.recorded_engine import TapedEngine
from recording.recorder import Recorder
from recording.rerun import Verdict, rerun
from recording.session_reader import RecordedEvents
from recording.session_setup import decode_setup, encode_setup, engine_of
from tests.ingest.spot_world import BTC, DOWN, OTHER, PARAMS, SECOND, T0, UP, Venues, numbers, setup_of, ticker, venues
from venues.market_events import Doubt

END = T0 + 20 * SECOND + 2


def test_a_market_that_follows_a_spot_has_every_feature_once_it_is_warm() -> None:
    world = venues()
    world.evening()
    vector = world.engine.features(UP, END)
    assert vector.first_flaw() is None
    assert vector["spot"].value == 60_000
    assert vector["mid"].value == pytest.approx(0.515)
    assert vector["sigma"].value == 0  # a dollar to and fro: after two seconds the price is where it was
    assert world.engine.spot.spot_of(UP) == (SpotSource.COINBASE, BTC)


def test_a_market_that_follows_nothing_has_none_and_costs_nothing() -> None:
    world = venues(FeatureParams(), markets=(UP, OTHER))
    world.book(UP, T0)
    assert not world.engine.spot.follows
    assert world.engine.features(UP, T0).features == {}
    assert world.engine.features(UP, T0)["sigma"].flaw is Flaw.MISSING
    assert world.engine.spot.spot_of(UP) is None


def test_of_two_followed_spots_the_longer_name_counts() -> None:
    params = FeatureParams(
        follow=(Follow("KX", SpotSource.BINANCE, "BTCUSDT"), Follow("KXBTC15M", SpotSource.COINBASE, BTC))
    )
    engine = venues(params, markets=(UP, OTHER)).engine
    assert engine.spot.spot_of(UP) == (SpotSource.COINBASE, BTC)
    assert engine.spot.spot_of(OTHER) == (SpotSource.BINANCE, "BTCUSDT")


def test_a_spot_that_stops_makes_its_features_stale_and_leaves_those_of_the_book() -> None:
    world = venues()
    world.evening(spot_until=15)
    vector = world.engine.features(UP, END)
    assert {name for name, feature in vector.features.items() if feature.flaw is not None} == {
        *("spot", "spot_age", "spot_ema", "sigma")
    }
    assert vector["spot"].flaw is Flaw.STALE
    assert vector["mid"].valid
    assert vector["flow"].valid


def test_a_book_that_is_not_believed_has_no_features_of_its_own_until_its_snapshot() -> None:
    world = venues()
    world.evening()
    world.bid(UP, END + 1, 1, lose=3)  # a hole in the numbers: both books of the subscription are doubted
    for market in (UP, DOWN):
        vector = world.engine.features(market, END + 1)
        assert vector["mid"].flaw is Flaw.MISSING
        assert vector["flow"].flaw is Flaw.MISSING
        assert vector["spot"].valid
    world.book(UP, END + 2)
    assert world.engine.features(UP, END + 2)["mid"].valid
    assert world.engine.features(UP, END + 2)["flow"].flaw is Flaw.WARMING
    assert world.engine.features(DOWN, END + 2)["mid"].flaw is Flaw.MISSING


@pytest.mark.parametrize("lose", ["state", "gap"])
def test_a_feed_that_is_lost_takes_the_features_of_its_books_along_and_the_spot_goes_on(lose: str) -> None:
    world = venues()
    world.evening()
    if lose == "state":
        world.engine.on_state(False, "closed", Venue.KALSHI)
    else:
        world.engine.on_gap([UP], Venue.KALSHI, Doubt.LOST)
    world.spot(END + SECOND)
    vector = world.engine.features(UP, END + SECOND)
    assert vector["mid"].flaw is Flaw.MISSING
    assert vector["spot"].valid


def test_a_change_a_little_older_than_its_snapshot_is_the_book_all_the_same() -> None:
    world = venues()
    world.book(UP, T0)  # snapshots are of our clock
    world.bid(UP, T0 - 30_000, 1, 48)
    assert world.engine.features(UP, T0)["mid"].value == pytest.approx(0.52)


def test_a_vector_is_computed_when_asked_for_and_once() -> None:
    world = venues()
    world.evening()
    first = world.engine.features(UP, END)
    assert world.engine.features(UP, END) is first
    assert world.engine.features(UP, END + 1) is not first
    again = world.engine.features(UP, END)
    world.spot(END, "60001")
    assert world.engine.features(UP, END) is not again
    again = world.engine.features(UP, END)
    world.bid(UP, END, 1)
    assert world.engine.features(UP, END) is not again


def test_a_spot_is_kept_once_however_many_markets_follow_it() -> None:
    world = venues()
    world.evening()
    of_one, of_other = (numbers(world.engine, market, END) for market in (UP, DOWN))
    for name in ("spot", "spot_age", "spot_ema", "sigma"):
        assert of_one[name] == of_other[name]
    assert world.engine.spot.ticks == {SpotFeed.COINBASE: 20}
    assert world.engine.spot.heard == {SpotFeed.COINBASE: T0 + 20 * SECOND}


def test_what_a_spot_feed_says_that_nobody_can_read_is_kept_under_its_name(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)

    def make(*rules: Any, **more: Any) -> Engine:
        return Engine(*rules, on_dead=letters.keep, **more)

    engine = venues(make=make).engine
    for feed in SpotFeed:
        engine.on_spot(feed, b"<<<<<<< HEAD", T0, 1)
    assert [(letter.venue, letter.frame) for letter in read(tmp_path)] == [(feed, b"<<<<<<< HEAD") for feed in SpotFeed]
    assert engine.spot.unread == dict.fromkeys(SpotFeed, 1)
    assert not engine.spot.heard


def test_a_frame_out_of_step_is_counted_and_ends_nothing() -> None:
    engine = venues().engine
    engine.on_spot(SpotFeed.COINBASE, b'{"type": "error", "message": "no"}', T0, 1)
    assert engine.spot.out_of_step == {SpotFeed.COINBASE: 1}
    engine.on_spot(SpotFeed.COINBASE, ticker(T0), T0, 2)
    assert engine.spot.heard == {SpotFeed.COINBASE: T0}


class _Watched(Engine):
    """An engine that is asked for features after every frame."""

    def __init__(self, *rules: Any, **more: Any) -> None:
        super().__init__(*rules, **more)
        self.saw: list[dict[str, Any]] = []

    def on_frame(self, raw: bytes, received_at: int, venue: Venue = Venue.KALSHI, link: int = 0) -> None:
        super().on_frame(raw, received_at, venue, link)
        self.saw += (numbers(self, market, self.feed(Venue.KALSHI).at) for market in (UP, DOWN))


class _Taped(TapedEngine, _Watched):
    pass


def test_a_recorded_session_with_spot_replays_to_the_same_features_and_decisions(tmp_path: Path) -> None:
    setup = setup_of()
    recorder = Recorder(tmp_path, setup)
    recorder.start()
    engine = engine_of(
        setup, lambda intent: None, lambda suppression: None, lambda *rules, **more: _Taped(recorder, *rules, **more)
    )
    world = Venues(engine)
    world.evening(10)
    engine.on_spot(SpotFeed.COINBASE, b"not json \xff", T0 + 11 * SECOND, 1)
    world.book(UP, T0 + 12 * SECOND, 47, 48)
    world.book(DOWN, T0 + 12 * SECOND, 44, 46)  # both for 94 cents
    engine.finish()
    assert recorder.close()

    made: list[_Watched] = []

    def make(*rules: Any, **more: Any) -> Engine:
        made.append(_Watched(*rules, **more))
        return made[0]

    session = RecordedEvents(tmp_path)
    assert session.setup.rules.features == PARAMS
    spots = [event for event in session.events() if event.venue == SpotFeed.COINBASE]
    assert len(spots) == 11
    assert {event.type for event in spots} == {EventType.FRAME}
    assert (spots[0].market, spots[0].exchange_at, spots[0].link) == (BTC, T0 + SECOND, 1)
    assert spots[-1].body == b"not json \xff"
    again = rerun(session, make)
    assert again.verdict is Verdict.SAME
    assert len(again.intents) == 1
    assert isinstance(engine, _Taped)
    assert made[0].saw == engine.saw
    assert any(vector["sigma"] == 0 for vector in made[0].saw)


def test_a_set_up_without_features_is_one_as_it_was_before_there_were_any() -> None:
    said = msgspec.json.decode(encode_setup(setup_of(FeatureParams())))
    del said["rules"]["features"]
    assert decode_setup(msgspec.json.encode(said), "old").rules.features == FeatureParams()
    assert decode_setup(encode_setup(setup_of()), "new").rules.features == PARAMS


@pytest.mark.parametrize(
    ("feed", "raw", "expected"),
    [
        (SpotFeed.COINBASE, ticker(T0, sequence=5), Label(BTC, T0, 5)),
        (
            SpotFeed.COINBASE_ADVANCED,
            b'{"channel":"ticker","timestamp":"2026-11-21T12:00:00Z","sequence_num":7,'
            b'"events":[{"tickers":[{"product_id":"BTC-USD"},{"product_id":"ETH-USD"}]}]}',
            Label("BTC-USD,ETH-USD", T0, 7),
        ),
        (
            SpotFeed.BINANCE,
            b'{"stream":"btcusdt@bookTicker","data":{"u":9,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}',
            Label("BTCUSDT", 0, 9),
        ),
        (SpotFeed.BINANCE, b'{"e":"trade","s":"BTCUSDT","t":4,"T":1795262400000}', Label("BTCUSDT", T0, 4)),
        (
            SpotFeed.POLYMARKET_PRICES,
            b'{"v":1,"seq":3,"channel":"price.crypto","payload":{"symbol":"BTCUSD","timestamp":1795262400000}}',
            Label("btcusd", T0, 3),
        ),
        (SpotFeed.COINBASE, b'{"type":"ticker","time":"noon"}', Label()),
        (SpotFeed.POLYMARKET_PRICES, b"\xff", Label()),
        ("nobody", b"{}", Label()),
    ],
)
def test_a_spot_frame_is_filed_under_its_symbols_time_and_number(feed: str, raw: bytes, expected: Label) -> None:
    assert label(feed, raw) == expected
