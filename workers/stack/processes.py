"""One child process: what to run, how to tell that it works, and how to be sure a pid is still the one we started.

A pid alone names nobody: numbers are used again. A process is ours only if pid, start time and command line all match
what was recorded when it was started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from domain.errors import BadInput, Unavailable

_KILL_SECONDS = 10.0
_EXEC_SECONDS = 0.2
_SAME_START = 2.0  # seconds: the wall clock of a start may be restated after a clock adjustment


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`argv` run with stdout and stderr appended to `output`.

    `prepare` runs before every start; `healthy` tells whether the process does its work (it may be asked often and
    must answer within a second or two); `ready` runs after each start once healthy, and must be repeatable. They raise
    `SurefootError` for what no repetition cures. `log` is the file that messages point a person to.
    """

    name: str
    argv: tuple[str, ...]
    output: Path
    log: Path
    healthy: Callable[[], Awaitable[bool]]
    prepare: Callable[[], Awaitable[None]] | None = None
    ready: Callable[[], Awaitable[None]] | None = None
    user: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM
    stop_timeout: float = 15.0
    start_timeout: float = 45.0


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A started process as stack.json remembers it."""

    name: str
    pid: int
    created: float
    argv: tuple[str, ...]
    stop_signal: int = signal.SIGTERM
    stop_timeout: float = 15.0

    @classmethod
    def of(cls, spec: ProcessSpec, pid: int) -> ProcessRecord:
        """Raises `psutil.NoSuchProcess` if it has gone already."""
        created = psutil.Process(pid).create_time()
        return cls(spec.name, pid, created, spec.argv, spec.stop_signal, spec.stop_timeout)

    @classmethod
    def me(cls, name: str, stop_timeout: float) -> ProcessRecord:
        process = psutil.Process()
        return cls(name, process.pid, process.create_time(), tuple(process.cmdline()), stop_timeout=stop_timeout)

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> ProcessRecord:
        try:
            return cls(
                str(item["name"]),
                int(item["pid"]),
                float(item["created"]),
                tuple(item["argv"]),
                int(item["stop_signal"]),
                float(item["stop_timeout"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"stack.json lists a process that cannot be read ({error!r}); "
                "stop what still runs by hand, delete the file, run `surefoot up`",
                "stack_file",
            ) from None


def spawn(spec: ProcessSpec) -> subprocess.Popen[bytes]:
    """Starts the process in a session of its own, so that a Ctrl-C in our terminal reaches only us.

    Raises `Unavailable` if the program cannot be started.
    """
    with spec.output.open("ab") as output:
        try:
            return subprocess.Popen(  # noqa: S603 - our own argv, no shell
                spec.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **spec.env},
                start_new_session=True,
                **as_user(spec.user),
            )
        except OSError as error:
            raise Unavailable(f"{spec.name}: cannot start {spec.argv[0]}: {error.strerror}", "start") from None


def as_user(user: str | None) -> dict[str, Any]:
    """Popen arguments that drop every privilege of root for `user`."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def find(record: ProcessRecord) -> psutil.Process | None:
    """The recorded process if it still runs; None if it ended or its pid now belongs to another program."""
    try:
        process = psutil.Process(record.pid)
        if abs(process.create_time() - record.created) > _SAME_START or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if _command_line(process) == record.argv else None
    except psutil.Error:
        return None


def _command_line(process: psutil.Process) -> tuple[str, ...]:
    """Empty for an instant while the kernel sets a new program up; that instant is waited out."""
    deadline = time.monotonic() + _EXEC_SECONDS
    while not (words := process.cmdline()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return tuple(words)


def stop(record: ProcessRecord) -> bool:
    """Ends a recorded process: its signal, a wait, then SIGKILL. True if it ran. Never touches another program."""
    process = find(record)
    if process is None:
        return False
    try:
        process.send_signal(record.stop_signal)
        if not wait_ended([process], record.stop_timeout):
            process.kill()
            wait_ended([process], _KILL_SECONDS)
    except psutil.NoSuchProcess:
        pass
    return True


def wait_ended(processes: Sequence[psutil.Process], timeout: float) -> bool:
    """Whether all of them end within `timeout` seconds. One that only waits to be reaped by its parent has ended."""
    deadline = time.monotonic() + timeout
    while not all(_ended(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop_all(records: Sequence[ProcessRecord], say: Callable[[str], None]) -> None:
    """Ends recorded processes, the last started first."""
    for record in reversed(records):
        began = time.monotonic()
        if stop(record):
            say(f"stopped {record.name} (pid {record.pid}) in {time.monotonic() - began:.1f} s")


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log, indented, for an error message."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8_000))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in text.rstrip().splitlines()[-lines:])
