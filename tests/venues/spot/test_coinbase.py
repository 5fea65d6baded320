"""Coinbase's feeds: every frame to exact ticks, and a connection given up as soon as it may lie."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.spot import ATTO, SpotKind, SpotSource
from tests.venues.spot.world import QUICK, Heard, Peer, world
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.coinbase.feed import CoinbaseRules, advanced_feed, exchange_feed
from venues.coinbase.touch import TouchBook
from venues.kept_socket import KeptSocket
from venues.spot import OutOfStep, Unreadable, micros_of

NOON = 1_795_262_400_000_000  # 2026-11-21T12:00:00Z
BTC = "BTC-USD"


def raw(message: Any) -> bytes:
    return json.dumps(message).encode()


def ticker(
    sequence: int = 5, trade: int = 9, price: str = "68900.50", time: str = "2026-11-21T12:00:00.250000Z"
) -> Any:
    return {
        "type": "ticker",
        "sequence": sequence,
        "product_id": BTC,
        "price": "68900.50",
        "best_bid": "68900.00",
        "best_ask": "68901.00",
        "best_bid_size": "1.5",
        "side": "buy",
        "time": "2026-11-21T12:00:00.250000Z",
        "trade_id": trade,
        "new_field": {"of": ["tomorrow"]},
    }


def beat(last_trade: int = 9) -> Any:
    return {
        "type": "heartbeat",
        "sequence": 90,
        "last_trade_id": last_trade,
        "product_id": BTC,
        "time": "2026-11-21T12:00:01Z",
    }


SNAPSHOT = {
    "type": "snapshot",
    "product_id": BTC,
    "bids": [["68900.00", "1.5"], ["68899.00", "2"]],
    "asks": [["68901.00", "0.5"], ["68902.00", "0"]],
}


def update(*changes: tuple[str, str, str], at: str = "2026-11-21T12:00:00.5Z") -> Any:
    return {"type": "l2update", "product_id": BTC, "changes": changes, "time": at}


def test_a_ticker_is_a_trade_with_the_touch_of_its_moment() -> None:
    (tick,) = ExchangeTicks().take(raw(ticker()), NOON)
    assert (tick.source, tick.symbol, tick.kind) == (SpotSource.COINBASE, BTC, SpotKind.TRADE)
    assert tick.price == 68_900_500 * ATTO // 1000
    assert (tick.exchange_at, tick.received_at, tick.timed) == (NOON + 250_000, NOON, True)
    assert (tick.bid, tick.ask) == (68_900 * ATTO, 68_901 * ATTO)
    assert (tick.bid_size, tick.ask_size) == (15 * ATTO // 10, 0)


def test_a_ticker_older_than_the_one_before_is_left_out() -> None:
    ticks = ExchangeTicks()
    assert ticks.take(raw(ticker(sequence=50)), NOON)
    assert ticks.take(raw(ticker(sequence=900)), NOON)  # it jumps by nature
    assert not ticks.take(raw(ticker(sequence=899)), NOON)
    assert ticks.late == 1
    assert ticks.take(raw(ticker(sequence=10)), NOON, 2)  # another connection


def test_level_changes_make_a_quote_when_the_touch_changes() -> None:
    ticks = ExchangeTicks()
    assert not ticks.take(raw(update(("buy", "1", "1"))), NOON)  # before its snapshot
    (first,) = ticks.take(raw(SNAPSHOT), NOON)
    assert (first.bid, first.ask, first.kind) == (68_900 * ATTO, 68_901 * ATTO, SpotKind.QUOTE)
    assert first.price == 689_005 * ATTO // 10
    assert not ticks.take(raw(update(("buy", "68000.00", "3"))), NOON)  # deep in the book
    (second,) = ticks.take(raw(update(("buy", "68900.00", "0"), ("sell", "68900.50", "7"))), NOON)
    assert (second.bid, second.ask, second.ask_size) == (68_899 * ATTO, 689_005 * ATTO // 10, 7 * ATTO)
    assert second.exchange_at == NOON + 500_000
    assert not ticks.take(raw(update(("buy", "68899.00", "2"))), NOON, 2)  # a new connection has no book yet
    assert ticks.take(raw(SNAPSHOT), NOON, 2)


def test_a_crossed_book_has_lost_something() -> None:
    ticks = ExchangeTicks()
    ticks.take(raw(SNAPSHOT), NOON)
    with pytest.raises(OutOfStep, match="not below"):
        ticks.take(raw(update(("buy", "68901.00", "1"))), NOON)
    with pytest.raises(OutOfStep, match="level2 requires"):
        ticks.take(raw({"type": "error", "message": "Failed to subscribe", "reason": "level2 requires auth"}), NOON)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"<<<<<<< HEAD",
        b"[" * 5000,
        raw({"type": 7}),
        raw({**ticker(), "price": "NaN"}),
        raw({**ticker(), "price": "-1"}),
        raw({**ticker(), "price": "0"}),
        raw({**ticker(), "price": "1e400"}),
        raw({**ticker(), "best_bid_size": "-1"}),
        raw({**ticker(), "time": "yesterday"}),
        raw({**ticker(), "time": "2026-11-21T12:01:01Z"}),  # from the future: all later ones would look old
        raw({**ticker(), "time": "1969-12-31T23:59:59Z"}),
        raw({**ticker(), "time": "2026-11-21T12:00:00"}),
        raw({**ticker(), "product_id": ""}),
        raw({**SNAPSHOT, "bids": [["68900.00"]]}),
        raw({**SNAPSHOT, "bids": [["68900.00", "-2"]]}),
    ],
)
def test_what_cannot_be_read_is_said_to_be_unreadable(frame: bytes) -> None:
    with pytest.raises(Unreadable):
        ExchangeTicks().take(frame, NOON)


def test_an_update_that_cannot_be_read_changes_nothing() -> None:
    ticks = ExchangeTicks()
    ticks.take(raw(SNAPSHOT), NOON)
    with pytest.raises(Unreadable, match="expected buy or sell"):
        ticks.take(raw(update(("buy", "68900.00", "0"), ("offer", "1", "1"))), NOON)
    assert not ticks.take(raw(update(("buy", "68000.00", "3"))), NOON)


def test_types_nobody_knows_are_counted() -> None:
    ticks = ExchangeTicks()
    assert not ticks.take(raw({"type": "rfq", "product_id": BTC}), NOON)
    assert not ticks.take(raw({"type": "subscriptions", "channels": []}), NOON)
    assert dict(ticks.unknown) == {"rfq": 1}


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_unreadable(frame: bytes) -> None:
    for decoder in (ExchangeTicks(), AdvancedTicks()):
        try:
            decoder.take(frame, NOON)
        except (Unreadable, OutOfStep):
            continue


def advanced(channel: str, number: int | None, *events: Any, at: str = "2026-11-21T12:00:00Z") -> bytes:
    said = {"channel": channel, "timestamp": at, "sequence_num": number, "events": events, "client_id": ""}
    return raw({key: value for key, value in said.items() if value is not None})


def levels(kind: str, *updates: tuple[str, str, str]) -> Any:
    return {
        "type": kind,
        "product_id": BTC,
        "updates": [
            {"side": side, "event_time": "2026-11-21T12:00:00.1Z", "price_level": price, "new_quantity": size}
            for side, price, size in updates
        ],
    }


WHOLE = levels("snapshot", ("bid", "68900.00", "1.5"), ("offer", "68901.00", "0.5"))


def test_advanced_levels_make_quotes() -> None:
    ticks = AdvancedTicks()
    (first,) = ticks.take(advanced("l2_data", 0, WHOLE), NOON)
    assert (first.bid, first.ask, first.exchange_at) == (68_900 * ATTO, 68_901 * ATTO, NOON)
    (second,) = ticks.take(
        advanced("l2_data", 1, levels("update", ("offer", "68901.00", "0"), ("offer", "68903.00", "1"))), NOON
    )
    assert (second.ask, second.exchange_at) == (68_903 * ATTO, NOON + 100_000)


def test_a_hole_in_the_count_of_a_connection_is_a_loss_whatever_its_channel() -> None:
    ticks = AdvancedTicks()
    ticks.take(advanced("subscriptions", 0), NOON)
    ticks.take(advanced("heartbeats", 1, {"current_time": "x", "heartbeat_counter": "42"}), NOON)
    ticks.take(advanced("l2_data", 2, WHOLE), NOON)
    with pytest.raises(OutOfStep, match="message 4 came after 2: 1 missing"):
        ticks.take(advanced("heartbeats", 4, {"heartbeat_counter": 43}), NOON)
    assert not ticks.take(advanced("subscriptions", 0), NOON, 2)  # a new connection counts anew
    assert not ticks.take(advanced("l2_data", 1, levels("update", ("bid", "68899.00", "1"))), NOON, 2)


def test_an_advanced_ticker_is_a_trade_unless_it_only_repeats_the_last() -> None:
    event = {"type": "snapshot", "tickers": [{"type": "ticker", "product_id": BTC, "price": "68900.50"}]}
    ticks = AdvancedTicks()
    assert not ticks.take(advanced("ticker", 0, event), NOON)
    (tick,) = ticks.take(advanced("ticker", 1, {**event, "type": "update"}), NOON)
    assert (tick.kind, tick.bid, tick.price) == (SpotKind.TRADE, 0, 689_005 * ATTO // 10)


def test_advanced_frames_that_make_no_sense() -> None:
    for frame in (
        b"\xff",
        advanced("l2_data", 0, levels("snapshot", ("buy", "1", "1"))),
        advanced("l2_data", 0, {**WHOLE, "product_id": ""}),
        advanced("l2_data", 0, levels("snapshot", ("bid", "nan", "1"))),
        advanced("l2_data", 0, WHOLE, at="never"),
        advanced("l2_data", 0, 7),
    ):
        with pytest.raises(Unreadable):
            AdvancedTicks().take(frame, NOON)
    with pytest.raises(OutOfStep, match="too many"):
        AdvancedTicks().take(raw({"type": "error", "message": "too many"}), NOON)
    ticks = AdvancedTicks()
    assert not ticks.take(advanced("news", 0), NOON)
    assert ticks.unknown["news"] == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(0, 3)), max_size=60))
def test_the_touch_is_that_of_all_levels(changes: list[tuple[bool, int, int]]) -> None:
    book, bids, asks = TouchBook("X"), {10: 1}, {40: 1}
    book.replace(bids.items(), asks.items())
    book.tick(0, 0)
    last = (10, 1, 40, 1)
    for bid, price, size in changes:
        level = price if bid else price + 30
        levels = bids if bid else asks
        levels[level] = size
        book.set(bid, level, size)
        best_bid = max((p for p, s in bids.items() if s), default=None)
        best_ask = min((p for p, s in asks.items() if s), default=None)
        tick = book.tick(0, 0)
        if best_bid is None or best_ask is None:
            assert tick is None
            continue
        now = (best_bid, bids[best_bid], best_ask, asks[best_ask])
        assert (tick is None) == (now == last)
        if tick is not None:
            assert (tick.bid, tick.bid_size, tick.ask, tick.ask_size) == now
        last = now


def test_times_are_cut_to_microseconds() -> None:
    assert micros_of("2026-11-21T12:00:00.123456789Z") == NOON + 123_456
    assert micros_of("2026-11-21 13:00:00+01:00") == NOON


# ---------------------------------------------------------------- over a real socket


def feeds(url: str, heard: Heard, **options: Any) -> KeptSocket:
    return exchange_feed(
        [BTC],
        url=url,
        clock=lambda: NOON,
        **heard.ears() | options,
    )


async def test_it_subscribes_at_once_and_is_up_with_heartbeat_and_price() -> None:
    async def script(peer: Peer) -> None:
        assert await peer.hears() == {
            "type": "subscribe",
            "product_ids": [BTC],
            "channels": ["heartbeat", "ticker", "level2_batch"],
        }
        await peer.say({"type": "subscriptions", "channels": []}, ticker(), SNAPSHOT, beat())
        await peer.stay()

    async with world(script) as w, w.feed(feeds(w.url, w.heard)) as heard:
        await heard.until(heard.ups)
        assert [tick.kind for tick in heard.ticks] == [SpotKind.TRADE, SpotKind.QUOTE]
        assert len(heard.frames) == 4


async def test_a_feed_without_heartbeats_is_replaced() -> None:
    async def script(peer: Peer) -> None:
        await peer.hears()
        await peer.say(ticker(), beat())
        await peer.stay()

    rules = CoinbaseRules(beat_s=0.05)
    async with world(script) as w, w.feed(feeds(w.url, w.heard, channels=["ticker"], rules=rules)) as heard:
        await heard.until(lambda: heard.ups() >= 2)
        assert "no heartbeat" in heard.losses()[0]


async def test_a_feed_that_beats_and_tells_no_trades_is_replaced() -> None:
    async def frozen(peer: Peer) -> None:
        await peer.hears()
        await peer.say(ticker(trade=9), beat(9), beat(9), beat(9), beat(9))  # nobody trades: nothing is missing
        await peer.say(beat(10), beat(11), beat(12), beat(13))
        await peer.stay()

    async def sound(peer: Peer) -> None:
        await peer.hears()
        await peer.say(ticker(trade=14), beat(14))
        await peer.stay()

    rules = CoinbaseRules(beat_s=60, frozen_beats=3)
    async with world(frozen, sound) as w, w.feed(feeds(w.url, w.heard, channels=["ticker"], rules=rules)) as heard:
        await heard.until(lambda: len(w.peers) == 2 and heard.states[-1:] and heard.states[-1][0])
        assert "no ticker came for 3 heartbeats" in heard.losses()[0]


async def test_an_unreadable_frame_is_kept_and_costs_a_book_its_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.hears()
        await peer.say(SNAPSHOT, beat())
        if not peer.number:
            await peer.say(b'{"type":"l2update"')
        await peer.stay()

    async with world(script) as w, w.feed(feeds(w.url, w.heard)) as heard:
        await heard.until(lambda: len(w.peers) == 2 and heard.states[-1:] and heard.states[-1][0])
        assert [frame for frame, _ in heard.dead] == [b'{"type":"l2update"']
        assert "may have been a change" in heard.losses()[0]


async def test_an_unreadable_frame_of_trades_alone_is_kept_and_no_more() -> None:
    async def script(peer: Peer) -> None:
        await peer.hears()
        await peer.say(b"<html>", ticker(), beat(), ticker(sequence=6, trade=10))
        await peer.stay()

    async with world(script) as w, w.feed(feeds(w.url, w.heard, channels=["ticker"])) as heard:
        await heard.until(lambda: len(heard.ticks) == 2)
        assert len(heard.dead) == 1
        assert not heard.losses()


async def test_advanced_trade_asks_channel_by_channel_and_reconnects_over_a_hole() -> None:
    async def script(peer: Peer) -> None:
        assert await peer.hears() == {"type": "subscribe", "channel": "heartbeats"}
        assert await peer.hears() == {"type": "subscribe", "product_ids": [BTC], "channel": "level2"}
        await peer.say(advanced("heartbeats", 0, {"heartbeat_counter": 1}), advanced("l2_data", 1, WHOLE))
        if not peer.number:
            await peer.say(advanced("l2_data", 3, levels("update", ("bid", "68900.50", "1"))))
        await peer.stay()

    async with world(script) as w:
        feed = advanced_feed(
            [BTC], on_tick=w.heard.tick, on_state=w.heard.state, url=w.url, clock=lambda: NOON, timing=QUICK
        )
        async with w.feed(feed) as heard:
            await heard.until(lambda: len(w.peers) == 2 and heard.states[-1:] and heard.states[-1][0])
            assert "1 missing" in heard.losses()[0]
            assert [tick.bid for tick in heard.ticks] == [68_900 * ATTO] * 2  # nothing of the frame after the hole


def test_a_feed_of_nothing_is_refused() -> None:
    for products, channels in (([], ["ticker"]), ([BTC], []), ([BTC], ["full"])):
        with pytest.raises(BadInput, match="expected at least one of each"):
            exchange_feed(products, on_tick=lambda tick: None, channels=channels)
