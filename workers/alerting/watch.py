"""The watchers: one in the worker, one in ingest and one in the supervisor, each on a thread of its own, all the same.

So a process that died or froze is seen by the others, and a loop that is blocked holds nobody's watch up. They share
one box (`workers.alerting.box`), which lets each alert be raised, told and resolved by one of them. With the ledger
away they go on: it gets what was raised meanwhile once it is back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from domain.alerts import Alert, AlertDesk, Origin
from domain.errors import SurefootError
from ledger.alerts import AlertLedger
from workers.alerting.box import AlertBox, host_name, wall_clock_us
from workers.alerting.delivery import AlertCommand, Delivery, alert_command, state_of
from workers.alerting.sources import (
    DiskSource,
    FlagSource,
    IngestSource,
    LedgerSource,
    ProcessSource,
    Source,
    SupervisorSource,
    together,
)
from workers.halt_flag import HaltFlag
from workers.local.layout import Stack, read_stack_file
from workers.local.locks import SUPERVISOR
from workers.local.presence import running
from workers.local.processes import ProcessRecord, find

LOOK_S = 2.0
_LOOK_TAKES_S = 10.0

Note = Callable[[str], None]


def box_of(stack: Stack, seen_by: str) -> AlertBox:
    """The box of the stack's state folder, as one process uses it."""
    origin = Origin(host_name(), stack.run_id, stack.settings.mode, seen_by)
    return AlertBox(stack.layout.root / "alerts", origin)


def sources_of(stack: Stack, ledger: AlertLedger) -> list[Source]:
    ports = {name: stack.metrics_ports[name] for name in ("worker", "ingest") if name in stack.metrics_ports}
    if not stack.live:
        ports["paper"] = stack.metrics_ports["paper"]
    return [
        LedgerSource(ledger, stack.settings.reconcile.every_s),
        FlagSource(HaltFlag(stack.state_dir).standing),
        IngestSource(stack.metrics_ports["ingest"]),
        ProcessSource(ports, stack.temporal_address, lambda: settled(stack)),
        SupervisorSource(lambda: unsupervised(stack)),
        DiskSource(stack.state_dir, stack.settings.readiness.disk_mib << 20),
    ]


def settled(stack: Stack) -> bool:
    """Whether the stack neither starts nor stops just now. One whose file cannot be read is taken to run."""
    try:
        return read_stack_file(stack.layout).get("phase") not in ("starting", "stopping", "stopped")
    except SurefootError:
        return True


def unsupervised(stack: Stack) -> str:
    """The names of what runs although its supervisor does not; empty if that lives or nothing runs."""
    document = read_stack_file(stack.layout)
    item = document.get("supervisor")
    if document.get("phase") in ("stopped", "failed") or (item and find(ProcessRecord.parse(item)) is not None):
        return ""
    records = running(stack.layout)  # dear, so only in doubt: a file may be lost, a process is there or is not
    if any(record.name == SUPERVISOR for record in records):
        return ""
    return ", ".join(record.name for record in records)


class AlertRecords(Protocol):
    """What the watch needs of `ledger.alerts.AlertLedger`."""

    async def record(self, alerts: Iterable[Alert]) -> None: ...

    async def close(self) -> None: ...


class AlertWatch:
    """Looks, raises, resolves, tells. `note` hears of it in words, `count` of each alert that this process raised."""

    def __init__(
        self,
        box: AlertBox,
        command: AlertCommand,
        sources: Sequence[Source],
        ledger: AlertRecords | None = None,
        *,
        note: Note = lambda line: None,
        count: Callable[[str], None] = lambda kind: None,
        clock: Callable[[], int] = wall_clock_us,
    ) -> None:
        self._box = box
        self._sources = sources
        self._ledger = ledger
        self._note = note
        self._count = count
        self._clock = clock
        self._desk = AlertDesk()
        self._delivery = Delivery(box, command)
        self._telling: asyncio.Task[None] | None = None
        self._written: set[Alert] = set()

    async def run(self, every_s: float = LOOK_S) -> None:
        """Until cancelled. Never raises: a watcher that dies of what it sees watches nothing."""
        try:
            while True:
                try:
                    async with asyncio.timeout(_LOOK_TAKES_S):
                        await self.look()
                except (OSError, TimeoutError, SurefootError, ValueError) as wrong:
                    self._note(f"alerts: a look failed: {wrong or type(wrong).__name__}; it is tried again")
                await asyncio.sleep(every_s)
        finally:
            if self._telling is not None:
                self._telling.cancel()
            if self._ledger is not None:
                await self._ledger.close()

    async def look(self) -> None:
        """Once."""
        opened = self._box.opened()  # before what is looked at: what ends meanwhile is not raised again
        now = self._clock()
        look = await together(self._sources, now)
        verdicts = self._desk.look(look.seen, look.able, opened, now)
        for trouble in verdicts.raised:
            if self._box.tell(trouble, now):
                self._count(trouble.kind)
                self._note(f"alert: {trouble.text}; {trouble.do}")
        for alert in verdicts.resolved:
            if self._box.resolve(alert, now):
                self._note(f"alert over: {alert.text}")
        alerts = [*self._box.opened().values(), *self._box.over()]
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._delivery.tell(alerts))
        await self._write(alerts)

    async def told(self) -> None:
        """Once what is being told now is told."""
        if self._telling is not None:
            await self._telling

    async def _write(self, alerts: Sequence[Alert]) -> None:
        """Into the ledger, if it is there; what is over, told and written leaves the box."""
        rows = [replace(alert, delivery=self._box.told(alert, state_of(alert))) for alert in alerts]
        if self._ledger is not None:
            try:
                await self._ledger.record(row for row in rows if row not in self._written)
            except SurefootError:
                self._box.prune()
                return
        self._written = set(rows)
        for row in rows:
            if not row.open and row.delivery:
                self._box.drop(row)


@contextmanager
def watching(
    stack: Stack, seen_by: str, note: Note, count: Callable[[str], None] = lambda kind: None
) -> Iterator[AlertBox]:
    """A watcher on a thread of its own for as long as the block lasts; gives the box that others raise alerts in."""
    box = box_of(stack, seen_by)
    loop = asyncio.new_event_loop()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        ledger = AlertLedger(stack.postgres_dsn)
        watch = AlertWatch(
            box, alert_command(stack.settings), sources_of(stack, ledger), ledger, note=note, count=count
        )
        task = loop.create_task(watch.run())
        task.add_done_callback(lambda done: loop.stop())
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def end() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    thread = threading.Thread(target=serve, name="alerts", daemon=True)
    thread.start()
    try:
        yield box
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(end)
            thread.join(2 * LOOK_S)
