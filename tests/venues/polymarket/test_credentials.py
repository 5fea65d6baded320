"""API credentials are derived, created only where there are none, and never shown. Against a real loopback server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from domain.errors import Rejected, SurefootError, Unavailable
from tests.served import served
from venues.polymarket.auth import CREATE_KEY_PATH, DERIVE_KEY_PATH, recover_l1
from venues.polymarket.credentials import credentials_for
from venues.polymarket.wallet import Wallet
from venues.wire import HttpWire

WALLET = Wallet.from_hex("4c" * 32)
GIVEN = {"apiKey": "a-key", "secret": "c2VjcmV0LXNlY3JldA==", "passphrase": "open sesame"}


class Venue:
    def __init__(self) -> None:
        self.made = False
        self.created = 0
        self.answer: web.Response | None = None
        self.origin = ""

    async def derive(self, request: web.Request) -> web.Response:
        assert recover_l1(request.headers) == WALLET.address
        if self.answer is not None:
            return self.answer
        if not self.made:
            return web.json_response({"error": "Could not derive api key!"}, status=400)
        return web.json_response(GIVEN)

    async def create(self, request: web.Request) -> web.Response:
        assert recover_l1(request.headers) == WALLET.address
        self.made, self.created = True, self.created + 1
        return web.json_response(GIVEN)


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    made = Venue()
    app = web.Application()
    app.router.add_get(DERIVE_KEY_PATH, made.derive)
    app.router.add_post(CREATE_KEY_PATH, made.create)
    async with served(app) as made.origin:
        yield made


async def test_they_are_created_once_and_derived_ever_after(venue: Venue) -> None:
    wire = HttpWire("polymarket", venue.origin)
    for _ in range(2):
        credentials = await credentials_for(wire, WALLET)
        assert (credentials.key, credentials.secret, credentials.passphrase) == tuple(GIVEN.values())
    assert venue.created == 1
    await wire.close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, "{}", Unavailable),
        (200, '{"apiKey":"k","secret":"?","passphrase":"hidden words"}', Unavailable),
        (503, "", Unavailable),
        (429, "", Unavailable),
        (401, '{"error":"Invalid L1 Request headers"}', Rejected),
    ],
)
async def test_every_other_answer_gives_none_and_creates_none(
    venue: Venue, status: int, body: str, error: type[SurefootError]
) -> None:
    wire = HttpWire("polymarket", venue.origin)
    venue.answer = web.Response(status=status, text=body)
    with pytest.raises(error) as raised:
        await credentials_for(wire, WALLET)
    assert "hidden words" not in raised.value.message
    assert venue.created == 0
    await wire.close()


async def test_a_venue_that_is_away_gives_none() -> None:
    wire = HttpWire("polymarket", "http://127.0.0.1:9")
    with pytest.raises(Unavailable):
        await credentials_for(wire, WALLET)
    await wire.close()
