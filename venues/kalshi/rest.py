"""The wire under the client: one signed request at a time, over kept-alive connections, inside the rate limits.

aiohttp, because the order path has no time to lose: a request costs about 0.1 ms of processor with 32 under way, where
httpx took 1.5 ms (docs/benchmarks.md). Nothing is ever sent twice by itself, no redirect followed.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import certifi
import msgspec
from yarl import URL

from domain.errors import BadInput, Unavailable
from venues.kalshi.errors import AnswerLate, NotSent, WireFailure, read_refusal
from venues.kalshi.limits import DEFAULT_COST, TokenBucket
from venues.kalshi.signing import Signer

API_ROOT = "/trade-api/v2"
PAGE = 1000
_CONNECTIONS = 64
_KEPT_S = 120.0  # connections outlive quiet minutes, so that an order does not pay for a TLS handshake
_HEADERS = {"Accept": "application/json", "User-Agent": "surefoot"}
_MAX_PAGES = 500
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Params = Mapping[str, str | int]

T = TypeVar("T")
P = TypeVar("P", bound="msgspec.Struct")


def wall_clock_us() -> int:
    """Wall clock in microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `submit` is how long an order may go unanswered before its outcome is unknown."""

    connect: float = 2.0
    submit: float = 5.0
    read: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer and our wall clock, in microseconds, around it; `server_at` is its Date header, 0 if none."""

    status: int
    body: bytes
    asked_at: int
    answered_at: int
    server_at: int


class RestWire:
    """Signed requests to one venue. Paths are given below `/trade-api/v2`; queries are never signed.

    `base_url` is `scheme://host[:port]`, with or without `/trade-api/v2`. Plain http is accepted on loopback only.
    No redirect is followed and no proxy of the environment is used: an order goes where it was sent, or nowhere.
    """

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        *,
        clock: Callable[[], int] = wall_clock_us,
        timeouts: Timeouts | None = None,
        reads: TokenBucket | None = None,
        writes: TokenBucket | None = None,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self.clock = clock
        self.reads = reads or TokenBucket("read", rate=200, capacity=200)
        self.writes = writes or TokenBucket("write", rate=100, capacity=100)
        self._signer = signer
        self._origin = _origin(base_url)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post_order(self, path: str, body: bytes) -> Answer:
        """Send an order's bytes, once. Raises `WireFailure` as it comes: what it proves is the caller's to say."""
        headers = {"Content-Type": "application/json"}
        return await self._exchange("POST", path, content=body, headers=headers, timeout=self.timeouts.submit)

    async def get(self, path: str, kind: type[T], params: Params | None = None, *, cost: float = DEFAULT_COST) -> T:
        """A read, decoded. Raises `Rejected` if the venue refused, `Unavailable` if it could not be asked or read."""
        return (await self.get_answer(path, kind, params, cost=cost))[0]

    async def get_answer(
        self, path: str, kind: type[T], params: Params | None = None, *, cost: float = DEFAULT_COST
    ) -> tuple[T, Answer]:
        """Like `get`, with the answer's times."""
        await self.reads.take(cost)
        answer = await self._ask("GET", path, params)
        if answer.status != HTTPStatus.OK:
            raise read_refusal(f"GET {path}", answer.status, answer.body)
        try:
            return msgspec.json.decode(answer.body, type=kind), answer
        except (msgspec.DecodeError, UnicodeDecodeError) as unreadable:
            raise Unavailable(
                f"GET {path}: the answer cannot be read ({unreadable}); expected {kind.__name__}", "unparseable"
            ) from None

    async def pages(self, path: str, kind: type[P], params: Params | None = None) -> list[P]:
        """All pages of a listing, following `cursor` until it is empty.

        Raises `Unavailable` if a cursor comes twice: the venue answers a cursor it does not understand with the first
        page, and an incomplete listing must not pass for a complete one."""
        pages: list[P] = []
        seen: set[str] = set()
        cursor = ""
        for _ in range(_MAX_PAGES):
            asked: dict[str, str | int] = {**(params or {}), "limit": PAGE}
            page = await self.get(path, kind, {**asked, "cursor": cursor} if cursor else asked)
            pages.append(page)
            cursor = getattr(page, "cursor", None) or ""
            if not cursor:
                return pages
            if cursor in seen:
                break
            seen.add(cursor)
        raise Unavailable(f"GET {path}: the listing does not end; expected an empty cursor on the last page", "endless")

    async def delete(self, path: str, params: Params | None = None, *, cost: float = DEFAULT_COST) -> Answer:
        """A delete, whatever its status. Raises `Unavailable` if it could not be asked."""
        await self.writes.take(cost)
        return await self._ask("DELETE", path, params)

    async def _ask(self, method: str, path: str, params: Params | None) -> Answer:
        try:
            return await self._exchange(method, path, params=params, timeout=self.timeouts.read)
        except WireFailure as failure:
            raise Unavailable(f"{method} {path}: no answer ({failure}); ask again later", "no_answer") from None

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        timeout: float,
        params: Params | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        url = URL(self._origin + API_ROOT + path, encoded=True)
        asked_at = self.clock()
        signed = self._signer.headers(method, API_ROOT + path, asked_at // 1000)
        try:
            async with self._open().request(
                method,
                url.with_query(params) if params else url,
                data=content,
                headers={**signed, **(headers or {})},
                timeout=self._timeout(timeout),
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise _told(failure) from None
        return Answer(answer.status, body, asked_at, self.clock(), _server_time(answer.headers.get("Date")))

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on the loop that first asks."""
        if self._session is None or self._session.closed:
            trust = ssl.create_default_context(cafile=certifi.where()) if self._origin.startswith("https:") else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEPT_S, ssl=trust),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_HEADERS,
                trust_env=False,
            )
            # Left on, aiohttp would send a delete or a read a second time over a connection that was lost meanwhile.
            self._session._retry_connection = False
        return self._session

    def _timeout(self, seconds: float) -> aiohttp.ClientTimeout:
        connect = min(self.timeouts.connect, seconds)
        return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=seconds)


def _told(failure: Exception) -> WireFailure:
    """What is known of the bytes. A connection that was never made, or never came free, carried none."""
    text = f"{type(failure).__name__}: {failure}"
    if isinstance(failure, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)):
        return NotSent(text)
    return AnswerLate(text) if isinstance(failure, TimeoutError) else WireFailure(text)


def _origin(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BadInput(f"Kalshi base URL {base_url!r} is not usable; expected https://host or http://127.0.0.1:port")
    if parts.path.rstrip("/") not in ("", API_ROOT) or parts.query or parts.fragment:
        raise BadInput(f"Kalshi base URL {base_url!r} has path {parts.path!r}; expected none, or {API_ROOT}")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise BadInput(f"Kalshi base URL {base_url!r} is not encrypted; expected https (http only on loopback)")
    return f"{parts.scheme}://{parts.netloc}"


def _server_time(date: str | None) -> int:
    try:
        return int(parsedate_to_datetime(date).timestamp()) * 1_000_000 if date else 0
    except ValueError:
        return 0
