"""The socket's promises: never silently dead, tried again where that may help, ended where it cannot."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from domain.errors import BadInput
from tests.venues.kalshi.streaming import Peer, idle, streaming, venue
from venues.kalshi.hours import Pause
from venues.kalshi.signing import Signer
from venues.kalshi.stream import StreamTiming


async def test_a_connection_lost_in_a_pause_says_until_when(signer: Signer) -> None:
    async def cut(peer: Peer) -> None:
        await peer.acknowledge()

    pause = Pause(1_795_687_200_000_000, "the weekly maintenance")
    async with venue(cut) as (url, _), streaming(url, signer, pause_at=lambda now: pause) as (_, heard):
        await heard.until(lambda story: any(isinstance(item, tuple) and item[0] == "down" for item in story))
    assert "paused until 2026-11-26T10:00:00Z (the weekly maintenance)" in heard.downs[0]


async def test_a_lost_connection_is_replaced_and_subscribed_again(signer: Signer) -> None:
    async def cut(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.snapshot(1)
        peer.ws.transport.abort()

    async with venue(cut, cut, idle) as (url, requests), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: story.count("up") == 3)
    assert len(heard.downs) == 2
    assert len(requests) == 3


async def test_a_socket_that_answers_pings_but_no_probe_is_given_up(signer: Signer) -> None:
    probes: list[dict[str, Any]] = []

    async def silent(peer: Peer) -> None:
        await peer.acknowledge()
        probes.append(await peer.command())
        await peer.ws.wait_closed()

    timing = StreamTiming(silence_s=0.05, probe_s=0.05, backoff_s=0.001)
    async with venue(silent) as (url, _), streaming(url, signer, timing=timing) as (_, heard):
        await heard.until(lambda story: story.count("up") == 2)
    assert probes[0]["cmd"] == "list_subscriptions"
    assert "silent" in heard.downs[0]


async def test_a_quiet_market_whose_probes_are_answered_stays_up(signer: Signer) -> None:
    enough = asyncio.Event()

    async def quiet(peer: Peer) -> None:
        await peer.acknowledge()
        for _ in range(5):
            probe = await peer.command()
            await peer.say({"id": probe["id"], "type": "ok", "msg": [{"channel": "orderbook_delta", "sid": 1}]})
        enough.set()
        await peer.ws.wait_closed()

    timing = StreamTiming(silence_s=0.02, probe_s=30, backoff_s=0.001)
    async with venue(quiet) as (url, requests), streaming(url, signer, timing=timing) as (_, heard):
        await enough.wait()
    assert heard.story == ["up"]
    assert len(requests) == 1


async def test_a_subscription_never_acknowledged_is_never_up(signer: Signer) -> None:
    async def deaf(peer: Peer) -> None:
        await peer.acknowledge(2)
        await peer.ws.wait_closed()

    timing = StreamTiming(ack_s=0.05, backoff_s=0.001)
    async with venue(deaf, idle) as (url, _), streaming(url, signer, timing=timing) as (_, heard):
        await heard.until(lambda story: "up" in story)
    assert heard.downs[0].startswith("no acknowledgement of user_orders")
    assert heard.story.index("up") > 0


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": {"code": "authentication_error", "details": "NOT_FOUND"}}, "key id, private key"),
        (401, {"error": {"code": "header_timestamp_expired", "message": "expired"}}, "header_timestamp_expired"),
        (403, {"error": {"code": "forbidden", "message": "forbidden"}}, "HTTP 403"),
        (404, {}, "HTTP 404"),
    ],
)
async def test_a_handshake_refused_for_good_ends_the_stream_with_what_to_check(
    signer: Signer, status: int, body: dict[str, Any], words: str
) -> None:
    async with venue(idle, refuse=[status], words=json.dumps(body).encode()) as (url, requests):
        with pytest.raises(BadInput, match=words) as fatal:
            async with streaming(url, signer):
                await asyncio.Event().wait()
        assert "PRIVATE" not in fatal.value.message
        assert len(requests) == 1


async def test_a_stream_that_was_once_let_in_outlives_every_later_refusal(signer: Signer) -> None:
    async def leaving(peer: Peer) -> None:
        await peer.acknowledge()

    async with (
        venue(leaving, idle, refuse=[None, 403, 401, 404]) as (url, requests),
        streaming(url, signer) as (_, heard),
    ):
        await heard.until(lambda story: story.count("up") == 2)
    assert [f"HTTP {status}" in down for status, down in zip((403, 401, 404), heard.downs[1:], strict=True)] == [
        True
    ] * 3
    assert len(requests) == 5


async def test_a_handshake_refused_for_now_is_tried_again(signer: Signer) -> None:
    async with venue(idle, refuse=[429, 502, 503]) as (url, requests), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: "up" in story)
    assert [f"HTTP {status}" in down for status, down in zip((429, 502, 503), heard.downs, strict=True)] == [True] * 3
    assert len(requests) == 4


async def test_a_venue_that_is_not_there_is_tried_until_it_is(signer: Signer) -> None:
    with socket.socket() as taken:  # bound, not listening: refuses connections
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        async with streaming(url, signer) as (_, heard):
            await heard.until(lambda story: len(story) >= 3)
    assert all("cannot connect" in down for down in heard.downs)


async def test_a_subscription_refused_for_good_ends_the_stream(signer: Signer) -> None:
    async def strict(peer: Peer) -> None:
        command = await peer.command()
        await peer.say({"id": command["id"], "type": "error", "msg": {"code": 8, "msg": "Unknown channel name"}})
        await peer.ws.wait_closed()

    async with venue(strict) as (url, _):
        with pytest.raises(BadInput, match="Unknown channel name"):
            async with streaming(url, signer):
                await asyncio.Event().wait()


async def test_a_subscription_refused_once_the_stream_was_up_is_tried_again(signer: Signer) -> None:
    async def leaving(peer: Peer) -> None:
        await peer.acknowledge()

    async def strict(peer: Peer) -> None:
        command = await peer.command()
        await peer.say({"id": command["id"], "type": "error", "msg": {"code": 8, "msg": "Unknown channel name"}})
        await peer.ws.wait_closed()

    async with venue(leaving, strict, idle) as (url, _), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: story.count("up") == 2)
    assert "Unknown channel name" in heard.downs[1]


async def test_a_stream_made_anew_for_a_key_that_was_let_in_takes_no_refusal_for_final(signer: Signer) -> None:
    async with (
        venue(idle, refuse=[404, 401]) as (url, requests),
        streaming(url, signer, let_in=True) as (_, heard),
    ):
        await heard.until(lambda story: "up" in story)
    assert len(requests) == 3


@pytest.mark.parametrize(
    "spoilt",
    [
        b'{"type":"error","msg":{"code":25,"msg":"buffer overflow"}}',
        b'{"type":"error","msg":25}',
        b'{"type":"subscribed","id":1,"msg":[]}',
        b'{"type":"orderbook_delta","more":' + b"[" * 100_000,
        b"<html>",
        b"\xff",
    ],
    ids=["overflow", "error", "acknowledgement", "nested", "markup", "encoding"],
)
async def test_a_dead_subscription_or_an_unreadable_frame_starts_the_connection_anew(
    signer: Signer, spoilt: bytes
) -> None:
    async def ailing(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.ws.send(spoilt, text=False)
        await peer.ws.wait_closed()

    async with venue(ailing, idle) as (url, _), streaming(url, signer) as (_, heard):
        await heard.until(lambda story: story.count("up") == 2)
    assert "reconnecting" in heard.downs[0]


async def test_an_unreadable_frame_is_told_as_it_came(signer: Signer) -> None:
    dead: list[tuple[bytes, str]] = []

    async def ailing(peer: Peer) -> None:
        await peer.acknowledge()
        await peer.ws.send(b"<html>", text=False)
        await peer.ws.wait_closed()

    def told(raw: bytes, why: str) -> None:
        dead.append((raw, why))

    async with venue(ailing, idle) as (url, _), streaming(url, signer, on_dead=told) as (_, heard):
        await heard.until(lambda story: story.count("up") == 2)
    assert [raw for raw, _ in dead] == [b"<html>"]
    assert "JSON" in dead[0][1]
