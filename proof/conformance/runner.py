"""One client's run: an exchange of its own, the client's process, and the comparison of their books afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.errors import Unavailable
from proof.conformance import books, stands
from proof.conformance.checks import Check, read
from proof.conformance.drive import DESKS
from proof.conformance.stand import Stand

_ROOT = Path(__file__).parents[2]
VENUES = {client: "polymarket" if "polymarket" in client or "clob" in client else "kalshi" for client in DESKS}

_PATIENCE_S = 150.0  # for one client's whole script


@dataclass(slots=True)
class Result:
    """One client's findings; `version` is empty if it never started."""

    client: str
    version: str = ""
    checks: list[Check] = field(default_factory=list)

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.ok]

    @property
    def passed(self) -> list[Check]:
        return [check for check in self.checks if check.ok and not check.skipped]

    def summary(self) -> dict[str, object]:
        return {
            "client": self.client,
            "version": self.version,
            "passed": len(self.passed),
            "failed": len(self.failed),
            "failures": [check.name for check in self.failed],
        }


async def run_client(
    client: str,
    python: Path,
    folder: Path,
    say: Callable[[str, Check], None],
    *,
    faults: Path | None = None,
) -> Result:
    """The whole script through one client, on a fresh exchange in `folder`, then the exchange's books.

    `folder` must exist and be empty. With `faults` the exchange goes wrong as that script says. Failures are findings,
    never raised; raises `Unavailable` if the exchange itself does not come up."""
    result = Result(client)

    def found(check: Check) -> None:
        result.checks.append(check)
        say(client, check)

    async with _exchange(VENUES[client], folder, faults) as stand:
        stand.write(folder / "stand.json")
        told = await _drive(client, python, folder, found)
        result.version = told.get("version", "")
    if told:
        for check in books.compare(told["told"], books.on_disk(stand, folder / "state")):
            found(check)
    return result


@asynccontextmanager
async def _exchange(venue: str, folder: Path, faults: Path | None) -> AsyncIterator[Stand]:
    known = stands.prepare(venue, folder, faults)
    process = await _spawn(Path(sys.executable), "proof.conformance.exchange_process", str(folder))
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        if not line:
            raise Unavailable(f"the paper exchange ended before it answered; its folder was {folder}", "paper")
        yield stands.stand_of(known, json.loads(line))
    finally:
        await _end(process)


async def _drive(client: str, python: Path, folder: Path, found: Callable[[Check], None]) -> dict[str, Any]:
    """The client's process from start to end; returns its last line."""
    process = await _spawn(python, "proof.conformance.drive", client, str(folder / "stand.json"))
    told: dict[str, Any] = {}

    async def listen() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            check = read(line.decode())
            if check is not None:
                found(check)
            elif line.startswith(b'{"version"'):
                told.update(json.loads(line))

    try:
        await asyncio.wait_for(listen(), _PATIENCE_S)
        code = await process.wait()
        if code or not told:
            found(Check("the client's process", "comes to its end", f"exit code {code}", ok=False))
    except TimeoutError:
        found(Check("the client's process", f"done within {_PATIENCE_S:g} s", "still running, ended", ok=False))
    finally:
        await _end(process)
    return told


async def _spawn(python: Path, module: str, *arguments: str) -> asyncio.subprocess.Process:
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return await asyncio.create_subprocess_exec(
        str(python), "-m", module, *arguments, stdout=asyncio.subprocess.PIPE, env=environment, limit=2**20
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
