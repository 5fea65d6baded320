"""Where requests go: one origin, encrypted unless on loopback, below a path only where that is meant."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest
from aiohttp import web

from domain.errors import BadInput
from tests.served import served
from venues.wire import AnswerLate, HttpWire, NotSent, Timeouts, WireFailure


@pytest.mark.parametrize(
    "url",
    [
        "clob.example.com",
        "ftp://clob.example.com",
        "http://clob.example.com",
        "https://user@clob.example.com",
        "https://clob.example.com/elsewhere",
        "https://clob.example.com?x=1",
    ],
)
def test_a_base_url_that_would_lead_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="A venue base URL"):
        HttpWire("A venue", url)


def test_a_root_that_is_known_is_taken_off_and_one_below_which_everything_lies_is_kept() -> None:
    assert HttpWire("A venue", "https://a.example/v2/", roots=("/v2",)).origin == "https://a.example"
    assert HttpWire("A venue", "https://a.example/gamma/", under=True).origin == "https://a.example/gamma"
    assert HttpWire("A venue", "http://127.0.0.1:7/gamma", under=True).origin == "http://127.0.0.1:7/gamma"


async def test_a_request_below_a_path_asks_there_and_hears_headers_in_any_case() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=request.path_qs, headers={"Retry-After": "3"})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    async with served(app) as origin:
        wire = HttpWire("A venue", f"{origin}/gamma", under=True)
        try:
            answer = await wire.exchange("GET", "/markets", timeout=2.0, params={"limit": 1})
        finally:
            await wire.close()
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (200, b"/gamma/markets?limit=1", "3")
    with pytest.raises(NotSent):
        await wire.exchange("GET", "/markets", timeout=2.0)
    await wire.close()


async def test_an_answer_that_trickles_for_ever_ends_with_its_time() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(300):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    async with served(app) as origin:
        wire = HttpWire("A venue", origin, timeouts=Timeouts(connect=0.2))
        began = time.monotonic()
        with pytest.raises(AnswerLate):
            await wire.exchange("GET", "/", timeout=0.3)
        assert time.monotonic() - began < 3
        await wire.close()


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_an_end_is_left_before_it_fills_the_memory(packed: bool) -> None:
    body, headers = b" " * (64 << 20), dict[str, str]()
    if packed:
        body, headers = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
    encodings: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        encodings.append(request.headers["Accept-Encoding"])
        return web.Response(body=body, headers=headers)

    app = web.Application()
    app.router.add_get("/", handle)
    async with served(app) as origin:
        wire = HttpWire("A venue", origin)
        with pytest.raises(WireFailure, match="more than 16 MiB"):
            await wire.exchange("GET", "/", timeout=5.0)
        await wire.close()
    assert encodings == ["identity"]
