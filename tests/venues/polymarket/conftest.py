"""A scripted venue and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.served import served
from tests.venues.polymarket.scripted import CREDENTIALS, WALLET, DeadLetters, Scripted, ticket
from tests.venues.scripted import NOW
from venues.polymarket.client import PolymarketClient
from venues.wire import Timeouts


@pytest.fixture
async def venue() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", scripted.handle)
    async with served(app) as scripted.base_url:
        scripted.plays()
        yield scripted


@pytest.fixture
def dead() -> DeadLetters:
    return []


@pytest.fixture
async def client(venue: Scripted, dead: DeadLetters) -> AsyncIterator[PolymarketClient]:
    timeouts = Timeouts(connect=30.0, submit=2.0, read=3.0)
    async with PolymarketClient(
        venue.services,
        WALLET,
        CREDENTIALS,
        clock=lambda: NOW,
        timeouts=timeouts,
        on_dead_letter=lambda kind, raw, why: dead.append((kind, raw, why)),
    ) as ours:
        yield ours


@pytest.fixture
async def order_id(client: PolymarketClient) -> str:
    """The id the one ticket's order has."""
    return (await client.prepare(ticket())).order_id
