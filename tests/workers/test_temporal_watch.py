"""Whether Temporal answers, told once at every change; a real server that is there, gone, and frozen."""

from __future__ import annotations

import asyncio
import signal
import time

import psutil
from temporalio.testing import WorkflowEnvironment

from workers.local.temporal import find_binary
from workers.temporal_watch import TemporalWatch


def stopped(process: psutil.Process) -> None:
    """Wait until it is: a process that has not yet noticed may still answer."""
    while process.status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)


async def test_a_server_that_freezes_is_told_and_so_is_its_return_and_its_end() -> None:
    before = set(psutil.Process().children())
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=str(find_binary(None)))
    told: list[tuple[bool, bool]] = []
    watch = TemporalWatch(server.client, lambda answers, why: told.append((answers, bool(why))))
    try:
        (process,) = [child for child in psutil.Process().children() if child not in before]
        await watch.look()
        await watch.look()
        process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(stopped, process)
        await watch.look()
        process.send_signal(signal.SIGCONT)
        while not watch.answers:
            await asyncio.sleep(0.05)
            await watch.look()
    finally:
        await server.shutdown()
    await watch.look()
    assert told == [(True, False), (False, True), (True, False), (False, True)]
