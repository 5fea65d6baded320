"""Polymarket's dead man's switch, kept by ingest: what rests is cancelled once nothing here can look after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from domain.market import Venue
from venues.polymarket.heartbeat import Heartbeat, KeyLock, Missed
from venues.wire import HttpWire
from workers import metrics
from workers.accounts import credentials_of, polymarket_ends, wallet_of
from workers.local.layout import Stack

log = structlog.get_logger(__name__)

_LOOK_S = 1.0


@asynccontextmanager
async def beating(stack: Stack) -> AsyncIterator[asyncio.Task[None] | None]:
    """Beats for the stack's API key while inside, if the settings say so; the task ends only by failing. Raises
    `Denied` through it while another process beats for the same key."""
    settings = stack.settings
    if not settings.polymarket.heartbeat or Venue.POLYMARKET not in settings.in_use:
        yield None
        return
    credentials = credentials_of(stack)
    wire = HttpWire("Polymarket CLOB", polymarket_ends(stack).clob_url)
    lock = KeyLock(stack.state_dir, credentials.key)
    heart = Heartbeat(wire, wallet_of(stack).address, credentials, lock, missed=_missed, back=_back)
    stop = asyncio.Event()
    task = asyncio.create_task(heart.run(stop))
    watching = asyncio.create_task(_watch(heart))
    try:
        yield task
    finally:
        stop.set()
        watching.cancel()
        await asyncio.gather(task, watching, return_exceptions=True)
        await wire.close()


async def _watch(heart: Heartbeat) -> None:
    while True:
        metrics.BEAT_SILENCE.set(heart.silent_s)
        await asyncio.sleep(_LOOK_S)


def _missed(missed: Missed) -> None:
    tell = log.error if missed.lapsed else log.warning
    tell("polymarket took no beat", why=missed.why, silent_s=round(missed.silent_s, 1), lapsed=missed.lapsed)


def _back(silent_s: float) -> None:
    log.info("polymarket takes beats again", silent_s=round(silent_s, 1))
