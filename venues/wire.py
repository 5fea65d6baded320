"""The wire under every venue's REST client: one exchange of bytes at a time, over kept-alive connections.

aiohttp, because the order path has no time to lose: a request costs about 0.1 ms of processor with 32 under way, where
httpx took 1.5 ms (docs/benchmarks.md). Nothing is ever sent twice by itself, no redirect followed. An answer that
trickles ends with its time, and one without an end with its size.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
import certifi
from yarl import URL

from domain.errors import BadInput

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_CONNECTIONS = 64
_KEPT_S = 120.0  # connections outlive quiet minutes, so that an order does not pay for a TLS handshake
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "surefoot"}
MOST_BYTES = 16 << 20  # a page of a thousand rows, the largest answer any venue has for us, is below one megabyte


def wall_clock_us() -> int:
    """Wall clock in microseconds since the epoch."""
    return time.time_ns() // 1000


class WireFailure(Exception):
    """No whole answer came back. Bytes of the request may have left, unless the failure is a `NotSent`."""


class NotSent(WireFailure):
    """No connection was made: not a byte of the request left."""


class AnswerLate(WireFailure):
    """The request left and no answer came in time."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `submit` is how long an order may go unanswered before its outcome is unknown. The whole of an exchange,
    however it trickles, takes no longer than `connect` and `submit` or `read` together."""

    connect: float = 2.0
    submit: float = 5.0
    read: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer and our wall clock, in microseconds, around it; `server_at` is its Date header, 0 if none.

    `headers` are looked up without regard to case.
    """

    status: int
    body: bytes
    asked_at: int
    answered_at: int
    server_at: int
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpWire:
    """Connections to one origin. No proxy of the environment is used: an order goes where it was sent, or nowhere.

    `base_url` is `scheme://host[:port]`, with or without one of `roots` as its path; plain http on loopback only.
    With `under`, it may have any path, which goes in front of the path of every request. Raises `BadInput` for
    anything else. `venue` names it in messages. `clock` is wall-clock microseconds. No answer may be larger than
    `most_bytes`.
    """

    def __init__(
        self,
        venue: str,
        base_url: str,
        *,
        roots: tuple[str, ...] = ("",),
        under: bool = False,
        clock: Callable[[], int] = wall_clock_us,
        timeouts: Timeouts | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._most_bytes = most_bytes
        self.origin = _origin(venue, base_url, roots, under=under)
        self.clock = clock
        self.timeouts = timeouts or Timeouts()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        timeout: float,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send once, read the whole answer whatever its status. `path` starts with a slash and is already encoded.

        Raises `WireFailure` as it comes: what it proves is the caller's to say."""
        url = URL(self.origin + path, encoded=True)
        asked_at = self.clock()
        try:
            async with self._open().request(
                method,
                url.with_query(params) if params else url,
                data=content,
                headers=headers,
                timeout=self._timeout(timeout),
                allow_redirects=False,
            ) as answer:
                body = await _whole(answer, self._most_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise _told(failure) from None
        server_at = _server_time(answer.headers.get("Date"))
        return Answer(answer.status, body, asked_at, self.clock(), server_at, answer.headers)

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on the loop that first asks."""
        if self._session is None or self._session.closed:
            trust = ssl.create_default_context(cafile=certifi.where()) if self.origin.startswith("https:") else True
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
        return aiohttp.ClientTimeout(total=connect + seconds, connect=connect, sock_connect=connect, sock_read=seconds)


async def _whole(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, piece by piece, so that one too large for any use is left before it is all in memory."""
    pieces, size = [], 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > most:
            raise aiohttp.ClientPayloadError(f"an answer of more than {most >> 20} MiB; the rest was not read")
        pieces.append(piece)
    return b"".join(pieces)


def _told(failure: Exception) -> WireFailure:
    """What is known of the bytes. A connection that was never made, or never came free, carried none."""
    text = f"{type(failure).__name__}: {failure}"
    if isinstance(failure, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)):
        return NotSent(text)
    return AnswerLate(text) if isinstance(failure, TimeoutError) else WireFailure(text)


def _origin(venue: str, base_url: str, roots: tuple[str, ...], *, under: bool) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BadInput(f"{venue} base URL {base_url!r} is not usable; expected https://host or http://127.0.0.1:port")
    path = parts.path.rstrip("/")
    if (path not in ("", *roots) and not under) or parts.query or parts.fragment:
        named = " or ".join(root for root in roots if root)
        expected = f"none, or {named}" if named else "none"
        raise BadInput(f"{venue} base URL {base_url!r} has path {parts.path!r}; expected {expected}")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise BadInput(f"{venue} base URL {base_url!r} is not encrypted; expected https (http only on loopback)")
    return f"{parts.scheme}://{parts.netloc}{path if under else ''}"


def _server_time(date: str | None) -> int:
    try:
        return int(parsedate_to_datetime(date).timestamp()) * 1_000_000 if date else 0
    except ValueError:
        return 0
