"""The socket's promises: in order, gap-checked, never silently dead, and gone without a trace when cancelled."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from domain.errors import BadInput
from venues.kalshi import frames
from venues.kalshi.hours import Pause
from venues.kalshi.sequence import Arrival, Sequence
from venues.kalshi.signing import Signer
from venues.kalshi.stream import KalshiStream, StreamTiming

M1, M2 = "KXTEST-26NOV21-AAA", "KXTEST-26NOV21-BBB"
LEVELS = [(470_000, 3_000_000)]
QUICK = StreamTiming(backoff_s=0.001, backoff_cap_s=0.002)

Script = Callable[["Peer"], Awaitable[None]]


@dataclass
class Peer:
    """The venue's end of one connection: acknowledges subscriptions, then does what its script says."""

    ws: ServerConnection
    number: int
    commands: list[dict[str, Any]] = field(default_factory=list)
    sids: dict[str, int] = field(default_factory=dict)

    async def command(self) -> dict[str, Any]:
        self.commands.append(json.loads(await self.ws.recv()))
        return self.commands[-1]

    async def say(self, message: dict[str, Any] | bytes) -> None:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        await self.ws.send(raw, text=True)

    async def acknowledge(self, count: int = 4) -> None:
        for _ in range(count):
            command = await self.command()
            channel = command["params"]["channels"][0]
            sid = self.sids[channel] = len(self.sids) + 1
            await self.say({"type": "subscribed", "id": command["id"], "msg": {"channel": channel, "sid": sid}})

    async def snapshot(self, seq: int, market: str = M1) -> None:
        await self.say(frames.snapshot(1, seq, market, LEVELS, [], yes_price=True))

    async def delta(self, seq: int, market: str = M1) -> None:
        await self.say(frames.delta(1, seq, market, "yes", 470_000, 10_000, 1_000_000, yes_price=True))


@dataclass
class Heard:
    """What the stream told its caller, in order: frames as (type, seq), states, gaps."""

    story: list[Any] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def frame(self, raw: bytes, received_at_us: int, received_ns: int) -> None:
        assert received_at_us == 7_000
        assert received_ns > 0
        message = json.loads(raw)
        self.raws.append(raw)
        self.note((message["type"], message.get("seq")))

    def state(self, up: bool, reason: str) -> None:
        assert reason
        self.note("up" if up else ("down", reason))

    def gap(self, markets: tuple[str, ...]) -> None:
        self.note(("gap", markets))

    def note(self, what: Any) -> None:
        self.story.append(what)
        self.changed.set()

    async def until(self, holds: Callable[[list[Any]], bool]) -> None:
        while not holds(self.story):
            self.changed.clear()
            await self.changed.wait()

    @property
    def downs(self) -> list[str]:
        return [item[1] for item in self.story if isinstance(item, tuple) and item[0] == "down"]


@asynccontextmanager
async def venue(*scripts: Script, refuse: list[Response] | None = None) -> AsyncIterator[tuple[str, list[Request]]]:
    """A WebSocket server whose nth connection follows the nth script, the last one again and again."""
    requests: list[Request] = []
    count = 0

    def handshake(_: ServerConnection, request: Request) -> Response | None:
        requests.append(request)
        return refuse.pop(0) if refuse else None

    async def connection(ws: ServerConnection) -> None:
        nonlocal count
        peer = Peer(ws, count)
        script = scripts[min(count, len(scripts) - 1)]
        count += 1
        await script(peer)

    async with serve(connection, "127.0.0.1", 0, process_request=handshake, close_timeout=0.1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}", requests


@asynccontextmanager
async def streaming(url: str, signer: Signer, **options: Any) -> AsyncIterator[tuple[KalshiStream, Heard]]:
    heard = Heard()
    settings: dict[str, Any] = {"markets": (M1, M2), "timing": QUICK, "rng": random.Random(1)} | options
    stream = KalshiStream(
        url,
        signer,
        on_frame=heard.frame,
        on_state=heard.state,
        on_gap=heard.gap,
        clock=lambda: 7_000,
        **settings,
    )
    task = asyncio.create_task(stream.run())
    # Should the stream die, the test must fail with its error, not wait for its time limit.
    owner = asyncio.current_task()
    assert owner is not None
    task.add_done_callback(lambda done: None if done.cancelled() else owner.cancel())
    try:
        yield stream, heard
    except asyncio.CancelledError:
        if task.done() and task.exception() is not None:
            owner.uncancel()
            await task
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def idle(peer: Peer) -> None:
    await peer.acknowledge()
    await peer.ws.wait_closed()


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


async def test_a_connection_lost_in_a_pause_says_until_when(signer: Signer) -> None:
    async def cut(peer: Peer) -> None:
        await peer.acknowledge()

    pause = Pause(1_795_687_200_000_000, "the weekly maintenance")
    async with venue(cut) as (url, _), streaming(url, signer, pause_at=lambda now: pause) as (_, heard):
        await heard.until(lambda story: any(isinstance(item, tuple) and item[0] == "down" for item in story))
    assert "paused until 2026-11-26T10:00:00Z (the weekly maintenance)" in heard.downs[0]


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
    raw = json.dumps(body).encode()
    head = [("Content-Length", str(len(raw)))]
    refusal = Response(status, HTTPStatus(status).phrase, _headers(head), raw)
    async with venue(idle, refuse=[refusal]) as (url, requests):
        with pytest.raises(BadInput, match=words) as fatal:
            async with streaming(url, signer):
                await asyncio.Event().wait()
        assert "PRIVATE" not in fatal.value.message
        assert len(requests) == 1


async def test_a_handshake_refused_for_now_is_tried_again(signer: Signer) -> None:
    busy = [Response(status, "busy", _headers([("Content-Length", "0")]), b"") for status in (429, 502, 503)]
    async with venue(idle, refuse=busy) as (url, requests), streaming(url, signer) as (_, heard):
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


def _headers(pairs: list[tuple[str, str]]) -> Any:
    from websockets.datastructures import Headers

    return Headers([*pairs, ("Connection", "close"), ("Content-Type", "application/json")])
