"""The socket's promises: up when everything flows, replaced when lost, never two lives for one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import repeat

import pytest

from domain.errors import BadInput
from tests.venues.spot.world import QUICK, Heard, Peer, world
from venues.kept_socket import KeptSocket, SocketTiming, checked_url
from venues.reconnect import ConnectionLost


class Words:
    """A conversation that is live from `ready` on, leaves at `leave`, gives up at `hole`."""

    def __init__(self) -> None:
        self.live = False
        self.leaving = ""

    def opening(self) -> Sequence[bytes]:
        return (b'"hello"',)

    def hear(self, raw: bytes, received_at_us: int, received_ns: int, /) -> Sequence[bytes]:
        match raw:
            case b'"ready"':
                self.live = True
            case b'"leave"':
                self.leaving = "told to"
            case b'"hole"':
                raise ConnectionLost("a hole")
            case b'"fatal"':
                raise BadInput("no use")
            case b'"ask"':
                return (b'"answer"',)
        return ()

    def due(self, now_ns: int, /) -> Sequence[bytes]:
        return ()

    def closed(self, code: int, /) -> None:
        if code == 4001:
            raise BadInput("closed for good")


async def ready(peer: Peer) -> None:
    assert await peer.hears() == "hello"
    await peer.say("ready")
    await peer.stay()


def kept(url: str, heard: Heard, timing: SocketTiming = QUICK) -> KeptSocket:
    return KeptSocket(
        "Test", url, lambda link: Words(), on_frame=heard.frame, on_state=heard.state, clock=lambda: 7, timing=timing
    )


async def test_it_speaks_first_answers_and_hands_every_frame_on() -> None:
    answers: list[str] = []

    async def script(peer: Peer) -> None:
        assert await peer.hears() == "hello"
        await peer.say("ask")
        answers.append(await peer.hears())
        await peer.say(b"\xff\x00 anything", "ready")
        await peer.stay()

    async with world(script) as w, w.feed(kept(w.url, w.heard)) as heard:
        await heard.until(heard.ups)
        assert answers == ["answer"]
        assert [raw for raw, _ in heard.frames] == [b'"ask"', b"\xff\x00 anything", b'"ready"']
        assert {link for _, link in heard.frames} == {1}


async def test_a_loss_is_told_and_followed_by_another_connection() -> None:
    async def hole(peer: Peer) -> None:
        await peer.hears()
        await peer.say("ready", "hole")
        await peer.stay()

    async def gone(peer: Peer) -> None:
        await peer.hears()
        await peer.say("ready")
        await peer.ws.close(1001, "restart")

    async with world(hole, gone, ready) as w, w.feed(kept(w.url, w.heard)) as heard:
        await heard.until(lambda: len(w.peers) == 3 and heard.states[-1:] and heard.states[-1][0])
        first, second = heard.losses()
        assert first == "a hole"
        assert "1001" in second
        assert [link for _, link in heard.frames] == [1, 1, 2, 3]


async def test_a_connection_that_is_not_live_in_time_is_lost() -> None:
    async def mute(peer: Peer) -> None:
        await peer.stay()

    timing = SocketTiming(live_s=0.05, watch_s=0.01, backoff_s=0.001, backoff_cap_s=0.002)
    async with world(mute) as w, w.feed(kept(w.url, w.heard, timing)) as heard:
        await heard.until(lambda: len(heard.losses()) >= 2)
        assert not heard.ups()
        assert "not everything asked for came" in heard.losses()[0]


async def test_who_leaves_stays_until_another_is_live() -> None:
    first_over = asyncio.Event()

    async def leaver(peer: Peer) -> None:
        await peer.hears()
        await peer.say("ready", "leave")
        await peer.stay()
        first_over.set()

    async def broken(peer: Peer) -> None:
        await peer.hears()
        assert not first_over.is_set()
        await peer.say("hole")
        await peer.stay()

    async def successor(peer: Peer) -> None:
        await peer.hears()
        assert not first_over.is_set()
        await peer.say("ready")
        await first_over.wait()
        await peer.say("more")
        await peer.stay()

    async with world(leaver, broken, successor) as w, w.feed(kept(w.url, w.heard)) as heard:
        await heard.until(lambda: (b'"more"', 3) in heard.frames)
        assert [up for up, _ in heard.states] == [True]  # it never was down


@pytest.mark.parametrize("say", ["fatal", 4001])
async def test_what_no_reconnect_can_cure_ends_it(say: str | int) -> None:
    async def script(peer: Peer) -> None:
        await peer.hears()
        if isinstance(say, int):
            await peer.ws.close(say)
        else:
            await peer.say(say)
            await peer.stay()

    async with world(script) as w:
        with pytest.raises(BadInput, match=r"no use|closed for good"):
            await asyncio.wait_for(kept(w.url, w.heard).run(), 30)
        assert len(w.peers) == 1


async def test_what_a_callback_raises_is_the_callers_own() -> None:
    def broken(raw: bytes, at: int, ns: int, link: int) -> None:
        raise ZeroDivisionError("mine")

    async with world(ready) as w:
        feed = KeptSocket("Test", w.url, lambda link: Words(), on_frame=broken, timing=QUICK)
        with pytest.raises(ZeroDivisionError, match="mine"):
            await asyncio.wait_for(feed.run(), 30)


async def test_nobody_there_is_tried_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    heard = Heard()
    task = asyncio.create_task(kept(f"ws://127.0.0.1:{port}", heard).run())
    await heard.until(lambda: len(heard.losses()) >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "cannot connect" in heard.losses()[0]


@pytest.mark.parametrize(("status", "fatal"), [(451, True), (401, True), (429, False), (503, False)])
async def test_a_handshake_refused_for_good_ends_it_and_another_does_not(status: int, fatal: bool) -> None:
    async with world(ready, refuse=repeat(status)) as w:
        if fatal:
            with pytest.raises(BadInput, match=str(status)):
                await asyncio.wait_for(kept(w.url, w.heard).run(), 30)
            return
        async with w.feed(kept(w.url, w.heard)) as heard:
            await heard.until(lambda: len(heard.losses()) >= 2)
        assert str(status) in heard.losses()[0]


async def test_a_socket_that_was_once_up_outlives_every_later_refusal() -> None:
    async def leaving(peer: Peer) -> None:
        await peer.hears()
        await peer.say("ready")

    async def fatal(peer: Peer) -> None:
        await peer.hears()
        await peer.say("fatal")
        await peer.stay()

    async with world(leaving, fatal, ready, refuse=[None, 401, 404, 451]) as w, w.feed(kept(w.url, w.heard)) as heard:
        await heard.until(lambda: heard.ups() == 2)
    assert [word in lost for word, lost in zip(("401", "404", "451", "no use"), heard.losses()[1:], strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize("url", ["https://x", "ws://example.com", "wss://", "wss://u:p@host", "nonsense", "wss://h/#f"])
def test_an_address_that_is_no_safe_websocket_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="expected wss"):
        checked_url("Test", url)
