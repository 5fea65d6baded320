"""The market channel over a real socket: nothing is believed that a connection does not carry, nothing is missed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from domain.errors import BadInput
from domain.fees import FeeModel, FeeSchedule
from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.events import Doubt
from ingest.sets import OutcomeSet
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange
from venues.polymarket.market_stream import StreamTiming, channel_url, dealt
from venues.polymarket.pool import MarketPool

CONDITION = "0x" + "ab" * 32
YES, NO = "1001", "1002"
T0 = 1_780_000_000_000_000
CENT = 10_000
SHARE = 1_000_000
QUICK = StreamTiming(ping_s=0.05, snapshot_s=0.3, silence_s=30, backoff_s=0.001, backoff_cap_s=0.002, rotate_s=0)

Script = Callable[["Peer"], Awaitable[None]]


def image(asset: str, at: int = T0, *, bid: int = 40, ask: int = 42, size: int = 10) -> bytes:
    return frames.book(CONDITION, asset, [(bid * CENT, size * SHARE)], [(ask * CENT, size * SHARE)], at)


def change(asset: str, cents: int, size: int, at: int, *, best_bid: int = 40, best_ask: int = 42) -> bytes:
    row = LevelChange(asset, True, cents * CENT, size * SHARE, best_bid * CENT, best_ask * CENT)
    return frames.price_change(CONDITION, [row], at)


@dataclass
class Peer:
    """The venue's end of one connection: answers pings and keeps what it was told, then does what its script says."""

    ws: ServerConnection
    number: int
    told: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    pinged: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    answers_pings: bool = True

    async def listen(self) -> None:
        with suppress(ConnectionClosed):
            async for message in self.ws:
                if message == "PING":
                    self.pinged.put_nowait(None)
                    if self.answers_pings:
                        await self.ws.send("PONG")
                else:
                    self.told.put_nowait(json.loads(message))

    async def subscription(self) -> list[str]:
        message = await self.told.get()
        assert message.get("type") == "market" or message.get("operation") == "subscribe"
        assert message["custom_feature_enabled"] is True
        return list(message["assets_ids"])

    async def say(self, raw: bytes) -> None:
        await self.ws.send(raw, text=True)

    async def images(self, assets: Sequence[str], at: int = T0) -> None:
        await self.say(frames.array(*(image(asset, at) for asset in assets)))


async def good(peer: Peer) -> None:
    """Sends books of what was subscribed, whenever it is, and stays."""
    while True:
        message = await peer.told.get()
        if message.get("operation") != "unsubscribe":
            await peer.images(message["assets_ids"])


