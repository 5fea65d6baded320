"""What each watcher looks at, and what it can say of it. Every look is bounded: what froze is seen as what it is.

| source             | troubles of kind                                              | asks                           |
|--------------------|---------------------------------------------------------------|--------------------------------|
| `LedgerSource`     | stuck, workflow_fault, halt, reconciliation, orphan, refusals | Postgres, 3 s                  |
|                    | process `postgres` if it does not answer                      |                                |
| `FlagSource`       | halt                                                          | the file HALT                  |
| `IngestSource`     | feed, not_running                                             | ingest's `/readiness`, 2 s     |
| `ProcessSource`    | process                                                       | each `/healthz`, 2 s; a frame  |
|                    |                                                               | of Temporal's, 2 s             |
| `SupervisorSource` | unsupervised                                                  | stack.json, the process table  |
| `DiskSource`       | disk                                                          | the file system                |
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from domain.alerts import AlertKind, Trouble
from domain.errors import SurefootError
from domain.halt import Halt
from domain.troubles import halted
from ingest.readiness import Phase
from ledger.alerts import AlertLedger

_PATIENCE_S = 2.0
_LEDGER_S = 5.0
_MOST_BYTES = 8 << 20
HOST = "127.0.0.1"

_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""What every HTTP/2 client says first. A server that runs answers with its settings at once; one that is stopped does
not, though its machine takes the connection."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, and the kinds whose absence is a word: nothing of another kind is over because it is not here.
    `unable` are kinds that could not be looked at, whatever another source says of them."""

    seen: tuple[Trouble, ...]
    able: frozenset[AlertKind]
    unable: frozenset[AlertKind] = frozenset()


NOTHING = Look((), frozenset())


class Source(Protocol):
    async def look(self, now: int) -> Look:
        """At `now` (wall-clock µs). Never raises, and answers within a few seconds."""
        ...


class LedgerSource:
    _ABLE = frozenset(
        {
            AlertKind.STUCK, AlertKind.WORKFLOW, AlertKind.HALT, AlertKind.RECONCILIATION, AlertKind.ORPHAN,
            AlertKind.REFUSALS,
        }
    )  # fmt: skip

    def __init__(self, ledger: AlertLedger, every_s: int) -> None:
        """`every_s` is how often venues and ledger are compared."""
        self._ledger = ledger
        self._longest = max(5 * every_s, 300) * 1_000_000

    async def look(self, now: int) -> Look:
        try:
            async with asyncio.timeout(_LEDGER_S):
                found = await self._ledger.troubles(now, self._longest)
        except SurefootError as away:
            return Look((_process("postgres", away.message),), frozenset(), self._ABLE)
        except TimeoutError:
            self._ledger.give_up()
            why = f"it did not answer within {_LEDGER_S:g} s"
            return Look((_process("postgres", why),), frozenset(), self._ABLE)
        return Look(tuple(found), self._ABLE)


class FlagSource:
    """Halts of the file HALT, which need no ledger."""

    _ABLE = frozenset({AlertKind.HALT})

    def __init__(self, standing: Callable[[], Iterable[Halt]]) -> None:
        self._standing = standing

    async def look(self, now: int) -> Look:
        return Look(tuple(one for one in map(halted, self._standing()) if one is not None), self._ABLE)


class IngestSource:
    _ABLE = frozenset({AlertKind.FEED, AlertKind.NOT_RUNNING})

    def __init__(self, port: int) -> None:
        self._port = port

    async def look(self, now: int) -> Look:
        status, body = await page(self._port, "/readiness")
        if not status:
            return NOTHING
        if status != 200:
            return Look((), self._ABLE)  # it watches nothing
        try:
            return Look(tuple(conditions(json.loads(body))), self._ABLE)
        except (ValueError, KeyError, TypeError):
            return NOTHING


def conditions(answer: Mapping[str, Any]) -> list[Trouble]:
    """What of `surefoot why` a person is woken for: feeds one by one, and anything else that keeps it from trading."""
    found: list[Trouble] = []
    others, elsewhere = [], False
    for condition in answer["conditions"]:
        if condition["ok"] or condition["pauses"] == "nothing":
            continue
        name, why = str(condition["name"]), str(condition["why"])
        if name.partition(" ")[0] in ("feed", "users", "spot"):
            text = f"{name} is down: {why}; nothing is opened there, open trades go on"
            found.append(Trouble(AlertKind.FEED, name, text, "`surefoot why` says since when; it is tried for ever"))
        elif name in ("disk", "halts"):  # low room and a ledger that is away have alerts of their own
            elsewhere = True
        else:
            others.append(f"{name}: {why}")
    phase = str(answer["phase"])
    if phase not in (Phase.RUNNING, Phase.STOPPING) and (others or not (found or elsewhere)):
        why = "; ".join(others) or str(answer["why"])
        text = f"nothing is opened: ingest is {phase}: {why}"
        found.append(Trouble(AlertKind.NOT_RUNNING, "ingest", text, "`surefoot why` says what it waits for"))
    return found


