"""A venue's socket is opened where it was configured: a redirect takes neither headers nor secrets to another host."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

from tests.places import ROOT
from tests.venues.loopback import Loopback, loopback
from venues.dial import dial

SECRET = {"X-Secret": "the signature"}


@asynccontextmanager
async def sending_to(location: str, status: int) -> AsyncIterator[str]:
    """A venue that answers every handshake with a redirect."""

    def handshake(_: ServerConnection, request: Request) -> Response:
        assert request.headers["X-Secret"] == SECRET["X-Secret"]
        head = Headers({"Location": location, "Content-Length": "0", "Connection": "close"})
        return Response(status, HTTPStatus(status).phrase, head)

    async def never(ws: ServerConnection) -> None:
        raise AssertionError("a refused handshake opened a socket")

    async with serve(never, "127.0.0.1", 0, process_request=handshake) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_of_the_handshake_is_a_refusal_and_nothing_reaches_the_other_host(status: int) -> None:
    async def hear(ws: ServerConnection) -> None:
        await ws.recv()

    other: Loopback
    async with loopback(hear) as other, sending_to(f"{other.url}/ws", status) as url:
        with pytest.raises(InvalidStatus) as refused:
            await dial(url, open_s=5, headers=SECRET)
    assert refused.value.response.status_code == status
    assert other.requests == []


@pytest.mark.parametrize("location", ["http://[", "", "gopher://x", "ws://127.0.0.1:99999999/"])
async def test_a_redirect_to_what_is_no_address_is_a_refusal_too(location: str) -> None:
    async with sending_to(location, 302) as url:
        with pytest.raises(InvalidStatus):
            await dial(url, open_s=5, headers=SECRET)


def test_every_client_opens_its_sockets_here() -> None:
    opens = re.compile(r"^from websockets\S* import .*\bconnect\b|^import websockets|websockets\.connect", re.MULTILINE)
    code = [
        file
        for room in ("venues", "ingest", "recording", "workers", "activities", "cli")
        for file in (ROOT / room).rglob("*.py")
    ]
    assert [file.name for file in code if opens.search(file.read_text(encoding="utf-8"))] == ["dial.py"]
