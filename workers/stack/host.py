"""One running stack: takes the lock, clears what a killed predecessor left, starts all, watches, stops all.

Run as `python -m workers.stack.host` (settings as JSON on stdin) it is the detached form of `surefoot up`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import IO, Any

from config.settings import Settings
from domain.errors import BadInput, Denied, Halted, Rejected, SurefootError
from ingest.strategies.registry import instances
from workers.stack import services as services_of_stack
from workers.stack.books import end_run
from workers.stack.keys import ensure_paper_keys
from workers.stack.layout import Layout, read_stack_file, write_json, write_private
from workers.stack.ports import allot
from workers.stack.processes import ProcessRecord, ProcessSpec, find, stop_all
from workers.stack.supervisor import DEFAULT_POLICY, RestartPolicy, Supervisor

Say = Callable[[str], None]
Services = Callable[[Layout, Settings, Mapping[str, int], Say], Awaitable[list[ProcessSpec]]]

SUPERVISOR = "supervisor"
_STOP_SECONDS = 90.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyUp(Denied):
    """Another supervisor holds this state folder."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            f"a stack is already up in {layout.root}; see `surefoot status`, stop it with `surefoot down`", "already_up"
        )


@contextmanager
def locked(layout: Layout) -> Any:
    """Holds the state folder against other supervisors; freed by the kernel however we end. Raises `AlreadyUp`."""
    file: IO[bytes] = layout.lock.open("ab")
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyUp(layout) from None
        yield
    finally:
        file.close()


async def run(
    settings: Settings,
    run_id: str,
    *,
    say: Say,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
    before_stop: Callable[[Layout], Awaitable[None]] = end_run,
    services: Services = services_of_stack.services,
    policy: RestartPolicy = DEFAULT_POLICY,
) -> None:
    """Runs the stack of `settings` until `stop` is set.

    stack.json tells the `phase`: starting, ready, stopped, or failed with its `error`.
    Raises `AlreadyUp` if one runs there, `BadInput` or `Unavailable` if it cannot be brought up or kept up; for
    strategies that cannot run, before anything is started or written.
    """
    instances(settings)
    layout = Layout(settings.state_dir)
    layout.prepare()
    with locked(layout):
        former = read_stack_file(layout)
        clear_orphans(former, say)
        ports = allot(services_of_stack.wanted_ports(settings), former.get("ports") or {})
        if settings.mode == "paper":
            ensure_paper_keys(layout)
        write_private(layout.settings, settings.model_dump_json(indent=1).encode() + b"\n")
        document: dict[str, Any] = {
            "run_id": run_id,
            "mode": settings.mode,
            "phase": "starting",
            "error": None,
            "ever_ready": bool(former.get("ever_ready")) and former.get("run_id") == run_id,
            "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "supervisor": asdict(ProcessRecord.me(SUPERVISOR, _STOP_SECONDS)),
            "ports": ports,
            "endpoints": services_of_stack.endpoints(settings, ports),
            "processes": [],
        }

        def note(**changes: Any) -> None:
            document.update(changes)
            write_json(layout.stack, document)

        def up() -> None:
            note(phase="ready", ever_ready=True)
            ready()

        note()
        try:
            supervisor = Supervisor(
                await services(layout, settings, ports, say),
                say=say,
                changed=lambda records: note(processes=[asdict(record) for record in records]),
                ready=up,
                policy=policy,
            )
            await _until_stopped(supervisor, stop, before_stop, layout)
        except SurefootError as error:
            note(phase="failed", error=error.message, supervisor=None, processes=[])
            raise
        except BaseException as error:
            note(phase="failed", error=repr(error), supervisor=None, processes=[])
            raise
        note(phase="stopped", supervisor=None, processes=[])


async def _until_stopped(
    supervisor: Supervisor, stop: asyncio.Event, before_stop: Callable[[Layout], Awaitable[None]], layout: Layout
) -> None:
    halt = asyncio.Event()

    async def last_words() -> None:
        await stop.wait()
        await before_stop(layout)
        halt.set()

    task = asyncio.create_task(last_words())
    try:
        await supervisor.run(halt)
    finally:
        task.cancel()


def clear_orphans(document: Mapping[str, Any], say: Say) -> None:
    """Ends what a killed supervisor left running, last started first. Only processes proven to be ours."""
    orphans = [record for record in recorded(document) if find(record) is not None]
    if orphans:
        say(f"a former stack was killed; ending what it left: {', '.join(record.name for record in orphans)}")
        stop_all(orphans, say)


def recorded(document: Mapping[str, Any]) -> list[ProcessRecord]:
    return [ProcessRecord.parse(item) for item in document.get("processes") or ()]


def supervisor_of(document: Mapping[str, Any]) -> ProcessRecord | None:
    """The living supervisor that stack.json names, if it lives."""
    item = document.get("supervisor")
    record = ProcessRecord.parse(item) if item else None
    return record if record is not None and find(record) is not None else None


def down(layout: Layout, say: Say) -> bool:
    """Stops the stack of a state folder, its supervisor first so that nothing is started again.

    True if anything ran. Ends by force what does not end in time; never touches a process that is not ours.
    """
    document = read_stack_file(layout)
    supervisor = supervisor_of(document)
    if supervisor is not None:
        say(f"asking the supervisor (pid {supervisor.pid}) to stop all")
        stop_all([supervisor], say)
        document = read_stack_file(layout)
    orphans = [record for record in recorded(document) if find(record) is not None]
    stop_all(orphans, say)
    if orphans:
        write_json(layout.stack, {**document, "phase": "stopped", "supervisor": None, "processes": []})
    return supervisor is not None or bool(orphans)


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT, SIGTERM and a closed terminal set; the defaults come back afterwards."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


def main() -> int:
    """The detached supervisor. Reads {"run_id", "settings"} from stdin; progress lines go to stdout."""

    def say(line: str) -> None:
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", flush=True)  # noqa: T201 - stdout is its log

    async def serve() -> None:
        order = json.loads(sys.stdin.buffer.read())
        async with stop_on_signals() as stop:
            await run(Settings.model_validate(order["settings"]), order["run_id"], say=say, stop=stop)

    os.umask(0o022)
    try:
        asyncio.run(serve())
    except SurefootError as error:
        say(f"error: {error.message}")
        return 3 if isinstance(error, BadInput) else 4 if isinstance(error, (Denied, Rejected, Halted)) else 5
    say("all stopped")
    return 0


def run_to_begin(layout: Layout) -> tuple[str, bool]:
    """The run a start belongs to, and whether it goes on: a stack that was cut off continues its run.

    A run ends when its stack is stopped; what was killed did not end, so its report and trades stay in one place. A
    start that never came up began nothing.
    """
    document = read_stack_file(layout)
    cut_off = document.get("phase") != "stopped" and document.get("ever_ready") and document.get("run_id")
    return (str(cut_off), True) if cut_off else (new_run_id(), False)


def new_run_id() -> str:
    """Names a run: its start in UTC, and four hex digits against two starts in one second."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(2).hex()}"


if __name__ == "__main__":
    sys.exit(main())
