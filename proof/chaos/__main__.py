"""`surefoot-proof chaos`: kill real processes at every step of every path, and say what came of it as JSON."""

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
from proof.chaos import campaign, crowd
from proof.chaos.kills import Kills
from proof.chaos.paths import PATHS

_BEGAN = time.monotonic()

logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool says at length that a killed server is away


def main() -> int:
    """Exit code 0 if every invariant held after every kill, 6 if one did not, 5 if the stack did not come up."""
    parser = argparse.ArgumentParser(prog="surefoot-proof chaos", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="just this step; may be repeated")
    parser.add_argument("--path", action="append", default=[], choices=[path.name for path in PATHS])
    parser.add_argument("--minutes", type=float, help="stop after so long and say how many steps were left")
    parser.add_argument("--resume", action="store_true", help="leave out steps done on this code; keep what is done")
    parser.add_argument("--crowd", action="store_true", help="just the two hundred open trades")
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
        if arguments.crowd:
            return _told({}, await crowd.crowd(on, say), 0)
        found = await campaign.watch(on, paths, say)
        if arguments.list:
            for step in found:
                print(f"{step.after_s:7.3f} {step.name}")  # noqa: T201
            return 0
        wanted = campaign.named(arguments.only, found) if arguments.only else found
        everything = not arguments.only and not arguments.path
        kept = Kills() if arguments.resume else None
        if kept is not None:
            wanted = kept.left(wanted)
            say(kept.sentence(len(found)))
        result = await campaign.kill_at(
            on, wanted, say, arguments.minutes, kept.keep if kept is not None else lambda verdicts, wrong: None
        )
        many = await crowd.crowd(on, say) if everything and (kept is None or not kept.crowd_done) else None
    summary = result.summary()
    if kept is not None:
        if many is not None:
            kept.keep_crowd(many)
        kept.close()
        summary |= {"resumed": kept.summary(found)}
    return _told(summary, many, max(len(result.violations), len(kept.failed) if kept is not None else 0))


def _told(summary: dict[str, Any], many: crowd.Crowd | None, violations: int) -> int:
    """Print the summary as the last line of stdout and choose the exit code."""
    if many is not None:
        violations += len(many.violations)
        summary |= {"open_200": many.held, "open_200_s": round(many.resolved_s, 3)}
        summary |= {"open_200_from_up_s": round(many.from_start_s, 3)}
    print(json.dumps(summary | {"violations": violations}), flush=True)  # noqa: T201
    return 6 if violations else 0


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
