"""The whole system as its user runs it, `surefoot up --detach` in a folder of its own, and the ways to kill it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from domain.errors import SurefootError, Unavailable
from domain.trade import DONE_TRADING
from ledger.store import Ledger
from workers.local.layout import Layout, Stack, load_stack, read_stack_file
from workers.local.processes import ProcessRecord, find, wait_ended
from workers.stack import host
from workers.stack.services import get_status

PARTS = ("postgres", "temporal", "paper", "worker", "ingest")
SUPERVISOR = "supervisor"
_PATIENCE = 120.0
_ROOT = Path(__file__).parents[2]


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = _PATIENCE) -> None:
    """Wait until `condition` holds. Raises `Unavailable` naming `what` never came, should it take longer than any
    machine needs."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - what is awaited happens in other processes
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Unavailable(f"waited {seconds:g} s in vain: {what}", "chaos") from None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


async def surefoot(folder: Path, *arguments: str, env: dict[str, str] | None = None, module: str = "cli.main") -> Ended:
    """Run one command line as a user would, in a clean environment plus `env`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUREFOOT_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        "--state-dir",
        str(folder),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean | (env or {}),
        cwd=_ROOT,
    )
    out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


def survivors(folder: Path) -> list[psutil.Process]:
    """Every living process that works in `folder`, or was started with it on its command line."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = str(folder) in " ".join(process.cmdline()) or Path(process.cwd()).is_relative_to(folder)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def clear_away(folder: Path) -> None:
    """Stop the stack of `folder`, by force what does not want to stop. Only what belongs to the folder is touched."""
    supervisor = host.supervisor_of(read_stack_file(Layout(folder)))
    host.down(Layout(folder), lambda line: None)
    left = survivors(folder)
    if supervisor is not None and (process := find(supervisor)) is not None:
        left.append(process)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    wait_ended(left, 10)


@dataclass(slots=True)
class System:
    """A stack in `folder`. `killed` remembers every process that was ended here, so that `whole` waits for others."""

    folder: Path
    env: dict[str, str]
    killed: set[tuple[int, float]] = field(default_factory=set)

    @property
    def stack(self) -> Stack:
        return load_stack(self.folder)

    async def up(self) -> None:
        ended = await surefoot(self.folder, "up", "--detach", env=self.env)
        if ended.code != 0:
            raise Unavailable(f"the stack did not come up: {ended.err.strip()}", "chaos")

    async def ready(self) -> None:
        """The whole stack, whatever the case before left of it."""
        if SUPERVISOR not in self.records():
            await self.up()
        await self.whole()

    def records(self) -> dict[str, ProcessRecord]:
        document = read_stack_file(Layout(self.folder))
        found = {record.name: record for record in host.recorded(document)}
        supervisor = host.supervisor_of(document)
        return found if supervisor is None else {SUPERVISOR: supervisor, **found}

    def kill(self, names: Iterable[str], *, tree: bool = False) -> None:
        """SIGKILL to the named processes, one straight after the other; with `tree` to all their children too."""
        records = self.records()
        doomed: list[psutil.Process] = []
        for name in names:
            process = find(records[name])
            if process is None:
                raise Unavailable(f"{name} was to be killed and does not run", "chaos")
            doomed += [process, *(process.children(recursive=True) if tree else ())]
        for process in doomed:
            with suppress(psutil.NoSuchProcess):  # a parent's children are listed twice, and may end by themselves
                self.killed.add((process.pid, process.create_time()))
                process.kill()
        self.gone(doomed)

    def gone(self, doomed: Sequence[psutil.Process]) -> None:
        """Wait until all of them have ended, whoever killed them. Raises `Unavailable` with what the kernel says of one
        that stays."""
        if wait_ended(doomed, 60):  # a loaded machine may take its time to tear one down
            return
        left = [process for process in doomed if process.is_running()]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if not wait_ended(left, 60):
            raise Unavailable(f"killed twice, and still there: {'; '.join(map(_kernel_says, left))}", "chaos")

    async def whole(self, parts: Sequence[str] = PARTS) -> None:
        """Wait until supervisor and `parts` (all five, if not named) run, none of them one that was killed, and those
        with a health check answer it."""

        async def well() -> bool:
            records = self.records()
            for name in (SUPERVISOR, *parts):
                process = find(records[name]) if name in records else None
                if process is None or (process.pid, process.create_time()) in self.killed:
                    return False
            if parts == PARTS and read_stack_file(Layout(self.folder)).get("phase") != "ready":
                return False
            ports = self.stack.metrics_ports
            asked = [name for name in parts if name in ("paper", "worker", "ingest")]
            return all([await get_status(ports[name], "/healthz") == 200 for name in asked])

        await until(well, f"{', '.join(parts)}; {self.folder} holds their logs")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One of the paper exchange's own pages. Raises `Unavailable` where it refuses, and while it is away."""
        async with httpx.AsyncClient(base_url=self.stack.paper_admin_url or "", trust_env=False, timeout=30) as http:
            try:
                answer = await http.request(method, f"/paper/v1{path}", json=body)
            except httpx.TransportError as error:
                raise Unavailable(f"the paper exchange does not answer {method} {path}: {error}", "chaos") from error
        if not answer.is_success:
            raise Unavailable(f"the paper exchange refused {method} {path}: {answer.text}", "chaos")
        return answer.json()

    async def hold(self, *matches: dict[str, Any], ms: int, times: int = 1) -> None:
        """From now on the answer to each request that matches is held back for `ms`, after its effect."""
        faults = [{"match": match, "do": {"late_answer": {"ms": ms}}, "times": times} for match in matches]
        await self.ask("POST", "/faults", faults)

    async def held(self) -> int:
        return sum(fault["fired"] for fault in await self.ask("GET", "/faults"))

    async def arrived(self) -> dict[str, list[str]]:
        """Order → the SHA-256 of every distinct body the exchange received for it. An order is named by its client
        order id, one at Polymarket by its hash."""
        audit = await self.ask("GET", "/audit")
        return {name: item["sha256"] for name, item in (audit["orders"] | audit["polymarket_orders"]).items()}

    async def done(self, trades: Sequence[str]) -> None:
        """Wait until the ledger says of every one of `trades` that it trades no more."""
        open_trades = set(trades)

        async def all_over() -> bool:
            try:
                ledger = await Ledger.connect(self.stack.postgres_dsn, min_size=1, max_size=1)
                try:
                    rows = await ledger.trades(limit=1_000_000)
                finally:
                    await ledger.close()
            except SurefootError:
                return False  # Postgres is not back yet
            open_trades.difference_update(row.intent_id for row in rows if row.state in DONE_TRADING)
            return not open_trades

        await until(all_over, f"the end of {len(trades)} trades; {self.folder} holds the logs")


def _kernel_says(process: psutil.Process) -> str:
    """State, threads and pending signals of a process that does not end."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return str(process)
    said = [" ".join(line.split()) for line in status if line.startswith(("State", "Threads", "SigPnd", "ShdPnd"))]
    return f"{process.pid} {' '.join(process.cmdline()[:4])} ({', '.join(said)})"
