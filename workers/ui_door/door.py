"""The door itself: what it answers, to whom, and with which headers.

| request                              | answer                                                                      |
|--------------------------------------|-----------------------------------------------------------------------------|
| Host other than this machine, Origin | 403, whatever else it has: see `config.loopback`                            |
| other than ours, another site's page |                                                                             |
| `/healthz`                           | `ok`                                                                        |
| FOLDER`/open?token=…&to=/…`          | the first time: a session's cookie, and on to the page; afterwards 401      |
| anything else without a session      | 401 and what to do                                                          |
| FOLDER`/api/v1/…`, reading           | Temporal's answer: GET, and POST of a query, which changes nothing          |
| FOLDER`/api/v1/…`, anything else     | 403: trades are acted on with `surefoot unwind` and its like, which sign    |
| FOLDER`/…`                           | a page or a file of the Temporal UI                                         |

No request is passed on as it came: method, path and body are checked and sent anew, with headers of our own.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from config.loopback import SAFE_HEADERS, refusal
from domain.errors import SurefootError
from workers.ui_door.idle import Idle
from workers.ui_door.keys import DoorKeys
from workers.ui_door.pages import Pages
from workers.ui_door.tokens import Sessions, TokenFolder

log = structlog.get_logger(__name__)

COOKIE = "surefoot_ui"
_API = "/api/v1/"
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!2[fF]|5[cC]|00)[0-9A-Fa-f]{2})*)*")
_UP = re.compile(r"(?:/|^)(?:\.|%2[eE]){1,2}(?:/|$)")
_QUERY = re.compile(r"/api/v1/namespaces/[^/]+/workflows/[^/]+/query/[^/]+")
_LONGEST_URL = 8_000
_LONGEST_BODY = 256_000
_LARGEST_ANSWER = 64_000_000
_BODY_S = 10.0
_ANSWER = aiohttp.ClientTimeout(total=120, connect=5)  # the UI waits up to a minute for a trade's next event
_PLAIN_JSON = "application/json+no-payload-shorthand"  # as the UI's own server asks
_NO_WRITING = (
    "DisableWriteActions", "WorkflowTerminateDisabled", "WorkflowCancelDisabled", "WorkflowSignalDisabled",
    "WorkflowUpdateDisabled", "WorkflowResetDisabled", "WorkflowPauseDisabled", "BatchActionsDisabled",
    "StartWorkflowDisabled", "ActivityCommandsDisabled",
)  # fmt: skip
_CLOSED = "This page needs a session of its own. Run `surefoot ui` and open the link that it prints; it works once.\n"


class Door:
    """`pages` is asked for at the first visit, `api` is Temporal's HTTP API (`http://127.0.0.1:PORT`)."""

    def __init__(self, keys: DoorKeys, tokens: TokenFolder, pages: Callable[[], Awaitable[Pages]], api: str) -> None:
        self._keys = keys
        self._tokens = tokens
        self._sessions = Sessions()
        self._pages = pages
        self._taken: Pages | None = None
        self._taking = asyncio.Lock()
        self._api = URL(api)
        self._idle = Idle()
        self._http: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=_LONGEST_BODY)
        app.router.add_route("*", "/{any:.*}", self._answer)
        app.cleanup_ctx.append(self._client)
        return app

    async def listen(self, host: str, port: int) -> web.AppRunner:
        """Serves until the runner is cleaned up. Nothing is logged of requests: a link holds a token."""
        runner = web.AppRunner(self.app(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        self._idle.watch(runner)
        return runner

    async def _client(self, app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            timeout=_ANSWER, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True, trust_env=False
        ) as self._http:
            yield
        await self._idle.stop()

    # ------------------------------------------------------------------ who may come in

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        with self._idle.busy(request):
            reading = request.method in {"GET", "HEAD"}
            why = refusal(request.method, request.headers)
            # The UI does not say that its bodies are JSON; that they are its own a browser says by the Origin.
            if why is None and not reading and request.headers.get("Origin") is None:
                why = f"a {request.method} without Origin was sent; expected the UI's own page to send it"
            if why is None and len(request.raw_path) > _LONGEST_URL:
                why = f"a URL of {len(request.raw_path)} characters was asked; expected at most {_LONGEST_URL}"
            if why is not None:
                log.warning("a request was refused", why=why)
                return _said(403, f"{why}\n")
            try:
                response = await handler(request)
            except web.HTTPRequestEntityTooLarge:
                response = _said(413, f"at most {_LONGEST_BODY} bytes are taken\n")
            except (TimeoutError, aiohttp.ClientError) as error:
                response = _said(504, f"Temporal did not answer: {type(error).__name__}; see `surefoot status`\n")
            except SurefootError as error:
                response = _said(503, f"{error.message}\n")
            except Exception as error:  # never the request's own words: they may be a link
                log.error("a request failed", error=type(error).__name__, path_length=len(request.raw_path))  # noqa: TRY400
                response = _said(500, "the door failed; see its log\n")
            return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, base = request.rel_url.raw_path, self._keys.path
        if path == "/healthz":
            return _said(200, "ok\n")
        if path == f"{base}/open" and request.method == "GET":
            return self._open(request)
        if not self._sessions.holds(_cookies(request)):
            return _said(401, _CLOSED)
        if not (path == base or path.startswith(f"{base}/")):
            return _said(404, "nothing lives here; run `surefoot ui` for the link\n")
        inner = path.removeprefix(base) or "/"
        if not _PATH.fullmatch(inner) or _UP.search(inner) or "//" in inner:
            return _said(400, "this path is not one of the UI's\n")
        if inner.startswith(_API):
            return await self._ask(request, inner)
        if request.method not in {"GET", "HEAD"}:
            return _said(405, "pages are only read\n")
        return await self._page(inner)

    def _open(self, request: web.Request) -> web.Response:
        to = request.query.get("to", "/")
        if not re.fullmatch(r"/(?:namespaces/[^\\\x00-\x1f\x7f]*)?", to) or "//" in to:
            return _said(400, "`to` is no page of the UI\n")
        if not self._tokens.use(request.query.get("token", "")):
            log.warning("a token was refused", reason="unknown, used or older than ten minutes")
            return _said(401, "This link was used already or is older than ten minutes. " + _CLOSED)
        answer = _said(303, "")
        answer.headers["Location"] = str(URL(f"{self._keys.path}{to}"))
        answer.set_cookie(COOKIE, self._sessions.open(), path=self._keys.path, httponly=True, samesite="Strict")
        log.info("a session of the UI was opened")
        return answer

    # ------------------------------------------------------------------ what they see

    async def _all_pages(self) -> Pages:
        async with self._taking:
            if self._taken is None:
                self._taken = await self._pages()
            return self._taken

    async def _page(self, inner: str) -> web.Response:
        pages = await self._all_pages()
        policy = {"Content-Security-Policy": _policy(pages)}  # of files too: a worker goes by its own file's
        found = pages.files.get(inner)
        if found is not None:
            body, kind = found
            return _told(200, body, kind, policy | {"Cache-Control": "private, max-age=3600"})
        if inner.startswith("/_app/"):
            return _said(404, "no such file\n")
        return _told(200, pages.start, "text/html; charset=utf-8", policy)

    async def _ask(self, request: web.Request, inner: str) -> web.StreamResponse:
        if inner == f"{_API}settings":
            settings = (
                (await self._all_pages()).settings | dict.fromkeys(_NO_WRITING, True) | {"DisableNewsFetch": True}
            )
            return _told(200, json.dumps(settings).encode(), "application/json", {})
        asks = request.method == "POST" and _QUERY.fullmatch(inner)
        if request.method != "GET" and not asks:
            return _said(
                403, "this page only looks; act on a trade with `surefoot unwind`, `hold`, `retry` or `flat`\n"
            )
        async with asyncio.timeout(_BODY_S):
            body = await request.read() if asks else None
        assert self._http is not None
        target = self._api.with_path(inner, encoded=True).with_query(request.rel_url.query)
        headers = {"Host": self._keys.host, "Accept": _PLAIN_JSON, "Accept-Encoding": "identity"}
        if asks:
            headers["Content-Type"] = _PLAIN_JSON
        async with self._http.request(
            request.method, target, headers=headers, data=body, allow_redirects=False
        ) as answer:
            told = await _at_most(answer, _LARGEST_ANSWER)
            if told is None:
                return _said(502, f"Temporal's answer has more than {_LARGEST_ANSWER} bytes\n")
            return _told(answer.status if answer.status >= 400 else 200, told, "application/json", {})


async def _at_most(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    read = bytearray()
    async for chunk in answer.content.iter_chunked(65_536):
        read += chunk
        if len(read) > most:
            return None
    return bytes(read)


def _cookies(request: web.Request) -> list[str]:
    """Every cookie of our name; another port may have set one too, and a bad one must not hide ours."""
    found = []
    for header in request.headers.getall("Cookie", []):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE:
                found.append(value.strip('"'))
    return found


def _policy(pages: Pages) -> str:
    scripts = " ".join(("'self'", *pages.script_hashes))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self' blob:; "
        "frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
    )


def _said(status: int, text: str) -> web.Response:
    return _told(status, text.encode(), "text/plain; charset=utf-8", {})


def _told(status: int, body: bytes, kind: str, more: dict[str, str]) -> web.Response:
    headers = {
        **SAFE_HEADERS,
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Content-Type": kind,
        **more,
    }
    return web.Response(status=status, body=body, headers=headers)
