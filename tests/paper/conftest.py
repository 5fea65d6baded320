"""A paper exchange that plays the sample session on a free loopback port, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from paper.server import PaperConfig, PaperServer, start
from paper.session.playback import Spec
from recording.sources.session import RecordedSession
from tests.paper.sample import KEY_ID, Client, session


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


Launch = Callable[..., Awaitable[Client]]


@pytest.fixture
async def launch(tmp_path: Path, key: rsa.RSAPrivateKey, public_pem: str) -> AsyncIterator[Launch]:
    """Starts exchanges that play what they are given (default: the sample session) and stops them all afterwards."""
    servers: list[PaperServer] = []
    http = aiohttp.ClientSession()

    async def start_one(
        plays: RecordedSession | None = None, *, play: bool = True, speed: str = "1", **config: Any
    ) -> Client:
        shown = plays or session()
        settings = {"state_dir": tmp_path / "paper", "api_keys": {KEY_ID: public_pem}} | config
        server = await start(PaperConfig(**settings), open_session=lambda _: shown)
        servers.append(server)
        if play:
            await server.playback.play(Spec(recording="sample", speed=Decimal(speed)))
        return Client(server, key, http)

    yield start_one
    await http.close()
    for server in servers:
        await server.stop()


@pytest.fixture
async def venue(launch: Launch) -> Client:
    return await launch()
