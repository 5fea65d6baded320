"""The dead man's switch: one owner a key, the id followed, every missed beat told. Against a real loopback server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from domain.errors import Denied
from tests.places import ROOT
from tests.served import served
from venues.polymarket.auth import verify_l2
from venues.polymarket.heartbeat import EVERY_S, HEARTBEAT_PATH, Heartbeat, KeyLock, Missed
from venues.polymarket.wallet import Credentials
from venues.wire import HttpWire

CREDENTIALS = Credentials("6f2f8a53-0a77-4b1c-9d0e-3a1c5b8e7f10", "c2VjcmV0LXNlY3JldA==", "open sesame")
ADDRESS = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"


class Venue:
    """Takes beats as the venue does: each answers the id of the next, a stale one is told what was expected."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.expected = ""
        self.answers: list[web.Response] = []  # said instead, first one first
        self.lose_next = False
        self.origin = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        assert verify_l2(CREDENTIALS, request.headers, "POST", HEARTBEAT_PATH, body)
        assert request.headers["POLY_ADDRESS"] == ADDRESS
        if self.answers:
            return self.answers.pop(0)
        given = json.loads(body)["heartbeat_id"]
        if given != self.expected:
            return web.json_response({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": self.expected}, status=400)
        self.taken.append(given)
        self.expected = f"beat-{len(self.taken)}"
        if self.lose_next:
            self.lose_next = False
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"heartbeat_id": self.expected})


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    made = Venue()
    app = web.Application()
    app.router.add_post(HEARTBEAT_PATH, made.take)
    async with served(app) as made.origin:
        yield made


class Owner:
    """A heartbeat under a clock of its own: each pause moves it on."""

    def __init__(self, venue: Venue, folder: Path, beats: int = 0) -> None:
        self.missed: list[Missed] = []
        self.back: list[float] = []
        self.pauses: list[float] = []
        self.now = 100.0
        self.stop = asyncio.Event()
        self._beats = beats
        self.wire = HttpWire("polymarket", venue.origin)
        self.heart = Heartbeat(
            self.wire,
            ADDRESS,
            CREDENTIALS,
            KeyLock(folder, CREDENTIALS.key),
            missed=self.missed.append,
            back=self.back.append,
            clock=lambda: self.now,
            pause=self.pause,
        )

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if len(self.pauses) >= self._beats:
            self.stop.set()

    async def run(self) -> None:
        await self.heart.run(self.stop)
        await self.wire.close()


async def test_each_beat_carries_the_id_the_last_one_was_answered(venue: Venue, tmp_path: Path) -> None:
    owner = Owner(venue, tmp_path, beats=4)
    await owner.run()
    assert venue.taken == ["", "beat-1", "beat-2", "beat-3"]
    assert owner.pauses == [EVERY_S] * 4
    assert owner.missed == []
    assert owner.heart.armed


async def test_a_beat_whose_answer_was_lost_is_found_by_the_id_the_venue_expects(venue: Venue, tmp_path: Path) -> None:
    owner = Owner(venue, tmp_path, beats=3)
    venue.lose_next = True
    await owner.run()
    assert venue.taken == ["", "beat-1", "beat-2"]  # none twice, and the stale one was set right at once
    assert [miss.in_a_row for miss in owner.missed] == [1]
    assert "no answer" in owner.missed[0].why
    assert not owner.missed[0].lapsed
    assert owner.pauses == [1.0, EVERY_S, EVERY_S]
    assert owner.back == [1.0]


