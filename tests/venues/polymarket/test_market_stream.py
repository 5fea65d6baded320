"""The market channel over a real socket: what a connection owes, and what its loss costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.errors import BadInput
from tests.venues.polymarket.streaming import (
    NO,
    QUICK,
    T0,
    YES,
    Heard,
    Peer,
    change,
    good,
    pool,
    venue,
)
from venues.polymarket.market_stream import channel_url, dealt
from venues.polymarket.pool import MarketPool


async def test_it_subscribes_at_once_and_is_up_with_the_books() -> None:
    heard = Heard()
    async with venue(good) as (url, peers), pool(url, heard) as made:
        await heard.until(lambda story: "up" in story)
        assert heard.story[:2] == [("frame", 1), "up"]
        (status,) = made.status()
        assert (status.link, status.assets, status.waiting) == (1, 2, 0)
        assert len(peers) == 1


async def test_it_pings_in_text_and_pongs_are_no_frames() -> None:
    heard = Heard()

    async def pinged(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        for _ in range(3):
            await peer.pinged.get()
        await peer.say(change(YES, 39, 5, T0))
        await asyncio.Event().wait()

    async with venue(pinged) as (url, peers), pool(url, heard):
        await heard.until(lambda story: story.count(("frame", 1)) == 2)
        assert len(peers) == 1
        assert all(raw != b"PONG" for raw, _ in heard.frames)


async def test_a_socket_that_answers_no_ping_is_lost_and_replaced() -> None:
    heard = Heard()

    async def dead(peer: Peer) -> None:
        peer.answers_pings = False
        await peer.images(await peer.subscription())
        await asyncio.Event().wait()

    async with venue(dead, good) as (url, _), pool(url, heard):
        await heard.until(lambda story: story.count("up") == 2)
        assert ("lost", 1) in heard.story
        assert "not even a PONG" in heard.downs[0]


async def test_a_closed_connection_is_told_before_its_successor_speaks() -> None:
    heard = Heard()

    async def brief(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        await peer.ws.close()

    async with venue(brief, good) as (url, _), pool(url, heard):
        await heard.until(lambda story: story.count("up") == 2)
        assert heard.story.index(("lost", 1)) < heard.story.index(("frame", 2))
        assert heard.story.index(("lost", 1)) < heard.story.index(("down", heard.downs[0]))


async def test_a_refused_handshake_is_tried_again() -> None:
    heard = Heard()
    async with venue(good, refuse=[429, 429]) as (url, _), pool(url, heard):
        await heard.until(lambda story: "up" in story)
        assert heard.downs == ["handshake refused with HTTP 429"] * 2


async def test_garbage_is_handed_on_and_the_connection_goes_on() -> None:
    heard = Heard()

    async def garbled(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        for raw in (b"\x00\xff", b'{"event_type":', b"[1,2]", b"{}", b"[]"):
            await peer.ws.send(raw, text=False)
        await peer.say(change(YES, 39, 5, T0))
        await asyncio.Event().wait()

    async with venue(garbled) as (url, peers), pool(url, heard):
        await heard.until(lambda story: story.count(("frame", 1)) == 7)
        assert len(peers) == 1
        assert heard.downs == []


async def test_many_assets_go_over_several_connections_and_one_loss_is_only_its_own() -> None:
    heard = Heard()
    fall = asyncio.Event()

    async def falling(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        await fall.wait()
        await peer.ws.close()

    groups = [("11", "12"), ("21", "22"), ("31", "32")]
    async with venue(falling, good) as (url, peers), pool(url, heard, groups, most_assets=4):
        await heard.until(lambda story: "up" in story)
        assert len(peers) == 2
        fall.set()
        await heard.until(lambda story: ("frame", 3) in story)
        assert ("lost", 1) in heard.story
        assert ("lost", 2) not in heard.story
        assert heard.downs == []


async def test_a_connection_that_waits_for_its_books_holds_no_other_up() -> None:
    heard = Heard()

    async def mute(peer: Peer) -> None:
        await peer.subscription()
        await asyncio.Event().wait()

    groups = [("11", "12"), ("21", "22")]
    timing = replace(QUICK, snapshot_s=60)
    async with venue(mute, good) as (url, _), pool(url, heard, groups, most_assets=2, timing=timing) as made:
        await heard.until(lambda story: ("frame", 2) in story)
        assert heard.story == [("frame", 2)]  # not up: one connection still lacks its books
        assert [status.waiting for status in made.status()] == [2, 0] or made.status()[1].link == 0


async def test_what_the_caller_raises_ends_the_run() -> None:
    def broken(raw: bytes, received_at_us: int, received_ns: int, link: int) -> None:
        raise ZeroDivisionError

    async with venue(good) as (url, _):
        made = MarketPool(url, [(YES, NO)], on_frame=broken, timing=QUICK)
        with pytest.raises(ZeroDivisionError):
            await made.run()


def test_tokens_of_one_condition_stay_together() -> None:
    assert dealt([("1", "2"), ("3", "4"), ("5", "6")], 4) == [["1", "2", "3", "4"], ["5", "6"]]
    with pytest.raises(BadInput, match="at most 2"):
        dealt([("1", "2", "3")], 2)


@pytest.mark.parametrize("bad", ["http://x", "ws://example.com", "wss://host/other", "wss://host?x=1", "nonsense"])
def test_an_address_that_is_no_socket_of_the_venue_is_refused(bad: str) -> None:
    with pytest.raises(BadInput, match="Polymarket WebSocket URL"):
        channel_url(bad, "/ws/market")


def test_the_venues_own_addresses_are_taken() -> None:
    assert channel_url("wss://host/ws/", "/ws/market") == "wss://host/ws/market"
    assert channel_url("ws://127.0.0.1:9/ws/market", "/ws/market") == "ws://127.0.0.1:9/ws/market"
