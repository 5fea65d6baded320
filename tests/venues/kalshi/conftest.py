"""A scripted venue, a client of it, and one key pair for all of this room's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.served import served
from tests.venues.kalshi.fake import FakeKalshi
from tests.venues.scripted import NOW
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer, generate_rsa_key
from venues.wire import Timeouts

KEY_ID = "3d6a1b1e-0000-4000-8000-00000000000a"


@pytest.fixture(scope="session")
def key_pair() -> tuple[bytes, bytes]:
    return generate_rsa_key()


@pytest.fixture(scope="session")
def signer(key_pair: tuple[bytes, bytes]) -> Signer:
    return Signer.from_pem(KEY_ID, key_pair[0])


@pytest.fixture
async def venue() -> AsyncIterator[FakeKalshi]:
    fake = FakeKalshi()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", fake.handle)
    async with served(app) as fake.base_url:
        yield fake


@pytest.fixture
async def client(venue: FakeKalshi, signer: Signer) -> AsyncIterator[KalshiClient]:
    # Longer than a busy machine takes: what is late there would be taken for what a test is about.
    timeouts = Timeouts(connect=30.0, submit=2.0, read=3.0)
    async with KalshiClient(venue.base_url, signer, clock=lambda: NOW, timeouts=timeouts) as ours:
        yield ours