class ProcessSource:
    _ABLE = frozenset({AlertKind.PROCESS})

    def __init__(self, ports: Mapping[str, int], temporal: str, settled: Callable[[], bool] = lambda: True) -> None:
        """`ports` of the pages of our own processes, `temporal` the address of the cluster. `settled` is false while
        the stack starts or stops: what is silent then is no trouble."""
        self._ports = dict(ports)
        self._temporal = temporal
        self._settled = settled

    async def look(self, now: int) -> Look:
        if not self._settled():
            return Look((), frozenset(), self._ABLE)
        names = sorted(self._ports)
        asking = asyncio.create_task(speaks(self._temporal))
        answers = await asyncio.gather(*(page(self._ports[name], "/healthz") for name in names))
        found = []
        for name, (status, body) in zip(names, answers, strict=True):
            if status != 200:
                said = body.decode("utf-8", "replace").strip()[:200]
                found.append(_process(name, said or f"it did not answer within {_PATIENCE_S:g} s"))
        if silent := await asking:
            found.append(_process("temporal", silent))
        return Look(tuple(found), self._ABLE)


class SupervisorSource:
    _ABLE = frozenset({AlertKind.UNSUPERVISED})

    def __init__(self, unsupervised: Callable[[], str]) -> None:
        """`unsupervised` says what runs without one; empty if nothing does, or its supervisor lives."""
        self._unsupervised = unsupervised

    async def look(self, now: int) -> Look:
        try:
            left = await asyncio.to_thread(self._unsupervised)
        except (SurefootError, OSError):
            return NOTHING
        if not left:
            return Look((), self._ABLE)
        text = f"its supervisor is gone and it is still trading: {left}; what dies now is not started again"
        do = "`surefoot up --detach` takes over from there; `surefoot halt --all --reason ...` stops opening meanwhile"
        return Look((Trouble(AlertKind.UNSUPERVISED, "supervisor", text, do),), self._ABLE)


class DiskSource:
    _ABLE = frozenset({AlertKind.DISK})

    def __init__(self, folder: Path, least: int) -> None:
        """`least` bytes must be free."""
        self._folder = folder
        self._least = least

    async def look(self, now: int) -> Look:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            return NOTHING
        if free >= self._least:
            return Look((), self._ABLE)
        return Look((Trouble(AlertKind.DISK, str(self._folder), low_disk(free, self._least), _FREE),), self._ABLE)


_FREE = "free disk space; opening begins again by itself. `surefoot doctor` says where"


def low_disk(free: int, least: int) -> str:
    return f"{free >> 20} MiB are free, expected {least >> 20}: nothing is opened before it is full"


async def together(sources: Iterable[Source], now: int) -> Look:
    """All of them at once. A kind that two sources see is over only if both can say so."""
    looks = await asyncio.gather(*(source.look(now) for source in sources))
    seen = tuple(trouble for look in looks for trouble in look.seen)
    able = frozenset(kind for look in looks for kind in look.able)
    return Look(seen, able - frozenset(kind for look in looks for kind in look.unable))


def _process(name: str, why: str) -> Trouble:
    do = "`surefoot status` says what runs; what died is started again, what hangs ends with `surefoot down`"
    return Trouble(AlertKind.PROCESS, name, f"{name} does not answer: {why}", do)


async def page(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a loopback page; 0 if nobody answers in time."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
                await writer.drain()
                head, _, body = (await reader.read(_MOST_BYTES)).partition(b"\r\n\r\n")
                while more := await reader.read(_MOST_BYTES - len(body)):
                    body += more
                return int(head.split()[1]), body
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, IndexError):
        return 0, b""


async def speaks(address: str) -> str:
    """Empty if an HTTP/2 server answers at host:port, else why not."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(_HTTP2)
                await writer.drain()
                return "" if await reader.read(9) else "it hung up"
            finally:
                writer.close()
    except TimeoutError:
        return f"it takes connections and did not answer within {_PATIENCE_S:g} s"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
