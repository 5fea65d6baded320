"""The door to the Temporal UI lets in who has a link of `surefoot ui`, once, and no page of another site."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.served import served
from workers.ui_door.door import COOKIE, Door
from workers.ui_door.idle import Idle
from workers.ui_door.keys import DoorKeys
from workers.ui_door.pages import Pages
from workers.ui_door.tokens import Sessions, TokenFolder

KEYS = DoorKeys("only-the-door.invalid", "/f0lder")
PAGES = Pages(
    {"/_app/start.js": (b"go()", "text/javascript")}, b"<html>the UI</html>", ("'sha256-x'",), {"Version": "2"}
)
WORKFLOWS = "/f0lder/api/v1/namespaces/default/workflows"


class Opened:
    """A door in front of an API that tells what reached it."""

    def __init__(self, folder: Path) -> None:
        self.tokens = TokenFolder(folder / "tokens")
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.answer = b'{"executions":[]}'

    async def api(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.raw_path, request.headers["Host"], await request.read()))
        assert "Cookie" not in request.headers
        assert "X-Forwarded-Host" not in request.headers
        return web.Response(body=self.answer, headers={"Set-Cookie": "theirs=1", "Content-Type": "text/html"})

    async def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, aiohttp.ClientResponse, bytes]:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.request(method, f"{self.url}{path}", headers=headers, data=body, allow_redirects=False) as answer,
        ):
            return answer.status, answer, await answer.read()

    async def session(self) -> dict[str, str]:
        status, answer, _ = await self.request("GET", f"/f0lder/open?token={self.tokens.issue()}")
        assert status == 303
        return {"Cookie": f"{COOKIE}={answer.cookies[COOKIE].value}"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Opened]:
    opened = Opened(tmp_path)
    api = web.Application()
    api.router.add_route("*", "/{any:.*}", opened.api)

    async def pages() -> Pages:
        return PAGES

    async with served(api) as url:
        runner = await Door(KEYS, opened.tokens, pages, url).listen("127.0.0.1", 0)
        opened.port = int(runner.addresses[0][1])
        yield opened
        await runner.cleanup()


async def test_a_link_opens_one_session_and_the_page_and_its_questions_come_through(door: Opened) -> None:
    token = door.tokens.issue()
    to = "/namespaces/default/workflows?query=TradeState%3D%27STUCK%27"
    status, answer, _ = await door.request("GET", f"/f0lder/open?token={token}&to={to}")
    assert (status, answer.headers["Location"]) == (
        303,
        "/f0lder/namespaces/default/workflows?query=TradeState='STUCK'",
    )
    cookie = answer.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/f0lder")

    shown = {"Cookie": f"{COOKIE}={cookie.value}"}
    status, answer, body = await door.request("GET", answer.headers["Location"], shown)
    assert (status, body) == (200, PAGES.start)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "'sha256-x'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    status, answer, body = await door.request("GET", "/f0lder/_app/start.js", shown)
    assert (status, body, answer.headers["Content-Type"]) == (200, b"go()", "text/javascript")

    status, answer, body = await door.request("GET", f"{WORKFLOWS}?query=a%20%3D%20%27b%27&nextPageToken=", shown)
    assert (status, body, answer.headers["Content-Type"]) == (200, door.answer, "application/json")
    assert "Set-Cookie" not in answer.headers
    ((method, path, host, _),) = door.asked
    assert (method, host) == ("GET", KEYS.host)
    assert path.startswith("/api/v1/namespaces/default/workflows?query=a+%3D+'b'")

    status, _, _ = await door.request("GET", f"/f0lder/open?token={token}")
    assert status == 401, "a link works once"


async def test_of_many_who_show_one_token_at_once_one_comes_in(door: Opened) -> None:
    token = door.tokens.issue()
    asked = [door.request("GET", f"/f0lder/open?token={token}") for _ in range(20)]
    statuses = [status for status, _, _ in await asyncio.gather(*asked)]
    assert sorted(set(statuses)) == [303, 401]
    assert statuses.count(303) == 1


@pytest.mark.parametrize("token", ["", "x", "../x", "%00", "a" * 5_000, "."])
async def test_no_other_token_opens(door: Opened, token: str) -> None:
    door.tokens.issue()
    status, answer, body = await door.request("GET", f"/f0lder/open?token={token}")
    assert status == 401
    assert COOKIE not in answer.cookies
    assert b"surefoot ui" in body


def test_a_token_is_too_old_after_ten_minutes_and_is_swept_up(tmp_path: Path) -> None:
    now = [0.0]
    folder = tmp_path / "tokens"
    token = TokenFolder(folder).issue()
    now[0] = next(folder.iterdir()).stat().st_mtime + 601
    assert not TokenFolder(folder, lambda: now[0]).use(token)
    TokenFolder(folder).issue()
    now[0] += 1
    TokenFolder(folder, lambda: now[0]).issue()
    assert len(list(folder.iterdir())) == 1
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_session_ends_and_a_crowd_of_them_ends_the_oldest() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    first = sessions.open()
    assert sessions.holds(["of another port", first])
    assert not sessions.holds([])
    now[0] = 12 * 3_600.0
    assert not sessions.holds([first])
    crowd = [sessions.open() for _ in range(17)]
    assert [sessions.holds([each]) for each in crowd] == [False] + [True] * 16


async def test_cookies_that_another_port_has_set_do_not_hide_ours(door: Opened) -> None:
    ours = (await door.session())["Cookie"]
    theirs = "; ".join(f"{COOKIE}=x{n}" for n in range(60))
    assert (await door.request("GET", "/f0lder/", {"Cookie": f"{theirs}; {ours}; {theirs}"}))[0] == 200
    assert (await door.request("GET", "/f0lder/", {"Cookie": theirs}))[0] == 401


async def test_what_fails_inside_is_told_without_the_request(
    door: Opened, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(TokenFolder, "use", broken)
    status, _, body = await door.request("GET", "/f0lder/open?token=s3cret")
    assert (status, b"s3cret" in body) == (500, False)
    assert "s3cret" not in capsys.readouterr().out


async def test_without_a_session_nothing_is_shown_but_how_to_get_one(door: Opened) -> None:
    for path in ("/", "/f0lder/", WORKFLOWS, "/f0lder/_app/start.js", "/f0lder/api/v1/settings", "/api/v1/namespaces"):
        for headers in ({}, {"Cookie": f"{COOKIE}=guessed"}, {"Authorization": "Bearer x"}):
            status, _, body = await door.request("GET", path, headers)
            assert (status, b"surefoot ui" in body) == (401, True), path
    assert (await door.request("GET", "/healthz"))[0] == 200
    assert door.asked == []


@pytest.mark.parametrize(
    "stranger",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_page_of_another_site_is_refused_even_with_a_session_and_a_token(
    door: Opened, stranger: dict[str, str]
) -> None:
    headers = await door.session() | stranger
    token = door.tokens.issue()
    for path in ("/healthz", "/f0lder/", WORKFLOWS, f"/f0lder/open?token={token}"):
        assert (await door.request("GET", path, headers))[0] == 403, path
    assert (await door.request("POST", f"{WORKFLOWS}/i-1/query/record", headers, b"{}"))[0] == 403
    assert door.asked == []
    assert door.tokens.use(token), "it was not used up either"


async def test_the_page_may_ask_a_trade_and_change_nothing(door: Opened) -> None:
    ours = await door.session() | {"Origin": door.url, "Content-Type": "text/plain"}
    status, _, _ = await door.request("POST", f"{WORKFLOWS}/i-1/query/record", ours, b'{"query":{}}')
    assert status == 200
    assert door.asked == [("POST", "/api/v1/namespaces/default/workflows/i-1/query/record", KEYS.host, b'{"query":{}}')]
    del door.asked[:]
    for method, path in [
        ("POST", f"{WORKFLOWS}/evil"),
        ("POST", f"{WORKFLOWS}/i-1/terminate"),
        ("POST", f"{WORKFLOWS}/i-1/cancel"),
        ("POST", f"{WORKFLOWS}/i-1/query/record/terminate"),
        ("POST", f"{WORKFLOWS}/i-1/signal/force_flat"),
        ("PUT", f"{WORKFLOWS}/i-1"),
        ("DELETE", "/f0lder/api/v1/namespaces/default/schedules/reconcile"),
        ("POST", "/f0lder/api/v1/namespaces/default/batch-operations/b"),
        ("PATCH", f"{WORKFLOWS}/i-1"),
    ]:
        status, _, body = await door.request(method, path, ours, b"{}")
        assert (status, b"surefoot unwind" in body) == (403, True), (method, path)
    assert (await door.request("POST", "/f0lder/", ours, b"{}"))[0] == 405
    assert (await door.request("POST", f"{WORKFLOWS}/i-1/query/q", await door.session(), b"{}"))[0] == 403
    assert door.asked == []
    _, _, body = await door.request("GET", "/f0lder/api/v1/settings", ours)
    assert b'"WorkflowTerminateDisabled": true' in body
    assert door.asked == []


async def raw(door: Opened, request: bytes, patience_s: float = 30.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(request)
    await writer.drain()
    answer = bytearray()
    try:
        async with asyncio.timeout(patience_s):
            while more := await reader.read(4_096):
                answer += more
    except TimeoutError:
        pass
    finally:
        writer.close()
    return bytes(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/f0lder/api/v1/../../nexus/x",
        "/f0lder/api/v1/%2e%2e/%2e%2e/nexus/x",
        "/f0lder/..%2f..%2fkeys/ui_door.json",
        "/f0lder/../keys/ui_door.json",
        "/f0lder//etc/passwd",
        "/f0lder/api/v1/..%5cx",
        "/f0lder/_app/%00",
        "/f0lder/api/v1/namespaces/a%2Fb",
    ],
)
async def test_no_path_leads_out_of_the_pages_and_the_api(door: Opened, path: str) -> None:
    (cookie,) = (await door.session()).values()
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    assert b" 400 " in (await raw(door, request.encode())).splitlines()[0]
    assert door.asked == []


async def test_a_smuggled_request_does_not_reach_the_api(door: Opened) -> None:
    (cookie,) = (await door.session()).values()
    evil = b"POST /api/v1/namespaces/default/workflows/evil HTTP/1.1\r\nHost: only-the-door.invalid\r\n\r\n"
    head = (
        f"POST {WORKFLOWS}/i-1/query/q HTTP/1.1\r\nHost: 127.0.0.1:{door.port}\r\nOrigin: {door.url}\r\n"
        f"Cookie: {cookie}\r\n"
    ).encode()
    for sizes in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 90\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: +5\r\n",
        b"X: a\r\n b\r\nContent-Length: 0\r\nHost: evil.example\r\n",
    ):
        await raw(door, head + sizes + b"\r\n0\r\n\r\n" + evil, 0.7)
    assert [path for method, path, _, _ in door.asked if "evil" in path] == []


async def test_large_bodies_headers_and_answers_are_cut_off(door: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = await door.session() | {"Origin": door.url}
    assert (await door.request("POST", f"{WORKFLOWS}/i-1/query/q", ours, b" " * 300_000))[0] == 413
    assert (await door.request("GET", f"{WORKFLOWS}?q={'a' * 8_001}", ours))[0] in (400, 403)
    assert (await door.request("GET", WORKFLOWS, ours | {"X": "a" * 20_000}))[0] == 400
    assert door.asked == []
    monkeypatch.setattr("workers.ui_door.door._LARGEST_ANSWER", 10)
    assert (await door.request("GET", WORKFLOWS, ours))[0] == 502


async def test_who_asks_to_switch_protocols_gets_no_socket(door: Opened) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert (await door.request("GET", WORKFLOWS, headers | {"Origin": "http://evil.example"}))[0] == 403
    assert (await door.request("GET", WORKFLOWS, headers | await door.session()))[0] == 200, "an answer like any other"


async def test_a_link_leads_to_no_other_site(door: Opened) -> None:
    for to in ("//evil.example", "/\\evil.example", "http://evil.example", "/namespaces//evil", "/healthz", "x"):
        token = door.tokens.issue()
        status, answer, _ = await door.request("GET", f"/f0lder/open?token={token}&to={to}")
        assert (status, "Location" in answer.headers) == (400, False), to


async def test_connections_that_never_ask_are_cut_and_leave_the_door_open(tmp_path: Path) -> None:
    async def pages() -> Pages:
        return PAGES

    door = Door(KEYS, TokenFolder(tmp_path), pages, "http://127.0.0.1:1")
    door._idle = Idle(0.5)
    runner = await door.listen("127.0.0.1", 0)
    port = int(runner.addresses[0][1])
    slow = []
    for _ in range(80):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
        one.setblocking(False)
        slow.append(one)
    loop = asyncio.get_running_loop()
    assert await asyncio.wait_for(asyncio.gather(*(_end(loop, one) for one in slow)), 20) == [b""] * 80
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.status == 200
    await runner.cleanup()


async def _end(loop: asyncio.AbstractEventLoop, one: socket.socket) -> bytes:
    try:
        return await loop.sock_recv(one, 1)
    except ConnectionResetError:
        return b""
    finally:
        one.close()
