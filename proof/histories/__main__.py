"""Record the corpus: `surefoot-proof histories [--into FOLDER] [PATH …]`, every path unless some are named.

Starts a Temporal development server of its own, and nothing else; reaches no venue. Exit code 6 if a path took another
turn than it says, and then nothing is written.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from temporalio.client import Client, WorkflowHistory
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from proof.histories import corpus
from proof.histories.paths import PATHS
from proof.histories.stage import Stage
from workers.local.temporal import find_binary
from workers.payloads import DATA_CONVERTER
from workers.versions.replay import replay
from workflows import names as words

_AT_ONCE = 6
SEARCH_KEYS = (
    SearchAttributeKey.for_keyword(words.SEARCH_STATE),
    SearchAttributeKey.for_float(words.SEARCH_UNHEDGED),
    SearchAttributeKey.for_keyword_list(words.SEARCH_MARKETS),
    SearchAttributeKey.for_keyword(words.SEARCH_STRATEGY),
    SearchAttributeKey.for_keyword(words.SEARCH_PARKED),
)


async def record(names: list[str], *, say: bool = True) -> tuple[dict[str, WorkflowHistory], dict[str, str]]:
    """The histories of these paths, and what went wrong with each of the others."""
    os.environ["TEMPORAL_VERSION_CHECK_DISABLED"] = "1"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    found: dict[str, WorkflowHistory] = {}
    wrong: dict[str, str] = {}
    gate = asyncio.Semaphore(_AT_ONCE)
    server = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(find_binary(None)),
        dev_server_log_level="error",
        data_converter=DATA_CONVERTER,
        search_attributes=list(SEARCH_KEYS),
    )

    async def one(client: Client, name: str) -> None:
        async with gate:
            began = time.monotonic()
            try:
                found[name] = await _recorded(client, name)
                told = f"{len(found[name].events)} events"
            except Exception as error:
                wrong[name] = told = f"{type(error).__name__}: {error.__cause__ or error}"
            if say:
                print(f"{name}: {told} ({time.monotonic() - began:.1f} s)", flush=True)  # noqa: T201 - its output

    async with server:
        await asyncio.gather(*(one(server.client, name) for name in names))
    return found, wrong


async def _recorded(client: Client, name: str) -> WorkflowHistory:
    """Live it, then let today's code replay it: a path that does not even replay itself is not worth keeping."""
    path = PATHS[name]
    stage = Stage(client, name, **path.stage)
    async with stage.worker():
        await path.live(stage)
        history = await stage.history()

    async def only() -> AsyncIterator[WorkflowHistory]:
        yield history

    async for _, difference in replay(only()):
        if difference is not None:
            raise AssertionError(f"{difference}; {difference.words}")
    return history


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("tests/histories"))
    parser.add_argument("paths", nargs="*", metavar="PATH", help=", ".join(PATHS))
    arguments = parser.parse_args()
    names: list[str] = arguments.paths or list(PATHS)
    if unknown := [name for name in names if name not in PATHS]:
        parser.error(f"no such path: {', '.join(unknown)}; there are {', '.join(PATHS)}")
    began = time.monotonic()
    found, wrong = asyncio.run(record(names))
    if wrong:
        for name, why in wrong.items():
            print(f"{name} was not recorded: {why}", file=sys.stderr)  # noqa: T201
        print("nothing was written", file=sys.stderr)  # noqa: T201
        return 6
    folder: Path = arguments.into
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        corpus.save(folder, name, found[name])
    if not arguments.paths:
        for stale in set(corpus.names(folder)) - set(PATHS):
            (folder / f"{stale}.json").unlink()
    corpus.save_index(folder, {name: path.told for name, path in PATHS.items()})
    print(f"{len(found)} histories in {folder}, {time.monotonic() - began:.0f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the SDK's native threads may abort a slower exit
