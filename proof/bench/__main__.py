"""`surefoot-proof bench [NAME …]`: the figures named, or all of them. About three minutes for all. It measures the
defaults: no SUREFOOT_ setting of the environment reaches it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from domain.errors import SurefootError
from proof.bench import burst, decision, feed, load, markets, memory, parts, polymarket, sign, stages, startup, trades
from proof.bench.sessions import deep
from proof.bench.stand import play, stand
from workers import logs

_ALL = ("decision", "burst", "polymarket", "markets", "sign", "startup", "trades", "feed")
_ON_REQUEST = ("stages", "soak", "load")
_UNLIMITED = {"admission.most_trading": None, "admission.hedge_wait_ms": None}
"""What as many trades as are asked for at once are measured without."""
_RECORDING = Path(__file__).parents[2].parent / "shared/data/kalshi_nba_winners"


def main() -> int:
    parser = argparse.ArgumentParser(prog="surefoot-proof bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which figures: {', '.join(_ALL)}, all if none; or stages, soak, load"
    )
    parser.add_argument("--recording", default=str(_RECORDING), help="a folder of recorded books, if there is one")
    parser.add_argument("--game", default="TOR-CHA")
    parser.add_argument(
        "--rates", type=int, nargs="*", default=[1000, 2000, 4000], help="frames a second before a burst"
    )
    parser.add_argument("--sequential", type=int, default=400, help="trades one after the other")
    parser.add_argument("--concurrent", type=int, default=640, help="trades with --at-once in flight")
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--waves", type=int, default=300, help="opportunities played to the whole ingest process")
    parser.add_argument("--parts", type=int, default=200, help="repetitions of each part of the order path")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long load offers each rate")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long soak replays at full speed")
    arguments = parser.parse_args()
    chosen = arguments.names or list(_ALL)
    unknown = [name for name in chosen if name not in (*_ALL, *_ON_REQUEST)]
    if unknown:
        parser.error(f"{unknown[0]!r} is no figure; expected {', '.join(_ALL)}")
    command = " ".join(["surefoot-proof bench", *sys.argv[1:]])
    try:
        if "decision" in chosen:
            decision.run(command, arguments.recording, arguments.game)
        if "burst" in chosen:
            burst.run(command, arguments.rates)
        if "polymarket" in chosen:
            polymarket.run(command, Path(arguments.recording).parent)
        if "markets" in chosen:
            markets.run(command)
        if "stages" in chosen:
            stages.run(command)
        if "soak" in chosen:
            markets.soak(command, arguments.minutes)
        if "sign" in chosen:
            sign.run(command)
        if "startup" in chosen:
            startup.run(command)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if "trades" in chosen:
                runner.run(_until_told(_trades(command, arguments)))
            if "load" in chosen:
                runner.run(_until_told(_load(command, arguments.seconds)))
            if "feed" in chosen:
                runner.run(_until_told(feed.run(command, arguments.waves)))
    except SurefootError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 - what the person at the terminal needs
        return 5
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return 0


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """What was started is stopped on SIGTERM and SIGHUP too."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


async def _trades(command: str, arguments: argparse.Namespace) -> None:
    with stand(ingest=False, overrides=_UNLIMITED) as stack:
        logs.configure("ingest", stack.run_id, stack.settings.logging.level, stack.layout.log("ingest"))
        await asyncio.to_thread(play, stack, deep())
        async with trades.desk(stack) as opened:
            await trades.sequential(opened, command, arguments.sequential, warmup=50)
            await trades.concurrent(opened, command, arguments.concurrent, arguments.at_once)
            await parts.run(opened, command, arguments.parts)  # last: its orders have no trade, which halts everything
            memory.run(stack, command, "after the trades")


async def _load(command: str, seconds: float) -> None:
    with stand(ingest=False) as stack:
        logs.configure("ingest", stack.run_id, stack.settings.logging.level, stack.layout.log("ingest"))
        await asyncio.to_thread(play, stack, deep())
        async with trades.desk(stack) as opened:
            await load.run(opened, command, seconds)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the Temporal SDK's native threads may abort an ordinary exit (sdk-python issue 300)
