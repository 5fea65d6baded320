"""The same lies over real sockets, and those that only sockets can tell; in real time, many worlds beside each other.

    | lie          | what comes over the socket                                     |
    |--------------|----------------------------------------------------------------|
    | rst          | the connection is reset, before the answer or in the middle    |
    | half         | half of the body that was announced, then the end              |
    | more         | a body longer than announced: its rest stands before the next  |
    | two_answers  | the answer twice: the second stands before the next one        |
    | chunks       | in chunks, right; or with the last one missing; or in no form  |
    | endless      | a body without an end                                          |
    | drip         | a byte now and then                                            |
    | packed       | compressed though nobody asked: right, broken, or a bomb       |
    | bad_head     | a status line or a header that is none                         |
    | early_hints  | 100 and 103 before the answer                                  |
    | closed_after | the answer, and the connection is gone without a word          |

A venue's port is a server of our own on loopback that reads a request whole, has it answered by the honest venues in
this process, and writes bytes.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random

from proof.wire_fuzz.honest import HonestVenues, Told
from proof.wire_fuzz.kinds import SUBMIT, Asked
from proof.wire_fuzz.lies import RIGHT, Lie
from proof.wire_fuzz.plan import START, Plan, make
from proof.wire_fuzz.transport import MOST_BYTES, Copy, Line
from proof.wire_fuzz.world import Pace, World
from venues.wire import HttpWire, Timeouts

SOCKET_LIES = (
    "rst",
    "half",
    "more",
    "two_answers",
    "chunks",
    "endless",
    "drip",
    "packed",
    "bad_head",
    "early_hints",
    "closed_after",
)
PACE = Pace(person_s=8.0, again_s=6.0, pays_s=20.0, end_s=120.0, timeouts=Timeouts(0.3, 0.4, 0.4), silence_ms=2_000)
_STORM_MS = 6_000
_SHARE = 0.6  # of the lies, those that only sockets can tell
_PATIENCE_S = 1.0  # longer than any of the clients has


class SocketLine(Line):
    """A port on loopback in front of the venues of one world."""

    server: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]]

    async def open(self) -> SocketLine:
        self.tasks = set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.origin = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    def under(self, *wires: HttpWire) -> None:
        """The clients keep their own sockets."""

    async def close(self) -> None:
        await super().close()
        if self.server is not None:
            self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self.tasks.discard(task)
            with suppress(OSError):
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        length = int(headers.get("Content-Length", "0"))
        asked = Asked(method, path, await reader.readexactly(length) if length else b"")
        self.requests += 1
        if asked.kind == SUBMIT:
            self.copies.append(Copy(self.clock(), asked.body))
        lie = self._wire_lie(self.liar.decide(asked))
        if lie.name == "lost":
            self._note(asked, lie, "")
            await asyncio.sleep(_PATIENCE_S)
            return False
        if not lie.done:
            told = self.liar.without_effect(asked, lie) if lie.name != "unreachable" else None
            self._note(asked, lie, "")
            return told is not None and await self._write(writer, asked, told, Lie(RIGHT))
        said = await self.venues.answer(asked.method, asked.path, headers, asked.body)
        if lie.name == "twice":
            said = await self.venues.answer(asked.method, asked.path, headers, asked.body)
        self.liar.remember(asked, said)
        if lie.name == "late":
            self._note(asked, lie, "")
            await asyncio.sleep(_PATIENCE_S)
            return False
        plain = lie.name in (RIGHT, "twice", "slow", "reset", "truncated", "huge", *SOCKET_LIES)
        told, what = (said, "") if plain else self.liar.spoiled(asked, lie, said)
        self._note(asked, lie, what)
        return await self._write(writer, asked, told, lie)

    def _wire_lie(self, lie: Lie) -> Lie:
        """Some of the lies become one of those that only a socket can tell."""
        if lie.name == RIGHT or not lie.done or self.rng.random() > _SHARE:
            return lie
        return Lie(self.rng.choice(SOCKET_LIES), lie.seed)

    async def _write(self, writer: asyncio.StreamWriter, asked: Asked, told: Told, lie: Lie) -> bool:
        rng = Random(lie.seed)  # noqa: S311 - chance, not secrets
        body, name = told.body, lie.name
        if name in ("reset", "rst"):
            if rng.random() < 0.5:
                writer.write(_head(told, len(body)) + body[: len(body) // 2])
                await writer.drain()
            _reset(writer)
            return False
        if name in ("half", "truncated"):
            writer.write(_head(told, len(body) + 1) + body[: rng.randrange(max(len(body), 1))])
        elif name == "more":
            writer.write(_head(told, len(body)) + body + b'{"order_id":"none","as_of_time":"2099-01-01T00:00:00Z"}')
        elif name == "two_answers":
            writer.write((_head(told, len(body)) + body) * 2)
        elif name == "chunks":
            writer.write(_head(told, None) + rng.choice(_CHUNKED)(body))
        elif name in ("endless", "huge"):
            await self._endless(writer, asked, told)
            return False
        elif name in ("drip", "slow"):
            await self._drip(writer, told, rng.choice((0.02, 0.1, 0.3)))
        elif name == "packed":
            packed = _packed(rng, body)
            writer.write(
                _head(told, len(packed), {"Content-Encoding": rng.choice(("gzip", "gzip", "br", "x"))}) + packed
            )
        elif name == "bad_head":
            writer.write(rng.choice(_BAD_HEADS) + body)
        elif name == "early_hints":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            writer.write(_head(told, len(body)) + body)
        else:
            writer.write(_head(told, len(body)) + body)
        await writer.drain()
        return name in (RIGHT, "twice", "more", "two_answers", "early_hints", "packed", "chunks", "drip", "slow") or (
            name not in SOCKET_LIES and name != "truncated"
        )

    async def _endless(self, writer: asyncio.StreamWriter, asked: Asked, told: Told) -> None:
        writer.write(_head(told, None))
        piece, given = b"100000\r\n" + b" " * (1 << 20) + b"\r\n", 0
        while given < 3 * MOST_BYTES:
            writer.write(piece)
            given += 1 << 20
            await asyncio.wait_for(writer.drain(), 5.0)
        self.greedy.append(f"{given} bytes of {asked.method} {asked.path[:60]} were taken")

    async def _drip(self, writer: asyncio.StreamWriter, told: Told, wait: float) -> None:
        writer.write(_head(told, len(told.body)))
        for n in range(len(told.body)):
            writer.write(told.body[n : n + 1])
            await writer.drain()
            await asyncio.sleep(wait)


class SocketWorld(World):
    """A world on the loop that runs, in real time."""

    async def line_to(self, venues: HonestVenues) -> Line:
        return await SocketLine(venues, self.liar, self.rng, self.now, START).open()

    async def run_here(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        try:
            await self.all()
        except Exception as error:
            self.fail(f"raised: {type(error).__name__}: {str(error)[:200]}")


def hurried(plan: Plan) -> Plan:
    """The plan for real time: a short storm with twice the lies, short patience, the same trade."""
    policy = replace(
        plan.intent.policy,
        absence_grace_ms=500,
        unknown_deadline_ms=4_000,
        repair_deadline_ms=3_000,
        settle_poll_ms=500,
        settle_slowest_ms=1_000,
    )
    happenings = tuple(replace(one, at_ms=one.at_ms % _STORM_MS) for one in plan.happenings)
    unwind = plan.says_unwind_ms and plan.says_unwind_ms % _STORM_MS + 1
    return replace(
        plan,
        intent=replace(plan.intent, policy=policy),
        happenings=happenings,
        calm_ms=_STORM_MS,
        rate=min(2 * plan.rate, 0.8),
        says_unwind_ms=unwind,
    )


async def run_together(seeds: Iterable[int], pace: Pace = PACE) -> list[SocketWorld]:
    """The worlds of these seeds beside each other, each on a port of its own."""
    worlds = []
    for seed in seeds:
        world = SocketWorld(hurried(make(seed)), pace=pace)
        world.shut_loop()
        worlds.append(world)
    await asyncio.gather(*(world.run_here() for world in worlds))
    return worlds


def _head(told: Told, length: int | None, more: Mapping[str, str] | None = None) -> bytes:
    headers = {name: value for name, value in told.headers.items() if name.lower() != "content-length"}
    headers |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
    headers |= dict(more or {})
    lines = [f"HTTP/1.1 {told.status} Answer", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST instead of FIN."""
    line = writer.get_extra_info("socket")
    if line is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _in_chunks(body: bytes) -> bytes:
    half = len(body) // 2
    parts = [part for part in (body[:half], body[half:]) if part]
    return b"".join(f"{len(part):x}".encode() + b"\r\n" + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


def _last_chunk_missing(body: bytes) -> bytes:
    return _in_chunks(body)[:-5]


def _no_chunks(body: bytes) -> bytes:
    return b"zz\r\n" + body


_CHUNKED = (_in_chunks, _in_chunks, _last_chunk_missing, _no_chunks)


def _packed(rng: Random, body: bytes) -> bytes:
    if rng.random() < 0.4:
        return gzip.compress(body)
    return rng.choice((gzip.compress(body)[:-9], b"\x1f\x8b" + body, _BOMB))


_BOMB = gzip.compress(b" " * (96 << 20), 9)
_BAD_HEADS = (
    b"HTTP/1.1 twohundred OK\r\n\r\n",
    b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nDate: the day after\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nDate: Fri, 31 Dec 99999 23:59:59 GMT\r\nContent-Length: 2\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"",
)
