"""Paper exchanges as processes of their own, for tests that kill them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.places import ROOT

StartOne = Callable[..., Awaitable[tuple[asyncio.subprocess.Process, int]]]


@asynccontextmanager
async def exchanges() -> AsyncIterator[StartOne]:
    """Starts a script with its arguments; the process and its port, once it answers. None outlives the block."""
    processes: list[asyncio.subprocess.Process] = []

    async def start_one(script: Path, *arguments: str) -> tuple[asyncio.subprocess.Process, int]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        processes.append(process)
        assert process.stdout is not None
        while not (line := await process.stdout.readline()).strip().isdigit():
            assert line, "the exchange ended before it answered"
        return process, int(line)

    try:
        yield start_one
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
