"""The socket's promises: every number is counted, and what is missing is asked for as a snapshot."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.venues.kalshi.streaming import LEVELS, M1, M2, Peer, idle, streaming, venue
from venues.kalshi import frames
from venues.kalshi.sequence import Arrival, Sequence
from venues.kalshi.signing import Signer
from venues.kalshi.stream import StreamTiming


async def test_a_missing_number_is_told_before_its_frame_and_repaired_by_a_snapshot(signer: Signer) -> None:
    asked: list[dict[str, Any]] = []

    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.snapshot(1)
        await peer.delta(3)
        asked.append(await peer.command())
        tickers = {"market_tickers": [M1, M2]}
        await peer.say({"id": asked[0]["id"], "sid": 1, "seq": 4, "type": "ok", "msg": tickers})
        await peer.snapshot(5)
        await peer.snapshot(6, M2)
        await peer.delta(7)
        await peer.ws.wait_closed()

    async with venue(script) as (url, _), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: ("orderbook_delta", 7) in story)
    assert heard.story == [
        "up",
        ("orderbook_snapshot", 1),
        ("gap", (M1, M2)),
        ("orderbook_delta", 3),
        ("ok", 4),
        ("orderbook_snapshot", 5),
        ("orderbook_snapshot", 6),
        ("orderbook_delta", 7),
    ]
    assert asked[0]["cmd"] == "update_subscription"
    assert asked[0]["params"] == {"sids": [1], "market_tickers": [M1, M2], "action": "get_snapshot"}


async def test_a_second_gap_before_the_repair_is_done_starts_the_connection_anew(signer: Signer) -> None:
    async def broken(peer: Peer) -> None:
        await peer.acknowledge()
        for seq in (1, 3, 5):
            await peer.delta(seq)
        await peer.ws.wait_closed()

    async with venue(broken, idle) as (url, requests), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: story.count("up") == 2)
    assert "another gap" in heard.downs[0]
    assert len(requests) == 2


async def test_a_snapshot_that_never_comes_starts_the_connection_anew(signer: Signer) -> None:
    async def forgetful(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.delta(1)
        await peer.delta(3)
        await peer.ws.wait_closed()

    timing = StreamTiming(snapshot_s=0.05, backoff_s=0.001)
    async with venue(forgetful, idle) as (url, _), streaming(url, signer, timing=timing) as (_, heard):
        await heard.until(lambda story: story.count("up") == 2)
    assert heard.downs[0].startswith(f"no snapshot of {M1}, {M2}")


async def test_a_snapshot_can_be_asked_for_and_is_not_asked_for_twice(signer: Signer) -> None:
    asked: list[dict[str, Any]] = []

    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.delta(1)
        asked.append(await peer.command())
        await peer.snapshot(2)
        asked.append(await peer.command())
        await peer.ws.wait_closed()

    async with venue(script) as (url, _), streaming(url, signer) as (stream, heard):
        assert await stream.request_snapshot([M1]) is False
        await heard.until(lambda story: ("orderbook_delta", 1) in story)
        assert await stream.request_snapshot([M1, "KXNOT-OURS"])
        assert await stream.request_snapshot([M1])
        await heard.until(lambda story: ("orderbook_snapshot", 2) in story)
        assert await stream.request_snapshot([M2])
        while len(asked) < 2:  # noqa: ASYNC110 - the list fills on the venue's side
            await asyncio.sleep(0)
    assert [command["params"]["market_tickers"] for command in asked] == [[M1], [M2]]


async def resubscribed(peer: Peer) -> tuple[list[int], int]:
    """What is given up and the number of the subscription that takes its place, acknowledged."""
    gone = (await peer.command())["params"]["sids"]
    command = await peer.command()
    assert command["params"]["channels"] == ["orderbook_delta"]
    await peer.say({"id": 0, "sid": gone[0], "type": "unsubscribed", "msg": {}})
    await peer.say({"type": "subscribed", "id": command["id"], "msg": {"channel": "orderbook_delta", "sid": 9}})
    return gone, 9


async def test_a_snapshot_that_numbers_anew_has_the_books_subscribed_anew(signer: Signer) -> None:
    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.delta(500)
        await peer.delta(502)
        assert (await peer.command())["params"]["action"] == "get_snapshot"
        await peer.snapshot(1)
        gone, sid = await resubscribed(peer)
        assert gone == [1]
        await peer.delta(700)  # what was under way under the old one is no gap of the new one
        for seq, market in enumerate((M1, M2), 1):
            await peer.say(frames.snapshot(sid, seq, market, LEVELS, [], yes_price=True))
        await peer.say(frames.delta(sid, 3, M1, "yes", 470_000, 10_000, 1_000_000, yes_price=True))
        await peer.ws.wait_closed()

    async with venue(script) as (url, requests), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: ("orderbook_delta", 3) in story)
    assert len(requests) == 1
    assert heard.story.count("up") == 1
    assert heard.story[-3:] == [("orderbook_snapshot", 1), ("orderbook_snapshot", 2), ("orderbook_delta", 3)]


async def test_a_repair_that_is_numbered_anew_twice_starts_the_connection_anew(signer: Signer) -> None:
    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.delta(500)
        await peer.delta(502)
        await peer.command()
        await peer.snapshot(1)
        _, sid = await resubscribed(peer)
        for seq in (10, 12):
            await peer.say(frames.delta(sid, seq, M1, "yes", 470_000, 10_000, 1_000_000, yes_price=True))
        await peer.command()
        await peer.say(frames.snapshot(sid, 2, M1, LEVELS, [], yes_price=True))
        await peer.ws.wait_closed()

    async with venue(script, idle) as (url, requests), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: story.count("up") == 2)
    assert "numbered anew" in heard.downs[0]
    assert len(requests) == 2


async def test_a_new_subscription_that_nobody_acknowledges_starts_the_connection_anew(signer: Signer) -> None:
    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.delta(1)
        await peer.ws.wait_closed()

    timing = StreamTiming(ack_s=0.05, backoff_s=0.001)
    async with venue(script, idle) as (url, _), streaming(url, signer, timing=timing) as (stream, heard):
        assert not await stream.resubscribe()
        await heard.until(lambda story: ("orderbook_delta", 1) in story)
        assert await stream.resubscribe()
        assert not await stream.request_snapshot([M1])  # nothing to ask of: it brings them by itself
        await heard.until(lambda story: story.count("up") == 2)
    assert heard.downs[0].startswith("no acknowledgement of orderbook_delta")


async def test_whoever_keeps_the_books_can_have_the_connection_made_anew(signer: Signer) -> None:
    async with venue(idle) as (url, requests), streaming(url, signer) as (stream, heard):
        stream.reconnect([M1], "before there is one")
        await heard.until(lambda story: "up" in story)
        stream.reconnect([M1], "2 books stay doubted")
        await heard.until(lambda story: story.count("up") == 2)
    assert heard.downs == ["2 books stay doubted; reconnecting"]
    assert len(requests) == 2


def test_numbers_are_counted_per_subscription_and_acknowledgements_count() -> None:
    count = Sequence()
    assert [count.arrive(1, 5), count.arrive(2, 9), count.arrive(1, 6, solicited=True), count.arrive(1, 7)] == [
        Arrival.NEXT
    ] * 4
    assert count.arrive(1, 9) is Arrival.GAP
    assert count.arrive(1, 9) is Arrival.GAP
    assert count.arrive(2, 10) is Arrival.NEXT
    assert count.arrive(3, None) is Arrival.NEXT


def test_an_answer_of_ours_out_of_order_is_set_aside_and_a_real_gap_still_shows() -> None:
    restarted, holed = Sequence(), Sequence()
    for count in (restarted, holed):
        count.arrive(1, 500)
    assert restarted.arrive(1, 1, solicited=True) is Arrival.ASIDE
    assert restarted.arrive(1, 501) is Arrival.NEXT
    assert holed.arrive(1, 503, solicited=True) is Arrival.ASIDE
    assert holed.arrive(1, 504) is Arrival.GAP
