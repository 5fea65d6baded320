"""Ingest keeps the dead man's switch where the settings say so: one process for a key, and silence is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from domain.errors import Denied
from tests.served import served
from tests.workers.test_accounts import BOTH, started
from workers import metrics
from workers.dead_mans_switch import beating
from workers.local.layout import Stack

BEATING = BOTH | {"SUREFOOT_POLYMARKET__HEARTBEAT": "true"}


class Venue:
    """Takes every beat, and counts them."""

    def __init__(self) -> None:
        self.beats = 0
        self.first = asyncio.Event()

    async def beat(self, request: web.Request) -> web.Response:
        self.beats += 1
        self.first.set()
        return web.json_response({"heartbeat_id": f"beat-{self.beats}"})


@pytest.fixture
async def venue() -> AsyncIterator[tuple[Venue, str]]:
    made, app = Venue(), web.Application()
    app.router.add_post("/v1/heartbeats", made.beat)
    async with served(app) as origin:
        yield made, origin


def at(stack: Stack, url: str) -> Stack:
    assert stack.polymarket is not None
    return replace(stack, polymarket=replace(stack.polymarket, clob_url=url))


async def test_beats_go_out_while_inside_and_end_with_it(tmp_path: Path, venue: tuple[Venue, str]) -> None:
    stack = at(started(tmp_path, BEATING), venue[1])
    async with beating(stack) as task:
        assert task is not None
        await asyncio.wait_for(venue[0].first.wait(), 10)
        assert not task.done()
    assert task.done()
    assert metrics.BEAT_SILENCE is not None


async def test_a_second_process_for_the_same_key_is_refused(tmp_path: Path, venue: tuple[Venue, str]) -> None:
    stack = at(started(tmp_path, BEATING), venue[1])
    async with beating(stack):
        await asyncio.wait_for(venue[0].first.wait(), 10)
        async with beating(stack) as second:
            assert second is not None
            with pytest.raises(Denied, match="already beats"):
                await asyncio.wait_for(second, 10)


@pytest.mark.parametrize("environ", [{}, BOTH, {"SUREFOOT_POLYMARKET__HEARTBEAT": "true"}])
async def test_nothing_beats_unless_polymarket_is_in_use_and_the_switch_is_on(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    async with beating(started(tmp_path, environ)) as task:
        assert task is None
