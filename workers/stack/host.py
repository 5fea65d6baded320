"""One running stack: takes the lock, clears what a killed predecessor left, starts all, watches, stops all.

Run as `python -m workers.stack.host` (settings as JSON on stdin) it is the detached form of `surefoot up`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from config.settings import Settings
from domain.errors import BadInput, Denied, Halted, Rejected, SurefootError, Unavailable
from ingest.strategies.registry import instances
from workers.alerting.watch import watching
from workers.local import presence
from workers.local.books import end_run
from workers.local.keys import ensure_paper_keys
from workers.local.layout import Layout, load_stack, read_stack_file, write_json, write_private
from workers.local.locks import SUPERVISOR, locked
from workers.local.noted import Noted
from workers.local.ports import allot
from workers.local.processes import ProcessRecord, ProcessSpec, find, marked, stop_all
from workers.local.supervisor import DEFAULT_POLICY, RestartPolicy, Supervisor
from workers.stack import services as services_of_stack

Say = Callable[[str], None]
Services = Callable[[Layout, Settings, Mapping[str, int], Say], Awaitable[list[ProcessSpec]]]

_ROUNDS = 4  # a supervisor that is ended by force leaves its children to the next round
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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

    stack.json tells the `phase`: starting, ready, stopping, stopped, or failed with its `error`; which processes are
    `proven`, and the `troubles` of those that do not stay up. What cannot be told, because the disk is full, is told
    later: nothing stops for it.
    Raises `AlreadyUp` if one runs there, `BadInput` or `Unavailable` if it cannot be brought up or kept up; for
    strategies that cannot run, before anything is started or written.
    """
    instances(settings)
    tell = _heedless(say)
    layout = Layout(settings.state_dir)
    layout.prepare()
    with locked(layout):
        clear_orphans(layout, tell)
        former = read_stack_file(layout)
        ports = allot(services_of_stack.wanted_ports(settings), former.get("ports") or {})
        document: dict[str, Any] = {
            "run_id": run_id,
            "mode": settings.mode,
            "phase": "starting",
            "error": None,
            "ever_ready": bool(former.get("ever_ready")) and former.get("run_id") == run_id,
            "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "supervisor": asdict(ProcessRecord.me(SUPERVISOR, presence.STOP_SECONDS)),
            "ports": ports,
            "endpoints": services_of_stack.endpoints(settings, ports),
            "processes": [],
            "proven": former.get("proven") or [] if former.get("run_id") == run_id else [],
            "troubles": {},
        }

        def up() -> None:
            noted.write(phase="ready", ever_ready=True)
            if services is services_of_stack.services:  # another's list has no worker and no ledger to look at
                watch.enter_context(watching(load_stack(layout.root), SUPERVISOR, tell))
            ready()

        async def stopping(of: Layout) -> None:
            noted.write(phase="stopping")
            await asyncio.to_thread(watch.close)
            await before_stop(of)

        noted = Noted(layout.stack, document, tell)
        try:  # what the children read is there before the first of them
            if settings.mode == "paper":
                ensure_paper_keys(layout)
            write_private(layout.settings, settings.model_dump_json(indent=1).encode() + b"\n")
            write_json(layout.stack, document)
        except OSError as error:
            raise Unavailable(
                f"{layout.root} takes no more ({error.strerror}); free space there, then run `surefoot up` again",
                "disk",
            ) from None
        keeping = asyncio.create_task(noted.keep())
        watch = ExitStack()
        try:
            specs = [marked(spec, layout.root) for spec in await services(layout, settings, ports, tell)]
            supervisor = Supervisor(
                specs,
                say=tell,
                changed=lambda records: noted.write(
                    processes=[asdict(record) for record in records],
                    proven=supervisor.proven,
                    troubles=supervisor.troubles,
                ),
                ready=up,
                policy=policy,
                proven=document["proven"],
            )
            await _until_stopped(supervisor, stop, stopping, layout)
        except SurefootError as error:
            noted.write(phase="failed", error=error.message, supervisor=None, processes=[], troubles={})
            raise
        except BaseException as error:
            noted.write(phase="failed", error=repr(error), supervisor=None, processes=[], troubles={})
            raise
        finally:
            keeping.cancel()
            watch.close()
        noted.write(phase="stopped", supervisor=None, processes=[], troubles={})


def _heedless(say: Say) -> Say:
    """The same, but a line that cannot be written (disk full, terminal closed) is lost, and nothing else."""

    def tell(line: str) -> None:
        with suppress(OSError):
            say(line)

    return tell


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


def clear_orphans(layout: Layout, say: Say) -> None:
    """Ends what runs in the folder before anything is started in it, whoever left it there, with or without
    `stack.json`: never a second Temporal on one file, never two ingests on one account."""
    orphans = others(layout)
    if orphans:
        say(f"a former stack was killed; ending what it left: {', '.join(record.name for record in orphans)}")
        _end(layout, say)


def others(layout: Layout) -> list[ProcessRecord]:
    """What runs in the folder besides this process."""
    return [record for record in presence.running(layout) if record.pid != os.getpid()]


def _end(layout: Layout, say: Say) -> None:
    """Ends all that runs in the folder besides this process, supervisors first so that nothing is started again.

    Raises `Unavailable` for what cannot be ended."""
    for _ in range(_ROUNDS):
        found = others(layout)
        supervisors = [record for record in found if record.name == SUPERVISOR]
        stop_all(supervisors or found, say)
        if not found:
            return
    if left := others(layout):
        names = ", ".join(f"{record.name} (pid {record.pid})" for record in left)
        raise Unavailable(
            f"still running in {layout.root}: {names}; another user's end by that user's hand, those of a service by "
            "`systemctl stop`",
            "not_ended",
        )


def recorded(document: Mapping[str, Any]) -> list[ProcessRecord]:
    return [ProcessRecord.parse(item) for item in document.get("processes") or ()]


def supervisor_of(document: Mapping[str, Any]) -> ProcessRecord | None:
    """The living supervisor that stack.json names, if it lives. `presence.supervisor_in` needs no file."""
    item = document.get("supervisor")
    record = ProcessRecord.parse(item) if item else None
    return record if record is not None and find(record) is not None else None


def down(layout: Layout, say: Say) -> bool:
    """Stops the stack of a state folder, its supervisor first so that nothing is started again.

    True if anything ran. Finds it with or without `stack.json`; ends by force what does not end in time; never touches
    a process that is not ours. Raises `Unavailable` for what cannot be ended.
    """
    found = others(layout)
    if not found:
        return False
    for record in found:
        if record.name == SUPERVISOR:
            say(f"asking the supervisor (pid {record.pid}) to stop all")
    _end(layout, say)
    try:
        document = read_stack_file(layout)
        if document.get("phase") != "stopped":
            write_json(layout.stack, {**document, "phase": "stopped", "supervisor": None, "processes": []})
    except (SurefootError, OSError) as error:
        say(f"all has ended; {layout.stack.name} could not say so: {error}")
    return True


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
        # Straight to the log it has as stdout: what a full disk refuses must not come again from a buffer.
        os.write(1, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n".encode())

    async def serve() -> None:
        order = json.loads(sys.stdin.buffer.read())
        async with stop_on_signals() as stop:
            await run(Settings.model_validate(order["settings"]), order["run_id"], say=say, stop=stop)

    os.umask(0o077)
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
