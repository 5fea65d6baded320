"""The view of a running session: read anew once a second, drawn on a terminal, plain lines otherwise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from domain.errors import SurefootError
from domain.money import plain
from ledger.store import Ledger
from workers.cli import paper
from workers.cli.options import err, say
from workers.stack.books import open_ledger
from workers.stack.layout import Stack

_STORY_LINES = 6
_ALL = 1_000_000
_LINE_EVERY = 5.0
_QUIET = 3.0  # seconds after the end in which the last decision may still become a trade


@dataclass(frozen=True, slots=True)
class View:
    """One moment of a session. `trouble` says what could not be read; the numbers are then the last known."""

    session: str = "-"
    state: str = "idle"
    progress: float = 0.0
    events: int = 0
    total: int = 0
    intents: int = 0
    trades: int = 0
    open: int = 0
    unhedged: Decimal = Decimal(0)
    story: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def line(self) -> str:
        return (
            f"{self.session} {self.state} {self.progress:.0%} · events {self.events}/{self.total} · "
            f"intents {self.intents} · trades open {self.open}, closed {self.trades - self.open} · "
            f"unhedged {plain(self.unhedged)} shares{f' · {self.trouble}' if self.trouble else ''}"
        )


async def follow(stack: Stack, settle: float) -> None:
    """Returns once the session has ended and no trade is open, at the latest `settle` seconds after its end."""
    view = View()
    ended: float | None = None
    async with open_ledger(stack) as ledger:
        with _drawn() as draw:
            while True:
                view = await _read(stack, ledger, view)
                draw(view)
                if view.state not in ("playing", "idle"):
                    ended = ended or time.monotonic()
                    after = time.monotonic() - ended
                    if view.open == 0 and not view.trouble and after > _QUIET:
                        break
                    if after > settle:
                        say(f"{view.open} trades are still open {settle:g} s after the session; the report says which")
                        break
                await asyncio.sleep(1)
    say(view.line)


async def _read(stack: Stack, ledger: Ledger, last: View) -> View:
    try:
        status = await asyncio.to_thread(paper.status, stack)
        counted = await asyncio.to_thread(_intents_counted, stack)
        rows = await ledger.trades(run=stack.run_id, limit=_ALL)
        steps = (await ledger.trade(rows[0].intent_id)).steps if rows else ()
    except SurefootError as error:
        return replace(last, trouble=error.message.partition(";")[0])
    running = [row for row in rows if row.outcome is None]
    return View(
        session=str(status["session"] or "-"),
        state=str(status["state"]),
        progress=float(status["progress"]),
        events=int(status.get("events", 0)),
        total=int(status.get("events_total", 0)),
        intents=max(counted, len(rows)),  # the counter starts over with its process
        trades=len(rows),
        open=len(running),
        unhedged=sum((row.residual for row in running), Decimal(0)),
        story=tuple(f"{step.state}  {step.text}" for step in steps[-_STORY_LINES:]),
    )


def _intents_counted(stack: Stack) -> int:
    """By ingest's own counter; 0 if it does not answer just now."""
    try:
        page = httpx.get(f"http://127.0.0.1:{stack.metrics_ports['ingest']}/metrics", timeout=1, trust_env=False).text
    except httpx.HTTPError:
        return 0
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return sum(int(sample.value) for sample in samples if sample.name == "surefoot_intents_total")


@contextmanager
def _drawn() -> Iterator[Callable[[View], None]]:
    if not err.is_terminal:
        yield _Lines().draw
        return
    with Live(console=err, refresh_per_second=4, transient=True) as live:
        yield lambda view: live.update(_picture(view))


class _Lines:
    """Plain lines for a log: one when something happened to a trade, else one every few seconds."""

    def __init__(self) -> None:
        self._told: tuple[object, ...] = ()
        self._at = 0.0

    def draw(self, view: View) -> None:
        news = (view.state, view.intents, view.trades, view.open, view.trouble)
        if news != self._told or time.monotonic() - self._at >= _LINE_EVERY:
            self._told, self._at = news, time.monotonic()
            say(view.line)


def _picture(view: View) -> Group:
    bar = ProgressBar(total=1.0, completed=view.progress, width=60)
    return Group(bar, Text(view.line), *(Text(f"  {line}", style="dim") for line in view.story))
