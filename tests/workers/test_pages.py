"""A command that asks a page of its own stack hears an end, whoever listens on that port."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from aiohttp import web

from tests.served import served
from workers.local import pages
from workers.local.pages import NoAnswer, ask


async def asked(origin: str, timeout: float = 5.0) -> bytes:
    answer = await asyncio.to_thread(ask, "POST", f"{origin}/a?b=1", timeout=timeout, body={"x": 1})
    return answer.body


def app_of(handle: object) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)  # type: ignore[arg-type]
    return app


async def test_a_page_is_asked_with_json_and_nothing_packed() -> None:
    async def handle(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.json_response({"path": request.path_qs, "body": await request.json()})

    async with served(app_of(handle)) as origin:
        assert json.loads(await asked(origin)) == {"path": "/a?b=1", "body": {"x": 1}}
    with pytest.raises(NoAnswer):
        await asked(origin)


async def test_a_page_that_trickles_ends_with_its_time() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async with served(app_of(handle)) as origin:
        with pytest.raises(NoAnswer, match="Timeout"):
            await asked(origin, 0.3)


async def test_a_page_that_unpacks_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MOST_BYTES", 1 << 20)
    packed = gzip.compress(b" " * (64 << 20))

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with served(app_of(handle)) as origin:
        with pytest.raises(NoAnswer, match="more than 1 MiB"):
            await asked(origin)