@dataclass
class Heard:
    """What the pool told its caller, in order."""

    story: list[Any] = field(default_factory=list)
    frames: list[tuple[bytes, int]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def frame(self, raw: bytes, received_at_us: int, received_ns: int, link: int) -> None:
        assert received_at_us == T0 + 7_000
        assert received_ns > 0
        self.frames.append((raw, link))
        self.note(("frame", link))

    def state(self, up: bool, reason: str) -> None:
        assert reason
        self.note("up" if up else ("down", reason))

    def lost(self, link: int) -> None:
        self.note(("lost", link))

    def silent(self, assets: tuple[str, ...]) -> None:
        self.note(("silent", assets))

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
async def venue(*scripts: Script, refuse: list[Response] | None = None) -> AsyncIterator[tuple[str, list[Peer]]]:
    """A WebSocket server whose nth connection follows the nth script, the last one again and again."""
    peers: list[Peer] = []

    def handshake(_: ServerConnection, request: Request) -> Response | None:
        assert request.path == "/ws/market"
        return refuse.pop(0) if refuse else None

    async def connection(ws: ServerConnection) -> None:
        peer = Peer(ws, len(peers) + 1)
        script = scripts[min(len(peers), len(scripts) - 1)]
        peers.append(peer)
        listening = asyncio.create_task(peer.listen())
        playing = asyncio.create_task(script(peer))
        try:
            await asyncio.wait((listening, playing), return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
        finally:
            for task in (listening, playing):
                task.cancel()
            await asyncio.gather(listening, playing, return_exceptions=True)

    async with serve(connection, "127.0.0.1", 0, process_request=handshake, close_timeout=0.1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}", peers


@asynccontextmanager
async def pool(
    url: str, heard: Heard, groups: Sequence[Sequence[str]] = ((YES, NO),), **options: Any
) -> AsyncIterator[MarketPool]:
    said = {"on_frame": heard.frame, "on_link_lost": heard.lost, "on_silent": heard.silent, "on_state": heard.state}
    made = MarketPool(url, groups, clock=lambda: T0 + 7_000, rng=random.Random(1), **{"timing": QUICK, **said, **options})
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


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
    refusals = [Response(HTTPStatus.TOO_MANY_REQUESTS, "", request_headers()) for _ in range(2)]
    async with venue(good, refuse=refusals) as (url, _), pool(url, heard):
        await heard.until(lambda story: "up" in story)
        assert heard.downs == ["handshake refused with HTTP 429"] * 2


def request_headers() -> Any:
    from websockets.datastructures import Headers

    return Headers()


async def test_a_connection_that_brings_no_book_at_all_is_given_up() -> None:
    heard = Heard()

    async def mute(peer: Peer) -> None:
        await peer.subscription()
        await asyncio.Event().wait()

    async with venue(mute, good) as (url, _), pool(url, heard):
        await heard.until(lambda story: "up" in story)
        assert "no book of any asset" in heard.downs[0]


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


async def test_a_rotation_has_the_new_books_before_the_old_connection_goes_and_misses_nothing() -> None:
    heard = Heard()
    book = engine_of(heard)
    go_on = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.images(await peer.subscription())
        await peer.say(change(YES, 39, 5, T0 + 1_000))
        go_on.set()
        await asyncio.Event().wait()

    async def second(peer: Peer) -> None:
        assets = await peer.subscription()
        newer = frames.book(
            CONDITION, YES, [(40 * CENT, 10 * SHARE), (39 * CENT, 5 * SHARE)], [(42 * CENT, 10 * SHARE)], T0 + 1_000
        )
        await peer.say(newer)
        await peer.say(change(YES, 38, 6, T0 + 2_000))
        assert assets == [YES, NO]
        await peer.say(image(NO, T0 + 2_000))
        await asyncio.Event().wait()

    async with venue(first, second) as (url, peers), pool(url, heard, on_frame=book.frame) as made:
        await go_on.wait()
        await heard.until(lambda story: "up" in story)
        made.renew()
        await heard.until(lambda story: ("lost", 1) in story)
        assert heard.downs == []
        assert made.status()[0].renewals == 1
        book.old_connection_repeats_itself()
        yes = book.engine.polymarket.books[YES]
        assert yes.bids == {40 * CENT: 10 * SHARE, 39 * CENT: 5 * SHARE, 38 * CENT: 6 * SHARE}
        assert book.gapped == []
        assert book.engine.unready() == ()
        assert len(peers) == 2


async def test_a_book_doubted_while_connections_change_is_asked_of_the_one_that_takes_over() -> None:
    heard = Heard()
    book = engine_of(heard)

    async def second(peer: Peer) -> None:
        await peer.subscription()
        await peer.images([YES], T0 + 1_000)  # the other token's book is not there yet: it has not taken over
        await peer.say(change(YES, 39, 5, T0 + 2_000, best_bid=41))  # something was lost
        assert (await peer.told.get())["assets_ids"] == [YES]
        assert await peer.subscription() == [YES]
        await peer.images([YES, NO], T0 + 2_000)
        await asyncio.Event().wait()

    async with venue(good, second) as (url, _), pool(url, heard, on_frame=book.frame) as made:
        book.asks = made
        await heard.until(lambda story: "up" in story)
        made.renew()
        await heard.until(lambda story: ("lost", 1) in story)
        assert book.gapped == [((YES,), Doubt.BEST)]
        assert book.engine.unready() == ()


class EngineSide:
    """A decision engine on the two tokens, told of frames as the ingest process tells it."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.gapped: list[tuple[tuple[str, ...], Doubt]] = []
        self.asks: MarketPool | None = None
        self._asking: set[asyncio.Task[bool]] = set()
        fees = FeeSchedule(model=FeeModel.POLYMARKET)
        specs = tuple(
            MarketSpec(Venue.POLYMARKET, token, CONDITION, token, fees, outcomes=2, complement=other)
            for token, other in ((YES, NO), (NO, YES))
        )
        self.engine = Engine(
            [OutcomeSet(specs)],
            SetParams(),
            GateLimits(),
            LegPolicy(),
            lambda intent: None,
            lambda suppression: None,
            on_gapped=self._gapped,
        )

    def _gapped(self, _: Venue, markets: tuple[str, ...], doubt: Doubt) -> None:
        self.gapped.append((markets, doubt))
        if self.asks is not None:
            self._asking.add(asyncio.get_running_loop().create_task(self.asks.request_snapshot(markets)))

    def frame(self, raw: bytes, received_at_us: int, received_ns: int, link: int) -> None:
        self.engine.on_frame(raw, received_at_us, Venue.POLYMARKET, link)
        self.heard.frame(raw, received_at_us, received_ns, link)

    def old_connection_repeats_itself(self) -> None:
        self.engine.on_frame(change(YES, 39, 9, T0 + 1_000), T0 + 7_000, Venue.POLYMARKET, 1)


def engine_of(heard: Heard) -> EngineSide:
    return EngineSide(heard)


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
