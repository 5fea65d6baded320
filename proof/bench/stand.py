"""The bench's own stack: a temporary state folder, a supervisor process, and nothing left when it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli import paper
from config.load import load
from config.settings import PaperSession, Settings
from domain.errors import BadInput, Unavailable
from recording.sources import session_file
from recording.sources.session import RecordedSession
from workers.local.layout import Layout, Stack, load_stack, read_stack_file
from workers.local.processes import ProcessSpec
from workers.stack import host, services

_READY_S = 120.0
_SETTINGS = {
    "paper.opening_cash": "10000000",  # so that no run ends for want of money
    "paper.rudeness": "0",  # what is measured is this side of the wire
}


@contextmanager
def stand(*, ingest: bool, overrides: Mapping[str, Any] | None = None) -> Iterator[Stack]:
    """A running stack. Without `ingest` the measuring process itself takes the place of the ingest process.

    Raises `Unavailable` if it does not come up; what was started is stopped in any case and the folder removed.
    """
    folder = Path(tempfile.mkdtemp(prefix="surefoot-bench-"))
    folder.chmod(0o711)  # the embedded Postgres runs as a user of its own where we are root
    settings = load(environ={}, overrides={**_SETTINGS, **(overrides or {}), "state_dir": str(folder / "state")})
    layout = Layout(settings.settings.state_dir)
    try:
        with (folder / "supervisor.log").open("wb") as output:
            supervisor = subprocess.Popen(  # noqa: S603 - our own argv, no shell
                (sys.executable, "-m", "proof.bench.stand", "with-ingest" if ingest else "without-ingest"),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a signal to our group must reach us first: our worker ends before its server
            )
        try:
            assert supervisor.stdin is not None
            with supervisor.stdin as pipe:
                pipe.write(settings.settings.model_dump_json().encode())
            yield _until_ready(supervisor, layout, folder)
        finally:
            supervisor.terminate()
            supervisor.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play(stack: Stack, session: RecordedSession) -> None:
    """Let the paper exchange begin `session`; returns when its first books stand."""
    path = stack.state_dir / f"{session.name}.session.jsonl.gz"
    session_file.write(session, path)
    path.chmod(0o644)
    paper.play(stack, PaperSession(recording=str(path)))


def first_arrivals(stack: Stack) -> dict[str, int]:
    """By client order id: when the exchange had the first copy's bytes, wall-clock microseconds of this machine."""
    orders = paper.audit(stack)["orders"]
    return {client_id: receipt["first_received_at"] for client_id, receipt in orders.items()}


def until_quiet(stack: Stack, seconds: float) -> None:
    """Wait until the exchange has played its session to the end. Raises `Unavailable` after `seconds`."""
    deadline = time.monotonic() + seconds
    while paper.status(stack)["state"] == "playing":
        if time.monotonic() > deadline:
            raise Unavailable(f"the session still plays after {seconds:g} s; expected it over by now", "bench")
        time.sleep(0.5)


def _until_ready(supervisor: subprocess.Popen[bytes], layout: Layout, folder: Path) -> Stack:
    deadline = time.monotonic() + _READY_S
    while True:
        if layout.stack.exists() and read_stack_file(layout).get("phase") == "ready":
            return load_stack(layout.root)
        if supervisor.poll() is not None or time.monotonic() > deadline:
            said = (folder / "supervisor.log").read_text(encoding="utf-8", errors="replace").strip()
            raise Unavailable(f"the bench's stack did not come up; it said: {said[-2000:]}", "bench")
        time.sleep(0.1)


async def _run(settings: Settings, *, ingest: bool) -> None:
    async def chosen(layout: Layout, settings: Settings, ports: Mapping[str, int], say: host.Say) -> list[ProcessSpec]:
        specs = await services.services(layout, settings, ports, say)
        return [spec for spec in specs if ingest or spec.name != "ingest"]

    async with host.stop_on_signals() as stop:
        await host.run(settings, host.new_run_id(), say=_say, stop=stop, services=chosen)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - stdout is the supervisor's log


def main() -> int:
    """The supervisor process: settings as JSON on stdin, SIGTERM stops all."""
    os.umask(0o022)
    document = json.loads(sys.stdin.buffer.read())
    if sys.argv[1:] not in (["with-ingest"], ["without-ingest"]):
        raise BadInput(f"stand {sys.argv[1:]}: expected with-ingest or without-ingest", "usage")
    asyncio.run(_run(Settings.model_validate(document), ingest=sys.argv[1] == "with-ingest"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
