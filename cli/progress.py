"""The view of a running session: read anew once a second, drawn on a terminal, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from cli.options import err, say
from domain.errors import SurefootError
from domain.money import plain
from domain.trade import DONE_TRADING, TradeState

if TYPE_CHECKING:
    from ledger.store import Ledger
    from workers.local.layout import Stack


_STORY_LINES = 6
_ALL = 1_000_000
_LINE_EVERY = 5.0
_PAID_EVERY = 0.5
_QUIET = 3.0  # seconds after the end in which the last decision may still become a trade


@dataclass(frozen=True, slots=True)
class View:
    """One moment of a session. `open` trades may still buy or sell; `settling` ones wait for their markets to pay.

    `trouble` says what could not be read; the numbers are then the last known.
    """

    session: str = "-"
    state: str = "idle"
    progress: float = 0.0
    events: int = 0
    total: int = 0
    intents: int = 0
    trades: int = 0
    open: int = 0
    settling: int = 0
    unhedged: Decimal = Decimal(0)
    story: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def line(self) -> str:
        return (
            f"{self.session} {self.state} {self.progress:.0%} · events {self.events}/{self.total} · "
            f"intents {self.intents} · trades open {self.open}, settling {self.settling}, "
            f"closed {self.trades - self.open - self.settling} · "
            f"unhedged {plain(self.unhedged)} shares{f' · {self.trouble}' if self.trouble else ''}"
        )


async def follow(stack: Stack, settle: float) -> None:
    """Returns once the session has ended and no trade buys or sells any more, at the latest `settle` seconds after."""
    import asyncio

    from workers.local.books import open_ledger

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


async def await_paid(stack: Stack, markets: Collection[str], patience: float) -> None:
    """Returns once every trade of this run on these markets alone is closed, at the latest after `patience` seconds."""
    import asyncio

    from workers.local.books import open_ledger

    over = time.monotonic() + patience
    view = View()
    decided: dict[str, bool] = {}  # by trade: whether all its legs lie in these markets
    async with open_ledger(stack) as ledger:
        with _drawn() as draw:
            while True:
                view = await _read(stack, ledger, view)
                draw(view)
                waiting = await _waiting(stack, ledger, markets, decided) if not view.trouble else -1
                if waiting == 0:
                    break
                if time.monotonic() > over:
                    count = str(waiting) if waiting > 0 else "some"
                    say(f"{count} trades whose markets have paid are not closed after {patience:g} s; see the report")
                    break
                await asyncio.sleep(_PAID_EVERY)
    say(view.line)


async def _waiting(stack: Stack, ledger: Ledger, markets: Collection[str], decided: dict[str, bool]) -> int:
    """How many of this run's settling trades have nothing to wait for but these markets."""
    rows = [row.intent_id for row in await ledger.trades(run=stack.run_id, limit=_ALL, state=TradeState.SETTLING)]
    for intent_id in rows:
        if intent_id not in decided:
            legs = (await ledger.trade(intent_id)).intent.legs
            decided[intent_id] = all(leg.market in markets for leg in legs)
    return sum(decided[intent_id] for intent_id in rows)


async def _read(stack: Stack, ledger: Ledger, last: View) -> View:
    import asyncio

    from cli import paper

    try:
        status = await asyncio.to_thread(paper.status, stack)
        counted = await asyncio.to_thread(_intents_counted, stack)
        rows = await ledger.trades(run=stack.run_id, limit=_ALL)
        steps = (await ledger.trade(rows[0].intent_id)).steps if rows else ()
    except SurefootError as error:
        return replace(last, trouble=error.message.partition(";")[0])
    running = [row for row in rows if row.state not in DONE_TRADING]
    return View(
        session=str(status["session"] or "-"),
        state=str(status["state"]),
        progress=float(status["progress"]),
        events=int(status.get("events", 0)),
        total=int(status.get("events_total", 0)),
        intents=max(counted, len(rows)),  # the counter starts over with its process
        trades=len(rows),
        open=len(running),
        settling=sum(row.state is TradeState.SETTLING for row in rows),
        unhedged=sum((row.residual for row in running), Decimal(0)),
        story=tuple(f"{step.state}  {step.text}" for step in steps[-_STORY_LINES:]),
    )


def _intents_counted(stack: Stack) -> int:
    """By ingest's own counter; 0 if it does not answer just now."""
    from workers.local.pages import NoAnswer, ask

    try:
        said = ask("GET", f"http://127.0.0.1:{stack.metrics_ports['ingest']}/metrics", timeout=1).body
    except NoAnswer:
        return 0
    samples = (
        sample
        for family in text_string_to_metric_families(said.decode("utf-8", "replace"))
        for sample in family.samples
    )
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
        news = (view.state, view.intents, view.trades, view.open, view.settling, view.trouble)
        if news != self._told or time.monotonic() - self._at >= _LINE_EVERY:
            self._told, self._at = news, time.monotonic()
            say(view.line)


def _picture(view: View) -> Group:
    bar = ProgressBar(total=1.0, completed=view.progress, width=60)
    return Group(bar, Text(view.line), *(Text(f"  {line}", style="dim") for line in view.story))
