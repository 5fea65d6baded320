"""One client's run: an exchange of its own, the client's process, and the comparison of their books afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from domain.errors import Unavailable
from domain.market import Venue
from domain.money import from_micros
from venues.kalshi.signing import generate_rsa_key
from venues.recording.tickers import market
from workers.conformance import sessions
from workers.conformance.checks import Check, read
from workers.conformance.stand import OPENING_CASH, Stand

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 90.0  # for one client's whole script


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


async def run_client(client: str, python: Path, folder: Path, say: Callable[[str, Check], None]) -> Result:
    """The whole script through one client, on a fresh exchange in `folder`. Failures are findings, never raised;
    raises `Unavailable` if the exchange itself does not come up. `folder` must exist and be empty."""
    result = Result(client)

    def found(check: Check) -> None:
        result.checks.append(check)
        say(client, check)

    async with _exchange(folder) as stand:
        stand.write(folder / "stand.json")
        told = await _drive(client, python, folder, found)
        result.version = told.get("version", "")
        if told:
            for check in compare(told["told"], await _audit(stand)):
                found(check)
    return result


@asynccontextmanager
async def _exchange(folder: Path) -> AsyncIterator[Stand]:
    private, public = generate_rsa_key()
    stranger, _ = generate_rsa_key()
    key_id = str(uuid.uuid4())
    secrets = {"key": private, "other_key": stranger, "key_id": key_id.encode()}
    for name, content in secrets.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
    traded = market("KXCONF-26NOV21-AAA", "KXCONF-26NOV21", "The market of the known book")
    tide = market("KXTIDE-26NOV21-BBB", "KXTIDE-26NOV21", "The market that moves once")
    sessions.write(traded, tide, (), folder / "known.session.jsonl.gz")
    config = {"api_keys": {key_id: public.decode()}, "opening_cash": str(OPENING_CASH)}
    (folder / "config.json").write_text(json.dumps(config), encoding="ascii")
    process = await _spawn(Path(sys.executable), "workers.conformance.exchange_process", str(folder))
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        if not line:
            raise Unavailable(f"the paper exchange ended before it answered; its folder was {folder}", "paper")
        yield Stand(
            venue=Venue.KALSHI.value,
            urls=json.loads(line),
            secrets={name: str(folder / name) for name in secrets},
            market=traded.market,
            tide=tide.market,
            fee_rate=str(traded.fees.taker),
            play={"recording": str(folder / "known.session.jsonl.gz")},
        )
    finally:
        await _end(process)


async def _drive(client: str, python: Path, folder: Path, found: Callable[[Check], None]) -> dict[str, Any]:
    """The client's process from start to end; returns its last line."""
    process = await _spawn(python, "workers.conformance.drive", client, str(folder / "stand.json"))
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


def compare(told: dict[str, Any], account: dict[str, Any]) -> list[Check]:
    """The exchange's own books against what the client was told: cash, shares, every fill."""
    booked = {ticker: from_micros(shares) for ticker, shares in account["positions"].items()}
    heard = {ticker: Decimal(shares) for ticker, shares in told["positions"].items() if Decimal(shares)}
    rows = sorted((f["order_id"], from_micros(f["price"]), from_micros(f["count"])) for f in account["fills"])
    fills = sorted((f["order_id"], Decimal(f["price"]), Decimal(f["size"])) for f in told["fills"])
    return [
        _same("books: cash", from_micros(account["cash"]), Decimal(told["cash"])),
        _same("books: shares", booked, heard),
        _same("books: fills", rows, fills),
    ]


def _same(name: str, booked: Any, told: Any) -> Check:
    words = f"{len(booked)} rows" if isinstance(booked, list) else _plain(booked)
    seen = words if booked == told else f"exchange {_plain(booked)}, client {_plain(told)}"
    return Check(name, "the exchange has booked what the client was told", seen, ok=booked == told)


def _plain(value: Any) -> str:
    return str({k: str(v) for k, v in value.items()}) if isinstance(value, dict) else str(value)


async def _audit(stand: Stand) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{stand.urls['admin']}/audit")
        answer.raise_for_status()
        account: dict[str, Any] = answer.json()["account"]
        return account


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
