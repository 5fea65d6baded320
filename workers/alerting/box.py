"""The open alerts of one state folder, one file each: what makes an alert raised once although several processes watch.

    alerts/open/KIND.DIGEST.json      an alert that is open; made by a hard link, so one process raises it and no other
    alerts/over/ID.json               one that is resolved, until the ledger has it; moved there, by one process
    alerts/tries/ID.STATE.N           the n-th try to tell a person; made before it is tried, so tries are bounded
    alerts/tries/ID.STATE.done        it was told (or given up), and what came of it

The files need no ledger and no Temporal, and outlive every process. On a disk that takes no file an alert is kept in
memory: it may then be told once by each process that sees it, which is better than by none.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from domain.alerts import Alert, Origin, Trouble

_MOST_OVER = 500
_ID = re.compile(r"a-[0-9a-f]{8}")


def host_name() -> str:
    """This machine's own name, asked of nobody else."""
    return socket.gethostname()


def wall_clock_us() -> int:
    return time.time_ns() // 1000


class AlertBox:
    """Synchronous, a few small files a call. `folder` is made when it is first needed."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        self._open, self._over, self._tries = folder / "open", folder / "over", folder / "tries"
        self._origin = origin
        self._unwritten: dict[str, Alert] = {}
        self._tried: dict[str, int] = {}

    # ------------------------------------------------------------------ raised and resolved

    def tell(self, trouble: Trouble, at: int | None = None) -> bool:
        """Raise an alert, once; whether this call did. Told again while it is open, it lasts longer. Never raises."""
        alert = Alert.of(trouble, self._origin, wall_clock_us() if at is None else at)
        if alert.key in self._unwritten:
            return False
        path = self._path(alert.key)
        try:
            if self._write_new(path, alert):
                return True
            os.utime(path, ns=(alert.raised_at * 1000, alert.raised_at * 1000))
        except FileNotFoundError:  # resolved in this moment
            return False
        except OSError:
            self._unwritten[alert.key] = alert
            return True
        return False

    def resolve(self, alert: Alert, at: int) -> bool:
        """End an alert, once; whether this call did. Never raises."""
        ended = replace(alert, resolved_at=at)
        if self._unwritten.pop(alert.key, None) is not None:
            return True
        path = self._path(alert.key)
        try:
            self._over.mkdir(parents=True, exist_ok=True)
            path.rename(self._over / f"{alert.id}.json")
            _write(self._over / f"{alert.id}.json", ended)
        except FileNotFoundError:
            return False
        except OSError:
            with suppress(OSError):  # a full disk still lets go
                path.unlink(missing_ok=True)
        return True

    def opened(self) -> dict[str, Alert]:
        """The open alerts by key; those that no file could take are tried again."""
        for key, alert in list(self._unwritten.items()):
            with suppress(OSError):
                self._write_new(self._path(key), alert)
                del self._unwritten[key]
        found = {alert.key: replace(alert, last_seen=max(seen, alert.last_seen)) for alert, seen in _read(self._open)}
        return found | self._unwritten

    def over(self) -> list[Alert]:
        """Resolved ones that are still here, the oldest first."""
        return sorted((alert for alert, _ in _read(self._over)), key=lambda alert: (alert.resolved_at or 0, alert.id))

    def drop(self, alert: Alert) -> None:
        """A resolved one that the ledger has and that was told."""
        with suppress(OSError):
            (self._over / f"{alert.id}.json").unlink(missing_ok=True)
            for path in self._tries.glob(f"{alert.id}.*"):
                path.unlink(missing_ok=True)

    def prune(self) -> None:
        """Without a ledger for very long, the oldest go."""
        for alert in self.over()[:-_MOST_OVER]:
            self.drop(alert)

    # ------------------------------------------------------------------ tries to tell a person

    def told(self, alert: Alert, state: str) -> str:
        """What came of telling that it was raised, or resolved; empty while that is to come."""
        try:
            return (self._tries / f"{alert.id}.{state}.done").read_text("utf-8") or "told"
        except OSError:
            return "told" if self._tried.get(f"{alert.id}.{state}.done") else ""

    def tries(self, alert: Alert, state: str) -> tuple[int, int]:
        """How often it was tried, and when last (wall-clock µs)."""
        times = []
        for path in self._tries.glob(f"{alert.id}.{state}.[0-9]*"):
            with suppress(OSError):
                times.append(path.stat().st_mtime_ns // 1000)
        return max(len(times), self._tried.get(f"{alert.id}.{state}", 0)), max(times, default=0)

    def claim(self, alert: Alert, state: str, n: int) -> bool:
        """Take the n-th try; False if another process has it."""
        name = f"{alert.id}.{state}"
        with suppress(OSError):  # it is there, or what follows says why not
            self._tries.mkdir(parents=True)
        try:
            os.close(os.open(self._tries / f"{name}.{n}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        except OSError:
            pass  # bounded by this process's own count
        self._tried[name] = n
        return True

    def done(self, alert: Alert, state: str, words: str) -> None:
        try:
            self._tries.mkdir(parents=True, exist_ok=True)
            (self._tries / f"{alert.id}.{state}.done").write_text(words, "utf-8")
        except OSError:
            self._tried[f"{alert.id}.{state}.done"] = 1

    # ------------------------------------------------------------------ files

    def _path(self, key: str) -> Path:
        kind, _, subject = key.partition(":")
        return self._open / f"{kind}.{hashlib.sha256(subject.encode()).hexdigest()[:16]}.json"

    def _write_new(self, path: Path, alert: Alert) -> bool:
        """Whether it is ours: a link to a whole file is made or is not, whoever else tries."""
        self._open.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self._open, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(alert))
            os.utime(name, ns=(alert.raised_at * 1000, alert.raised_at * 1000))
            os.link(name, path)
        except FileExistsError:
            return False
        finally:
            Path(name).unlink(missing_ok=True)
        return True


def _write(path: Path, alert: Alert) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(alert))
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _read(folder: Path) -> Iterator[tuple[Alert, int]]:
    """Every alert of a folder, and when its file was last touched (µs). What cannot be read is left where it is."""
    try:
        paths = sorted(folder.glob("[!.]*.json"))
    except OSError:
        return
    for path in paths:
        try:
            alert = msgspec.json.decode(path.read_bytes(), type=Alert)
            touched = path.stat().st_mtime_ns // 1000
        except (OSError, msgspec.DecodeError):
            continue
        if _ID.fullmatch(alert.id):
            yield alert, touched
