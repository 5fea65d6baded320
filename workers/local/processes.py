"""One child process: what to run, how to tell that it works, and how to be sure a pid is still the one we started.

A pid alone names nobody: numbers are used again. A process is ours only if pid, start and command line all match what
was recorded when it was started. The start is counted in the kernel's ticks since the machine's own, which no setting
of the clock moves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import psutil

from domain.errors import BadInput, Unavailable

_KILL_SECONDS = 10.0
_EXEC_SECONDS = 0.2
_SAME_START = 2.0  # seconds, where no ticks are known: the wall clock of a start is restated after an adjustment

FOLDER_VARIABLE, PART_VARIABLE = "STACK_OF_SUREFOOT", "STACK_OF_SUREFOOT_PART"
"""How a child carries whose it is: its environment is read where `stack.json` is lost, see `presence`."""
SUPERVISOR_VARIABLE = "STACK_OF_SUREFOOT_SUPERVISOR"
"""The pid of who started a child and looks after it, see `workers.supervised`."""

_PASSED = ("PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`argv` run with stdout and stderr appended to `output`.

    `prepare` runs before every start; `healthy` tells whether the process does its work (it may be asked often and
    must answer within a second or two); `ready` runs after each start once healthy, and must be repeatable. They raise
    `SurefootError` for what no repetition cures. `log` is the file that messages point a person to. Of our own
    environment the process gets what every program needs, the names (and, ending in `*`, prefixes) in `passes`, and
    `env`: a secret in a variable of ours is no business of a database of another user. One that is `spare` is started
    again for ever, from the first time on: nothing else ends for want of it.
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
    passes: tuple[str, ...] = ()
    stop_signal: int = signal.SIGTERM
    stop_timeout: float = 15.0
    start_timeout: float = 45.0
    spare: bool = False


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A started process as stack.json remembers it. `created` is for people: the wall clock moves it. `began` is the
    start itself, see `start_of`; "" in files of versions that did not write it."""

    name: str
    pid: int
    created: float
    argv: tuple[str, ...]
    stop_signal: int = signal.SIGTERM
    stop_timeout: float = 15.0
    began: str = ""

    @classmethod
    def of(cls, spec: ProcessSpec, pid: int) -> ProcessRecord:
        """Raises `psutil.NoSuchProcess` if it has gone already."""
        created, began = psutil.Process(pid).create_time(), start_of(pid)
        return cls(spec.name, pid, created, spec.argv, spec.stop_signal, spec.stop_timeout, began)

    @classmethod
    def seen(cls, name: str, process: psutil.Process, *, stop_signal: int, stop_timeout: float) -> ProcessRecord:
        """A process that nobody recorded. Raises `psutil.NoSuchProcess` if it has gone already."""
        began, words = start_of(process.pid), tuple(process.cmdline())
        return cls(name, process.pid, process.create_time(), words, stop_signal, stop_timeout, began)

    @classmethod
    def me(cls, name: str, stop_timeout: float) -> ProcessRecord:
        return cls.seen(name, psutil.Process(), stop_signal=signal.SIGTERM, stop_timeout=stop_timeout)

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
                str(item.get("began") or ""),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"stack.json lists a process that cannot be read ({error!r}); "
                "`surefoot down` ends what still runs; delete the file, then run `surefoot up`",
                "stack_file",
            ) from None


def spawn(spec: ProcessSpec) -> subprocess.Popen[bytes]:
    """Starts the process in a session of its own, so that a Ctrl-C in our terminal reaches only us.

    Raises `Unavailable` if the program cannot be started.
    """
    with open_private(spec.output) as output:
        try:
            return subprocess.Popen(  # noqa: S603 - our own argv, no shell
                spec.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**passed((*_PASSED, *spec.passes)), **spec.env},
                start_new_session=True,
                umask=0o077,
                **as_user(spec.user),
            )
        except OSError as error:
            raise Unavailable(f"{spec.name}: cannot start {spec.argv[0]}: {error.strerror}", "start") from None


def marked(spec: ProcessSpec, folder: Path) -> ProcessSpec:
    """The same, to be known as a part of the folder's stack, and to know who supervises it."""
    mark = {
        FOLDER_VARIABLE: str(folder.absolute()),
        PART_VARIABLE: spec.name,
        SUPERVISOR_VARIABLE: str(os.getpid()),
    }
    return replace(spec, env={**spec.env, **mark})


def passed(names: Sequence[str]) -> dict[str, str]:
    """Our environment as far as it is named; a name that ends in `*` is a prefix."""
    return {
        name: value
        for name, value in os.environ.items()
        if any(name.startswith(known[:-1]) if known.endswith("*") else name == known for known in names)
    }


def open_private(path: Path) -> IO[bytes]:
    """A log to append to, readable by its owner alone. A disk that is full keeps none from opening that exists."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def as_user(user: str | None) -> dict[str, Any]:
    """Popen arguments that drop every privilege of root for `user`."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def find(record: ProcessRecord) -> psutil.Process | None:
    """The recorded process if it still runs; None if it ended or its pid now belongs to another program."""
    try:
        process = psutil.Process(record.pid)
        if not _same_start(process, record) or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if _command_line(process) == record.argv else None
    except psutil.Error:
        return None


def start_of(pid: int) -> str:
    """When a process started, as nothing but a boot changes it: the boot and the kernel's ticks since; "" where the
    system has no /proc. Raises `psutil.NoSuchProcess`."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return f"{_boot()}:{fields.rpartition(')')[2].split()[19]}"
    except (FileNotFoundError, ProcessLookupError):
        if not Path("/proc/self/stat").exists():
            return ""
        raise psutil.NoSuchProcess(pid) from None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _same_start(process: psutil.Process, record: ProcessRecord) -> bool:
    if record.began:
        return start_of(process.pid) == record.began
    return abs(process.create_time() - record.created) <= _SAME_START


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