async def test_a_process_that_starts_anew_takes_over_the_running_series(venue: Venue, tmp_path: Path) -> None:
    await Owner(venue, tmp_path, beats=2).run()
    second = Owner(venue, tmp_path, beats=1)
    await second.run()
    assert venue.taken == ["", "beat-1", "beat-2"]
    assert second.missed == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(429, '{"error":"Too Many Requests"}'), (503, "down"), (401, '{"error":"Unauthorized"}'), (200, "{}"), (200, "?")],
)
async def test_every_other_answer_is_a_missed_beat_and_tried_again_after_a_second(
    venue: Venue, tmp_path: Path, status: int, body: str
) -> None:
    owner = Owner(venue, tmp_path, beats=4)
    venue.answers = [web.Response(status=status, text=body) for _ in range(3)]
    await owner.run()
    assert [miss.in_a_row for miss in owner.missed] == [1, 2, 3]
    assert [miss.silent_s for miss in owner.missed] == [0.0, 1.0, 2.0]
    assert all(f"HTTP {status}" in miss.why for miss in owner.missed)
    assert owner.pauses == [1.0, 1.0, 1.0, EVERY_S]
    assert owner.back == [3.0]
    assert not any(miss.lapsed for miss in owner.missed)  # never armed: nothing can have been cancelled


async def test_ten_seconds_without_a_beat_mean_that_the_venue_may_have_cancelled_everything(
    venue: Venue, tmp_path: Path
) -> None:
    owner = Owner(venue, tmp_path, beats=9)
    assert await owner.heart.beat()
    venue.answers = [web.Response(status=500, text="") for _ in range(7)]
    owner.now += 5
    await owner.run()
    assert [miss.lapsed for miss in owner.missed] == [False] * 5 + [True] * 2
    assert owner.back == [12.0]


async def test_an_id_that_stays_stale_says_that_somebody_else_beats(venue: Venue, tmp_path: Path) -> None:
    owner = Owner(venue, tmp_path, beats=1)
    stale = json.dumps({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "another"})
    venue.answers = [web.Response(status=400, text=stale) for _ in range(2)]
    await owner.run()
    assert [miss.why for miss in owner.missed] == ["the id was stale twice in a row: somebody else beats for this key"]


async def test_a_venue_that_is_away_is_a_missed_beat(tmp_path: Path) -> None:
    away = Venue()
    away.origin = "http://127.0.0.1:9"
    owner = Owner(away, tmp_path, beats=2)
    await owner.run()
    assert len(owner.missed) == 2
    assert not owner.heart.armed


async def test_a_second_owner_of_the_key_in_this_process_refuses(venue: Venue, tmp_path: Path) -> None:
    owner = Owner(venue, tmp_path, beats=1)
    with KeyLock(tmp_path, CREDENTIALS.key), pytest.raises(Denied, match=f"process {os.getpid()} already") as denied:
        await owner.run()
    assert denied.value.code == "heartbeat_owned"
    assert venue.taken == []
    await owner.run()
    assert venue.taken == [""]


def test_a_second_process_refuses_until_the_first_is_gone_however_it_went(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from venues.polymarket.heartbeat import KeyLock\n"
            "KeyLock(Path(sys.argv[1]), sys.argv[2]).take(); print('held', flush=True); time.sleep(60)",
            str(tmp_path),
            CREDENTIALS.key,
        ],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        lock = KeyLock(tmp_path, CREDENTIALS.key)
        with pytest.raises(Denied, match=f"process {holder.pid} already"):
            lock.take()
        with KeyLock(tmp_path, "another key"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with lock:
            assert lock.path.read_text() == f"{os.getpid()}\n"
        assert CREDENTIALS.key not in lock.path.name
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


async def test_stopping_ends_the_wait_at_once(venue: Venue, tmp_path: Path) -> None:
    wire = HttpWire("polymarket", venue.origin)
    stop, waiting = asyncio.Event(), asyncio.Event()

    async def forever(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    lock = KeyLock(tmp_path, CREDENTIALS.key)
    heart = Heartbeat(wire, ADDRESS, CREDENTIALS, lock, missed=lambda miss: pytest.fail(miss.why), pause=forever)
    running = asyncio.create_task(heart.run(stop))
    await waiting.wait()
    stop.set()
    await running
    await wire.close()
    with lock:  # let go
        assert heart.armed
