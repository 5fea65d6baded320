"""A stack that outlives the command that started it: a supervisor process of its own, its progress told until ready."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from config.settings import Settings
from domain.errors import BadInput, Denied, Unavailable
from workers.local.layout import Layout, Stack, load_stack, read_stack_file
from workers.local.locks import SUPERVISOR, AlreadyUp
from workers.local.processes import open_private

_READY_SECONDS = 240.0
_ERROR = "error: "


def start(settings: Settings, run_id: str, say: Callable[[str], None]) -> Stack:
    """Starts the supervisor and returns once all works.

    Raises `AlreadyUp`, `BadInput` or `Unavailable` as the supervisor did; an interruption stops what was started.
    """
    layout = Layout(settings.state_dir)
    layout.prepare()
    log = layout.log(SUPERVISOR)
    offset = log.stat().st_size if log.exists() else 0
    with open_private(log) as output:
        process = subprocess.Popen(  # noqa: S603 - our own argv, no shell
            (sys.executable, "-m", "workers.stack.host", "--state-dir", str(layout.root)),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    say(f"starting Postgres, Temporal, the exchange, worker and ingest in {layout.root}")
    try:
        _order(process, settings, run_id)
        return _until_ready(process, layout, offset, say)
    except BaseException:
        if process.poll() is None:
            process.terminate()
            process.wait()
        raise


def _until_ready(process: subprocess.Popen[bytes], layout: Layout, offset: int, say: Callable[[str], None]) -> Stack:
    deadline = time.monotonic() + _READY_SECONDS
    last_words: list[str] = []  # it may take the process a while to end after them
    while True:
        ended = process.poll()
        fresh, offset = _new_lines(layout, offset)
        for line in fresh:
            text = line.partition(" ")[2]
            if last_words:
                last_words.append(line)
            elif text.startswith(_ERROR):
                last_words.append(text.removeprefix(_ERROR))
            else:
                say(text)
        if ended is not None:
            raise _failure(layout, ended, "\n".join(last_words))
        document = read_stack_file(layout)
        supervisor = document.get("supervisor") or {}
        # A killed predecessor may have left "ready" behind: only the process started here may say it.
        if supervisor.get("pid") == process.pid and document.get("phase") == "ready":
            return load_stack(layout.root)
        if time.monotonic() > deadline:
            raise Unavailable(
                f"the stack was not ready within {_READY_SECONDS:g} s; see {layout.log(SUPERVISOR)}", "not_ready"
            )
        time.sleep(0.1)


def _order(process: subprocess.Popen[bytes], settings: Settings, run_id: str) -> None:
    order = {"run_id": run_id, "settings": settings.model_dump(mode="json")}
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            pipe.write(json.dumps(order).encode())
    except BrokenPipeError:
        process.wait()  # it died first; the caller reads why from its exit code and log


def _new_lines(layout: Layout, offset: int) -> tuple[list[str], int]:
    """Complete lines the supervisor wrote since `offset`, and the new offset."""
    with layout.log(SUPERVISOR).open("rb") as file:
        file.seek(offset)
        text = file.read()
    end = text.rfind(b"\n") + 1
    return text[:end].decode("utf-8", "replace").splitlines(), offset + end


def _failure(layout: Layout, code: int, last_words: str) -> Exception:
    message = last_words or f"see {layout.log(SUPERVISOR)}"
    if code == 3:
        return BadInput(message, "stack")
    if code == 4:
        return AlreadyUp(layout) if "already up" in message else Denied(message, "stack")
    return Unavailable(f"the stack did not come up: {message}", "stack")
