"""Where aiohttp's session stands under the clients: bytes in virtual time, spoiled on their way.

`HttpWire` and everything above it run as they are; only its session is this one. Time-outs, breaks and half bodies come
as aiohttp's own exceptions, so that what the wire makes of them is tried as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict
from yarl import URL

from proof.wire_fuzz.honest import ORIGIN, HonestVenues, Told
from proof.wire_fuzz.kinds import SUBMIT, Asked
from proof.wire_fuzz.lies import RIGHT, Liar, Lie
from venues.wire import HttpWire

MOST_BYTES = 20 << 20
"""More of one answer than this nobody needs to have read."""

_PIECE = 1 << 20
_LATEST_S = 2.4  # bytes that have left arrive within the policy's grace, or never


@dataclass(slots=True)
class Copy:
    """One copy of an order's bytes as it left."""

    at: int
    body: bytes


@dataclass(slots=True)
class Line:
    """The way of all bytes between the clients and the venues of one world. `clock` is wall-clock microseconds."""

    venues: HonestVenues
    liar: Liar
    rng: Random
    clock: Callable[[], int]
    started: int
    copies: list[Copy] = field(default_factory=list)
    greedy: list[str] = field(default_factory=list)
    late: set[asyncio.Task[None]] = field(default_factory=set)
    requests: int = 0
    origin: str = ORIGIN

    async def close(self) -> None:
        """What is still under way never arrives."""
        for wait in list(self.late):
            wait.cancel()

    def under(self, *wires: HttpWire) -> None:
        """Put this line under HTTP wires, in place of their sockets."""
        for wire in wires:
            session: Any = Session(self)
            wire._session = session  # the one seam below everything that the wire itself does

    async def carry(self, asked: Asked, headers: Mapping[str, str], timeout: aiohttp.ClientTimeout) -> Response:
        self.requests += 1
        lie, rng = self.liar.decide(asked), self.rng
        if lie.name == "unreachable":  # not a byte leaves
            self._note(asked, lie, "")
            raise aiohttp.ClientConnectorError(_key(), OSError(111, "Connection refused"))
        if asked.kind == SUBMIT:
            self.copies.append(Copy(self.clock(), asked.body))
        await asyncio.sleep(rng.uniform(0.0005, 0.02))
        if lie.name == "lost":
            self._note(asked, lie, "")
            await self._silence(timeout)
        if not lie.done:
            told = self.liar.without_effect(asked, lie)
            self._note(asked, lie, f"{told.status} {told.body[:60]!r}, and never heard")
            return Response(self, asked, told, timeout, Lie(RIGHT))
        if lie.name == "late" and rng.random() < 0.5:
            self._note(asked, lie, "the request too")
            wait = _patience(timeout) + rng.uniform(-1, _LATEST_S)
            self._later(asked, headers, max(wait, 0.01))
            await self._silence(timeout)
        said = await self.venues.answer(asked.method, asked.path, headers, asked.body)
        if lie.name == "twice":
            said = await self.venues.answer(asked.method, asked.path, headers, asked.body)
        self.liar.withheld += asked.kind == SUBMIT and said.status >= 300  # refused: the venue does not have it
        self.liar.remember(asked, said)
        if lie.name == "late":
            self._note(asked, lie, "")
            await self._silence(timeout)
        if lie.name == "reset":
            self._note(asked, lie, "")
            raise rng.choice(
                (aiohttp.ServerDisconnectedError(), aiohttp.ClientOSError(104, "Connection reset by peer"))
            )
        told, what = (said, "") if lie.name in (RIGHT, "twice", "slow") else self.liar.spoiled(asked, lie, said)
        self._note(asked, lie, what)
        await asyncio.sleep(rng.uniform(0.0005, 0.01))
        return Response(self, asked, told, timeout, lie)

    def _later(self, asked: Asked, headers: Mapping[str, str], wait: float) -> None:
        async def arrive() -> None:
            await asyncio.sleep(wait)
            await self.venues.answer(asked.method, asked.path, headers, asked.body)

        task = asyncio.get_running_loop().create_task(arrive())
        self.late.add(task)
        task.add_done_callback(self.late.discard)

    async def _silence(self, timeout: aiohttp.ClientTimeout) -> None:
        await asyncio.sleep(_patience(timeout))
        raise aiohttp.SocketTimeoutError("Timeout on reading data from socket")

    def _note(self, asked: Asked, lie: Lie, what: str) -> None:
        self.liar.note(asked, lie, what, (self.clock() - self.started) // 1000)


def _patience(timeout: aiohttp.ClientTimeout) -> float:
    return min(limit for limit in (timeout.total, timeout.sock_read, 3_600.0) if limit)


class Session:
    """What `HttpWire` asks of an `aiohttp.ClientSession`."""

    closed = False

    def __init__(self, line: Line) -> None:
        self._line = line

    def request(
        self,
        method: str,
        url: URL | str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout,
        allow_redirects: bool = False,
        **more: Any,
    ) -> _Asking:
        whole = URL(url) if isinstance(url, str) else url
        asked = Asked(method, whole.raw_path_qs, data or b"")
        return _Asking(self._line, asked, {"Host": "127.0.0.1", **(headers or {})}, timeout)

    async def close(self) -> None:
        self.closed = True


class _Asking:
    """The `async with` around one request."""

    def __init__(self, line: Line, asked: Asked, headers: Mapping[str, str], timeout: aiohttp.ClientTimeout) -> None:
        self._line, self._asked, self._headers, self._timeout = line, asked, headers, timeout

    async def __aenter__(self) -> Response:
        return await self._line.carry(self._asked, self._headers, self._timeout)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Response:
    """An answer as aiohttp gives it: status, headers, and a body that comes in pieces."""

    def __init__(self, line: Line, asked: Asked, told: Told, timeout: aiohttp.ClientTimeout, lie: Lie) -> None:
        self.status = told.status
        self.headers: CIMultiDict[str] = CIMultiDict(told.headers)
        self.content = _Content(self)
        self._line, self._asked, self._told, self._timeout, self._lie = line, asked, told, timeout, lie

    @property
    def content_length(self) -> int | None:
        said = self.headers.get("Content-Length", "")
        return int(said) if said.isdigit() else None

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, at the lie's pace. Raises what aiohttp raises for one that does not come whole."""
        body, lie, rng = self._told.body, self._lie, Random(self._lie.seed)  # noqa: S311 - chance, not secrets
        began, total = asyncio.get_running_loop().time(), self._timeout.total
        if lie.name == "slow":
            size = max(1, len(body) // rng.choice((4, 30, 200)))
            wait = rng.choice((0.05, 0.5, 2.0, 20.0))
        else:
            size, wait = _PIECE, 0.0
        if lie.name == "truncated" and rng.random() < 0.5:
            self.headers["Content-Length"] = str(len(body) + 1)
        given = 0
        for start in range(0, len(body), size):
            if wait:
                spent = asyncio.get_running_loop().time() - began
                patience = min(self._timeout.sock_read or 3_600.0, (total - spent) if total else 3_600.0)
                await asyncio.sleep(min(wait, patience))
                if wait > patience:
                    raise aiohttp.SocketTimeoutError("Timeout on reading data from socket")
            given += len(body[start : start + size])
            if given > MOST_BYTES:
                self._line.greedy.append(f"{given} bytes of {self._asked.method} {self._asked.path[:60]} were taken")
                raise aiohttp.ClientPayloadError("the fuzzer gives no more")
            yield body[start : start + size]
        if lie.name == "truncated" and self.headers.get("Content-Length") == str(len(body) + 1):
            raise aiohttp.ClientPayloadError("Response payload is not completed")


class _Content:
    """The stream of a body, for a wire that reads it piece by piece."""

    def __init__(self, response: Response) -> None:
        self._response = response

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        async for piece in self._response.pieces():
            for start in range(0, len(piece), size):
                yield piece[start : start + size]

    async def iter_any(self) -> AsyncIterator[bytes]:
        async for piece in self._response.pieces():
            yield piece


def _key() -> ConnectionKey:
    return ConnectionKey("127.0.0.1", 9, False, True, None, None, None)
