"""The socket's promises: signed, subscribed to what is ours, and gone without a trace when cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.errors import BadInput
from tests.venues.kalshi.streaming import M1, M2, Peer, streaming, venue
from venues.kalshi import frames
from venues.kalshi.signing import Signer
from venues.kalshi.stream import KalshiStream


async def test_it_signs_the_handshake_subscribes_each_channel_and_is_up_only_when_all_are_acknowledged(
    signer: Signer,
) -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await peer.acknowledge()
        await peer.snapshot(1)
        await peer.delta(2)
        await peer.say({"type": "fill", "sid": 2, "msg": {"trade_id": "t"}})
        await peer.ws.wait_closed()

    async with venue(script) as (url, requests), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: len(story) == 4)
    assert heard.story == ["up", ("orderbook_snapshot", 1), ("orderbook_delta", 2), ("fill", None)]
    assert heard.raws[1] == frames.delta(1, 2, M1, "yes", 470_000, 10_000, 1_000_000, yes_price=True)
    assert requests[0].path == "/trade-api/ws/v2"
    assert requests[0].headers["KALSHI-ACCESS-KEY"] == signer.key_id
    assert requests[0].headers["KALSHI-ACCESS-TIMESTAMP"] == "7"
    books, *own = [command["params"] for command in peers[0].commands]
    assert books == {"channels": ["orderbook_delta"], "market_tickers": [M1, M2], "use_yes_price": True}
    assert own == [{"channels": ["fill"]}, {"channels": ["user_orders"]}, {"channels": ["market_lifecycle_v2"]}]


def lifecycle(seq: int, event_type: str, kind: str = "market_lifecycle_v2") -> dict[str, Any]:
    return {"type": kind, "sid": 4, "seq": seq, "msg": {"market_ticker": "KXELSE-1", "event_type": event_type}}


async def test_of_all_markets_changes_of_state_only_those_that_pay_are_handed_on_and_a_missing_one_is_no_gap(
    signer: Signer,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.say(lifecycle(1, "created"))
        await peer.say(lifecycle(2, "determined"))
        await peer.say(lifecycle(7, "metadata_updated"))
        await peer.say({"type": "market_lifecycle_v2", "sid": 4, "seq": 8, "msg": 5})
        await peer.say(lifecycle(11, "", kind="event_lifecycle"))
        await peer.say(lifecycle(12, "settled"))
        await peer.say(lifecycle(13, "settled"))
        await peer.ws.wait_closed()

    async with venue(script) as (url, _), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: len(story) == 4)
    told = [("market_lifecycle_v2", seq) for seq in (2, 12, 13)]
    assert heard.story == ["up", *told]


async def test_what_is_said_of_our_own_markets_is_handed_on_whatever_it_is(signer: Signer) -> None:
    grid = {"market_ticker": M1, "event_type": "price_level_structure_updated", "price_level_structure": "deci_cent"}

    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.say({"type": "market_lifecycle_v2", "sid": 4, "seq": 1, "msg": grid})
        await peer.ws.wait_closed()

    async with venue(script) as (url, _), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: ("market_lifecycle_v2", 1) in story)


async def test_further_channels_are_narrowed_to_our_markets_where_they_can_be(signer: Signer) -> None:
    commands: list[dict[str, Any]] = []

    async def script(peer: Peer) -> None:
        await peer.acknowledge(7)
        commands.extend(peer.commands)
        await peer.say({"type": "trade", "sid": peer.sids["trade"], "seq": 1, "msg": {}})
        await peer.say({"type": "market_position", "sid": peer.sids["market_positions"], "msg": {}})
        await peer.ws.wait_closed()

    also = ("ticker", "trade", "market_positions")
    async with venue(script) as (url, _), streaming(url, signer, also=also) as (_, heard):
        await heard.until(lambda story: ("market_position", None) in story)
    assert ("trade", 1) in heard.story
    asked = {command["params"]["channels"][0]: command["params"].get("market_tickers") for command in commands}
    assert (asked["ticker"], asked["trade"], asked["market_positions"]) == ([M1, M2], [M1, M2], None)


async def test_what_a_callback_raises_ends_the_stream(signer: Signer) -> None:
    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.delta(1)
        await peer.ws.wait_closed()

    def broken(raw: bytes, received_at_us: int, received_ns: int) -> None:
        raise ZeroDivisionError

    async with venue(script) as (url, _):
        with pytest.raises(ZeroDivisionError):
            await KalshiStream(url, signer, on_frame=broken, markets=(M1,)).run()


async def test_cancelling_closes_the_socket_and_leaves_no_task(signer: Signer) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.ws.wait_closed()
        closed.set()

    async with venue(script) as (url, _):
        before = asyncio.all_tasks()
        async with streaming(url, signer) as (_, heard):
            await heard.until(lambda story: "up" in story)
        await closed.wait()
        named = [task.get_name() for task in asyncio.all_tasks() - before if "KalshiStream" in repr(task.get_coro())]
        assert named == []


@pytest.mark.parametrize(
    ("url", "words"),
    [("ws://example.com", "not encrypted"), ("https://example.com", "not usable"), ("wss://example.com/x", "has path")],
)
def test_an_address_that_would_leak_or_miss_is_refused(signer: Signer, url: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        KalshiStream(url, signer, on_frame=lambda *_: None, markets=(M1,))


def test_a_stream_of_nothing_is_refused(signer: Signer) -> None:
    with pytest.raises(BadInput, match="nothing to subscribe"):
        KalshiStream("wss://example.com", signer, on_frame=lambda *_: None, user_channels=False)
