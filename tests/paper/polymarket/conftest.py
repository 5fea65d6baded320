"""A paper exchange that plays the rain session on a free loopback port, and traders with keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, PaperServer, start
from paper.session.playback import Spec
from recording.sources.session import RecordedSession
from tests.paper.polymarket.clob import Trader, session

Launch = Callable[..., Awaitable[PaperServer]]

QUICK = {"mine_after_ms": 20, "confirm_after_ms": 20}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Launch]:
    """Starts exchanges that play what they are given (default: the rain session) and stops them all afterwards."""
    servers: list[PaperServer] = []

    async def start_one(
        plays: RecordedSession | None = None, *, config: dict[str, Any] | None = None, **polymarket: Any
    ) -> PaperServer:
        shown = plays or session()
        settings: dict[str, Any] = {"state_dir": tmp_path / "paper", "api_keys": {}} | (config or {})
        side = PolymarketConfig(**(QUICK | polymarket))
        server = await start(PaperConfig(**settings, polymarket=side), open_session=lambda _: shown)
        servers.append(server)
        await server.playback.play(Spec(recording="rain"))
        return server

    yield start_one
    for server in servers:
        await server.stop()


@pytest.fixture
async def venue(launch: Launch) -> PaperServer:
    return await launch()


@pytest.fixture
async def trader(venue: PaperServer, http: aiohttp.ClientSession) -> Trader:
    return await Trader.at(venue, http).enter()
