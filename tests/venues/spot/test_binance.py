"""Binance's stream: each quote once, whichever connection brought it, and a restart without a gap."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.spot import ATTO, SpotKind, SpotSource
from tests.venues.spot.world import Heard, Peer, world
from venues.binance.feed import BinanceRules, binance_feed
from venues.binance.ticks import FORGET_US, BinanceTicks
from venues.kept_socket import KeptSocket
from venues.spot import Unreadable

NOW = 1_795_262_400_000_000


def quote(number: int, bid: str = "61837.63000000", ask: str = "61837.64000000", symbol: str = "BTCUSDT") -> Any:
    return {"u": number, "s": symbol, "b": bid, "B": "3.78826000", "a": ask, "A": "1.54698000"}


def combined(data: Any) -> Any:
    return {"stream": "btcusdt@bookTicker", "data": data}


def raw(message: Any) -> bytes:
    return json.dumps(message).encode()


TRADE = {"e": "trade", "E": 1723161255343, "s": "BTCUSDT", "t": 7, "p": "61837.63", "q": "0.02", "T": 1723161255342}


def test_a_quote_carries_our_time_for_want_of_its_own() -> None:
    for form in (quote(5), combined(quote(5))):
        (tick,) = BinanceTicks().take(raw(form), NOW)
        assert (tick.source, tick.symbol, tick.kind) == (SpotSource.BINANCE, "BTCUSDT", SpotKind.QUOTE)
        assert (tick.exchange_at, tick.received_at, tick.timed) == (NOW, NOW, False)
        assert tick.price == 61_837_635 * ATTO // 1000
        assert tick.bid_size == 378_826 * ATTO // 100_000


def test_a_trade_carries_its_own_time() -> None:
    (tick,) = BinanceTicks().take(raw(combined(TRADE)), NOW)
    assert (tick.kind, tick.exchange_at, tick.timed) == (SpotKind.TRADE, 1_723_161_255_342_000, True)


def test_what_is_not_newer_is_left_out_whoever_brings_it() -> None:
    ticks = BinanceTicks()
    assert ticks.take(raw(quote(10)), NOW, 1)
    assert not ticks.take(raw(quote(10)), NOW, 2)
    assert not ticks.take(raw(quote(4)), NOW, 1)
    assert ticks.take(raw(quote(40)), NOW, 2)
    assert ticks.late == 2
    assert ticks.take(raw(quote(1, symbol="ETHUSDT")), NOW)


def test_a_count_that_starts_anew_is_believed_after_ten_seconds() -> None:
    ticks = BinanceTicks()
    assert ticks.take(raw(quote(10)), NOW)
    assert not ticks.take(raw(quote(1)), NOW + FORGET_US)
    assert ticks.take(raw(quote(1)), NOW + FORGET_US + 1)


def test_other_frames_are_no_ticks() -> None:
    ticks = BinanceTicks()
    for message in ({"result": None, "id": 1}, {"e": "depthUpdate", "b": [["1", "2"]], "a": []}, {"e": "rpiDepth"}):
        assert not ticks.take(raw(message), NOW)
    assert dict(ticks.unknown) == {"answer": 1, "rpiDepth": 1}


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[]",
        b"\xff",
        raw(quote(5, bid="61837.64000000")),
        raw(quote(5, bid="0.00000000")),
        raw(quote(5, ask="NaN")),
        raw({**quote(5), "b": 61837.63}),
        raw({**quote(5), "B": "-1"}),
        raw({"s": "BTCUSDT"}),
        raw({**TRADE, "T": 0}),
        raw({**TRADE, "T": NOW // 1000 + 60_001}),
        raw({**TRADE, "s": ""}),
        raw({**TRADE, "p": "0"}),
    ],
)
def test_what_cannot_be_believed_is_unreadable(frame: bytes) -> None:
    with pytest.raises(Unreadable):
        BinanceTicks().take(frame, NOW)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_unreadable(frame: bytes) -> None:
    try:
        BinanceTicks().take(frame, NOW)
    except Unreadable:
        return


def feed(url: str, heard: Heard, **options: Any) -> KeptSocket:
    return binance_feed(
        ["BTCUSDT"],
        url=url,
        clock=lambda: NOW,
        **heard.ears() | options,
    )


async def test_its_streams_are_in_the_address() -> None:
    async def script(peer: Peer) -> None:
        await peer.say(b"oops", combined(quote(1)), combined(TRADE))
        await peer.stay()

    async with world(script) as w, w.feed(feed(w.url, w.heard, trades=True)) as heard:
        await heard.until(lambda: len(heard.ticks) == 2 and heard.ups())
        assert w.peers[0].path == "/stream?streams=btcusdt@bookTicker/btcusdt@trade"
        assert [frame for frame, _ in heard.dead] == [b"oops"]


async def test_an_announced_restart_is_bridged_by_a_second_connection() -> None:
    over = asyncio.Event()

    async def leaver(peer: Peer) -> None:
        await peer.say(combined(quote(1)), {"e": "serverShutdown", "E": 1})
        await peer.stay()
        over.set()

    async def successor(peer: Peer) -> None:
        assert not over.is_set()
        await peer.say(combined(quote(1)))  # no news, but it flows
        await over.wait()
        await peer.say(combined(quote(2)))
        await peer.stay()

    async with world(leaver, successor) as w, w.feed(feed(w.url, w.heard)) as heard:
        await heard.until(lambda: len(heard.ticks) == 2)
        assert [up for up, _ in heard.states] == [True]


async def test_an_old_connection_is_replaced_before_the_venue_ends_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.say(combined(quote(peer.number)))
        await peer.stay()

    rules = BinanceRules(rotate_s=0.05)
    async with world(script) as w, w.feed(feed(w.url, w.heard, rules=rules)) as heard:
        await heard.until(lambda: len(heard.ticks) >= 3)
        assert not heard.losses()


async def test_a_stream_without_newer_quotes_is_replaced() -> None:
    async def script(peer: Peer) -> None:
        await peer.say(combined(quote(1 + peer.number)))
        await peer.stay()

    rules = BinanceRules(silence_s=0.05)
    async with world(script) as w, w.feed(feed(w.url, w.heard, rules=rules)) as heard:
        await heard.until(lambda: heard.ups() == 2)
        assert "no newer quote" in heard.losses()[0]


def test_symbols_that_are_none_are_refused() -> None:
    for symbols in ([], ["BTC/USDT"], ["BTC@x"], ["A"] * 1025):
        with pytest.raises(BadInput, match="letters and digits"):
            binance_feed(symbols, on_tick=lambda tick: None)
