"""`python -m workers.chaos`: kill real processes at every step of every path, and say what came of it as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from typing import Any

import uvloop

from domain.errors import SurefootError
from workers.chaos import campaign
from workers.chaos.paths import PATHS

_BEGAN = time.monotonic()

logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool says at length that a killed server is away


def main() -> int:
    """Exit code 0 if every invariant held after every kill, 6 if one did not, 5 if the stack did not come up."""
    parser = argparse.ArgumentParser(prog="python -m workers.chaos", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="just this step; may be repeated")
    parser.add_argument("--path", action="append", default=[], choices=[path.name for path in PATHS])
    parser.add_argument("--list", action="store_true", help="watch the paths and list their steps; kill nothing")
    arguments = parser.parse_args()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_until_told(_run(arguments)))
    except SurefootError as error:
        say(f"error: {error.message}")
        return 5
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


async def _run(arguments: argparse.Namespace) -> int:
    only = arguments.path or [path.name for path in PATHS if any(f":{path.name}:" in name for name in arguments.only)]
    paths = [path for path in PATHS if not only or path.name in only]
    async with campaign.stage(say) as on:
        found = await campaign.watch(on, paths, say)
        if arguments.list:
            for step in found:
                print(f"{step.after_s:7.3f} {step.name}")  # noqa: T201
            return 0
        wanted = campaign.named(arguments.only, found) if arguments.only else found
        result = await campaign.kill_at(on, wanted, say)
    print(json.dumps(result.summary()), flush=True)  # noqa: T201 - the last line of stdout is the result
    return 6 if result.violations else 0


def say(line: str) -> None:
    print(f"{time.monotonic() - _BEGAN:7.1f} {line}", file=sys.stderr, flush=True)  # noqa: T201 - progress


async def _until_told(work: Coroutine[Any, Any, int]) -> int:
    """What was started is stopped on SIGTERM and SIGHUP too."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the Temporal SDK's native threads may abort an ordinary exit (sdk-python issue 300)
