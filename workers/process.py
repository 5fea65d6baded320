"""What the stack's Temporal processes share as processes: arguments, logging, signals, exit."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import structlog
import uvloop

from domain.errors import SurefootError
from workers import logs
from workers.local.layout import Stack, load_stack
from workers.venues_needed import VenueNeeded
from workers.versions.errors import OtherVersionNeeded

log = structlog.get_logger(__name__)

_BAD_CONFIG = 3
_REFUSED = 4
_FAILED = 5


@asynccontextmanager
async def until_told_to_stop() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    try:
        yield stop
    finally:
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(sign)


def child_main(name: str, run: Callable[[Stack], Awaitable[None]], description: str | None) -> NoReturn:
    """Run `run` for the stack named by --state-dir and end the process.

    Ends by `os._exit`: the Temporal SDK's native threads may abort an ordinary interpreter exit after the work is done
    (sdk-python issue 300), which the supervisor would take for a crash. Exit codes: 0; what no restart mends, 3 for a
    configuration it cannot run by and 4 when open trades need another version or venue; 5 for any other error of ours;
    1 for what nobody foresaw.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--state-dir", type=Path, required=True)
    arguments = parser.parse_args()
    code = 0
    try:
        stack = load_stack(arguments.state_dir)
        logs.configure(name, stack.run_id, stack.settings.logging.level, stack.layout.log(name))

        async def main() -> None:
            await run(stack)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except SurefootError as error:
        log.error("process failed", error=error.message, code=error.code)  # noqa: TRY400 - the message says it all
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 - what the supervisor shows
        code = _BAD_CONFIG if error.code == "config" else _FAILED
        if isinstance(error, (OtherVersionNeeded, VenueNeeded)):
            code = _REFUSED
    except BaseException:
        log.exception("process failed")
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
