"""A book that is missing, silent or doubted is asked for again, and costs no other one anything."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from tests.venues.polymarket.streaming import (
    NO,
    QUICK,
    YES,
    Heard,
    Peer,
    good,
    image,
    pool,
    venue,
)
from venues.polymarket.market_stream import StreamTiming


async def test_a_silent_asset_is_asked_for_again_while_pongs_flow_and_a_book_ends_the_doubt() -> None:
    heard = Heard()
    async with (
        venue(good) as (url, peers),
        pool(url, heard, timing=StreamTiming(ping_s=0.05, silence_s=0.2, snapshot_s=0.5, rotate_s=0)),
    ):
        await heard.until(lambda story: any(isinstance(item, tuple) and item[0] == "silent" for item in story))
        asked = heard.story.index(("silent", (YES, NO)))
        await heard.until(lambda story: ("frame", 1) in story[asked:])
        assert len(peers) == 1


async def test_a_frozen_asset_has_its_connection_replaced_before_it_is_closed() -> None:
    heard = Heard()

    async def freezing(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        while True:  # goes on with one token, answers pings, and has forgotten the other
            await peer.say(image(YES))
            await asyncio.sleep(0.02)

    async with (
        venue(freezing, good) as (url, _),
        pool(url, heard, timing=StreamTiming(ping_s=0.05, silence_s=0.2, snapshot_s=0.2, rotate_s=0)) as made,
    ):
        await heard.until(lambda story: ("lost", 1) in story)
        assert ("silent", (NO,)) in heard.story
        assert heard.story.index(("frame", 2)) < heard.story.index(("lost", 1))
        assert heard.downs == []
        assert "frozen" in made.status()[0].last_reason


async def test_an_asset_that_never_gets_a_book_does_not_cost_the_others_theirs() -> None:
    heard = Heard()

    async def partly(peer: Peer) -> None:
        while True:
            message = await peer.told.get()
            if message.get("operation") != "unsubscribe" and YES in message["assets_ids"]:
                await peer.images([YES])

    timing = StreamTiming(ping_s=0.05, silence_s=0.1, snapshot_s=0.1, rotate_s=0, backoff_s=0.001, backoff_cap_s=0.002)
    async with venue(partly) as (url, peers), pool(url, heard, timing=timing) as made:
        await heard.until(lambda story: sum(item[0] == "silent" and NO in item[1] for item in story) >= 4)
        assert made.status()[0].waiting == 1
        assert heard.downs == []
        assert len(peers) == 2  # replaced once in the hope of more, then left alone


async def test_a_snapshot_asked_for_comes_on_the_same_connection() -> None:
    heard = Heard()
    async with venue(good) as (url, peers), pool(url, heard) as made:
        await heard.until(lambda story: "up" in story)
        assert await made.request_snapshot([NO])
        await heard.until(lambda story: story.count(("frame", 1)) == 2)
        assert json.loads(heard.frames[1][0])[0]["asset_id"] == NO
        assert len(peers) == 1


async def test_an_asset_doubted_again_and_again_is_asked_for_at_a_bounded_pace() -> None:
    heard = Heard()
    async with venue(good) as (url, peers), pool(url, heard, timing=replace(QUICK, ask_every_s=0.1)) as made:
        await heard.until(lambda story: "up" in story)
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < 0.35:
            assert await made.request_snapshot([NO])
            await asyncio.sleep(0)
        assert 2 <= len(heard.frames) <= 6
        asked = len(heard.frames)
        await heard.until(lambda story: story.count(("frame", 1)) > asked)  # the last one asked for comes, late
        assert len(peers) == 1


async def test_a_snapshot_that_does_not_come_costs_the_connection() -> None:
    heard = Heard()

    async def deaf(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        await asyncio.Event().wait()

    async with venue(deaf, good) as (url, _), pool(url, heard) as made:
        await heard.until(lambda story: "up" in story)
        await made.request_snapshot([NO])
        await heard.until(lambda story: ("frame", 2) in story)


async def test_a_connection_that_brings_no_book_at_all_is_given_up() -> None:
    heard = Heard()

    async def mute(peer: Peer) -> None:
        await peer.subscription()
        await asyncio.Event().wait()

    async with venue(mute, good) as (url, _), pool(url, heard):
        await heard.until(lambda story: "up" in story)
        assert "no book of any asset" in heard.downs[0]
