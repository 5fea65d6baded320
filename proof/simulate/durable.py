"""A trade made durable as Temporal makes it: a history of commands and events, and processes that replay it.

The history outlives whatever runs on it. A process that dies is dropped in the middle of its coroutine; the next one
makes a new `Trade` and calls its `run` from the start: every call in the history must be made again, exactly as
recorded, and is answered from there at the workflow time of then; what people said is heard at the same point. Where
the history ends, life goes on. A run that continues as new leaves a memory behind, as bytes; the next one begins from
it with a history of its own.

What one process decided counts only from the moment its next command is in the history, or it waits with nothing left
to do: before that, a crash loses it, and the same events are taken up again later, at a later time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from pydantic import TypeAdapter

from domain.evidence import OrderEvidence, Resolution
from domain.intent import Intent
from domain.operator import Action, OperatorCommand
from domain.orders import Guard, OrderTicket, Quote, SubmitResult
from domain.requests import LookUp, Position, Settlement
from domain.trade import TradeRecord
from workflows.driver import Driver
from workflows.lifecycle import Trade
from workflows.state import EDITION, Fault, TradeMemory, carried

PAUSE = "pause"
_MEMORY = TypeAdapter(TradeMemory)  # as production's payload converter does


class Died(BaseException):
    """The process carrying a trade is gone; whoever catches this starts another one after `down_ms`."""

    def __init__(self, down_ms: int) -> None:
        super().__init__(down_ms)
        self.down_ms = down_ms


class Forked(BaseException):
    """A replay did something else than its history says: on Temporal the trade would be stuck for good. Nothing that
    a trade raises: no net of its own may catch it."""


class Injected(RuntimeError):
    """A mistake in the trade's code, put there by the simulator."""


class Broken(BaseException):
    """A promise of the trade's was broken; the message says which, and with what. No net of the trade's catches it."""


@dataclass(frozen=True, slots=True)
class Command:
    """The n-th thing a trade asked for: the name of a desk call and its arguments, at workflow time `at`, when it had
    taken up the first `after` events."""

    name: str
    arguments: tuple[Any, ...]
    at: int
    after: int


class Kind(StrEnum):
    ANSWER = "answer"
    TIMER = "timer"
    SAID = "said"  # by a person: (action, command)
    NUDGE = "nudge"  # the venue's user channel spoke of an order
    RESUME = "resume"  # a worker with other code has started: its build


@dataclass(slots=True)
class Event:
    """What reached the history: the answer to command `n`, its timer, or a message (n = −1).

    `seen_at` is the workflow time at which a process took it up; `refused` that the validator let it not pass; `breaks`
    that the trade's own code raises over it.
    """

    kind: Kind
    n: int
    value: Any
    seen_at: int = 0
    refused: str = ""
    breaks: bool = False


class Server(Protocol):
    """What carries the commands of a history out."""

    def now(self) -> int: ...

    def begin(self, history: History, n: int, command: Command) -> None:
        """A command has been recorded: carry it out, and `history.add` its answer in time."""
        ...

    def withdraw(self, history: History, n: int) -> None:
        """The timer of command `n` is not needed any more."""
        ...

    def dies(self, history: History, where: str) -> int | None:
        """Milliseconds for which the process is down if it dies here (asked, recorded, answered); None if not."""
        ...

    def breaks(self, history: History, event: Event) -> bool:
        """Whether the life raises over this event."""
        ...

    def longest(self, history: History) -> int:
        """After how many commands a history is long, and the trade goes on in a run of its own."""
        ...

    def continued(self, history: History, memory: TradeMemory) -> None:
        """A run has ended and the trade goes on in another."""
        ...

    def shown(self, history: History, record: TradeRecord) -> None:
        """People saw this, in the first process that got there."""
        ...


class History:
    """One trade's commands and events. `kept` is how many events have been taken up for good; `past` are the commands
    and events of runs that have ended."""

    def __init__(self, intent: Intent, server: Server, most_commands: int = 3_000) -> None:
        self.intent = intent
        self.server = server
        self.run = 0
        self.memory: bytes | None = None
        self.commands: list[Command] = []
        self.events: list[Event] = []
        self.past: list[tuple[list[Command], list[Event]]] = []
        self.kept = 0
        self.record: TradeRecord | None = None
        self._most = most_commands
        self._news: asyncio.Future[None] | None = None

    def continue_as_new(self, memory: TradeMemory) -> None:
        """A run of its own from here on. What is still under way for this one is heard no more; messages that nobody
        has taken up are."""
        unheard = [event for event in self.events[self.kept :] if event.n < 0]
        self.memory = _MEMORY.dump_json(carried(memory))
        self.run += 1
        self.past.append((self.commands, self.events[: self.kept]))
        self.commands, self.events, self.kept = [], unheard, 0

    def add(self, kind: Kind, value: Any, n: int = -1, run: int | None = None) -> None:
        """An event of a run: of this one, if none is given."""
        if run is not None and run != self.run:
            return
        self.events.append(Event(kind, n, value))
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def every_event(self) -> list[Event]:
        """Of all runs, oldest first."""
        return [event for _, events in self.past for event in events] + self.events

    def every_command(self) -> list[Command]:
        """The same; `after` counts the events of all runs."""
        found, before = list[Command](), 0
        for commands, events in [*self.past, (self.commands, self.events)]:
            found += [replace(command, after=command.after + before) for command in commands]
            before += len(events)
        return found

    async def news(self) -> None:
        """Wait for an event that no process has taken up."""
        self._news = asyncio.get_running_loop().create_future()
        try:
            await self._news
        finally:
            self._news = None

    def command(self, command: Command) -> None:
        if len(self.commands) >= self._most:
            raise Broken(f"the trade is not at an end after {self._most} commands; it goes round in circles")
        self.commands.append(command)
        self.server.begin(self, len(self.commands) - 1, command)


class Process:
    """One life of a trade's process: a `workflows.desk.Desk` on the history, first replaying, then living."""

    def __init__(self, history: History, *, replay: bool = False) -> None:
        """`replay` is one that must find everything in the history."""
        self._history = history
        self._replay = replay
        self._server = history.server
        self._asked = 0
        self.cursor = 0
        self._now = history.server.now() if not history.commands else history.commands[0].at
        self._messages = self._heard = 0
        memory = None if history.memory is None else _MEMORY.validate_json(history.memory)
        self.trade = Driver(history.intent, self, memory)

    async def run(self) -> TradeRecord | TradeMemory:
        """The trade's record at its end, or what its next run begins from. Raises `Died` where the process does."""
        try:
            return await self.trade.run()
        finally:
            self.trade.abandon()

    @property
    def replaying(self) -> bool:
        return self._asked < len(self._history.commands)

    # ------------------------------------------------------------------ the desk

    def now(self) -> int:
        return self._now

    def edition(self) -> int:
        return EDITION

    def build(self) -> str:
        return "simulated"

    def history_is_long(self) -> bool:
        return self._asked >= self._server.longest(self._history)

    async def pause(self, ms: int) -> bool:
        if self._messages == self._heard:
            n = self._record(PAUSE, ms)
            await self._await(n, interruptible=True)
        woken, self._heard = self._messages != self._heard, self._messages
        return woken

    async def heard(self) -> None:
        """A command is taken as it arrives."""

    async def submit(self, ticket: OrderTicket, guard: Guard, opening: Intent | None) -> SubmitResult:
        result: SubmitResult = await self._ask("submit", ticket, guard, opening)
        return result

    async def evidence(
        self, ticket: OrderTicket, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence | None:
        found: OrderEvidence | None = await self._ask("evidence", ticket, order_id, sent_at, grace_ms)
        return found

    async def cancel(self, ticket: OrderTicket, order_id: str) -> None:
        await self._ask("cancel", ticket, order_id)

    async def quote(self, venue: str, market: str) -> Quote | None:
        found: Quote | None = await self._ask("quote", venue, market)
        return found

    async def resolution(self, venue: str, market: str) -> Resolution | None:
        found: Resolution | None = await self._ask("resolution", venue, market)
        return found

    async def position(self, venue: str, market: str, intent_id: str) -> Position | None:
        found: Position | None = await self._ask("position", venue, market, intent_id)
        return found

    async def takes_orders(self, venue: str, market: str) -> bool | None:
        found: bool | None = await self._ask("takes_orders", venue, market)
        return found

    async def look_up(self, venue: str, order_id: str, intent_id: str) -> LookUp:
        found: LookUp = await self._ask("look_up", venue, order_id, intent_id)
        return found

    async def settle(self, intent: Intent, record: TradeRecord) -> Settlement:
        settled: Settlement = await self._ask("settle", intent, record)
        return settled

    async def record(self, intent: Intent, record: TradeRecord) -> bool:
        written: bool = await self._ask("record", intent, record)
        return written

    def show(self, record: TradeRecord) -> None:
        if not self.replaying:
            self._server.shown(self._history, record)

    def parked(self, fault: Fault | None) -> None:
        """Nobody looks for it here."""

    # ------------------------------------------------------------------ the history

    async def _ask(self, name: str, *arguments: Any) -> Any:
        return await self._await(self._record(name, *arguments))

    def _record(self, name: str, *arguments: Any) -> int:
        """Find the command in the history, where it must stand as it is made now, or put it there."""
        history, n = self._history, self._asked
        self._asked += 1
        if n < len(history.commands):
            known = history.commands[n]
            if (known.name, known.arguments) != (name, arguments):
                raise Forked(f"command {n} was {known.name}{known.arguments}; replayed it is {name}{arguments}")
            return n
        if self._replay:
            raise Forked(f"the history ends with command {n - 1}; replayed there is one more, {name}{arguments}")
        self._die("asked")
        history.command(Command(name, arguments, self._now, self.cursor))
        history.kept = self.cursor
        self._die("recorded")
        return n

    async def _await(self, n: int, *, interruptible: bool = False) -> Any:
        history = self._history
        while True:
            if interruptible and self._messages != self._heard:
                if n == len(history.commands) - 1:
                    self._server.withdraw(history, n)
                return None
            if self.cursor == len(history.events):
                if self._replay:
                    raise Forked(f"replayed, command {n} is waited for at the end of the history")
                history.kept = self.cursor
                await history.news()
                continue
            event = history.events[self.cursor]
            if self.cursor >= history.kept:
                self._die("answered")
                event.seen_at = self._server.now()
                event.breaks = isinstance(self.trade.carried, Trade) and self._server.breaks(history, event)
            self.cursor += 1
            self._now = event.seen_at
            if event.n == n:
                if event.breaks:
                    raise Injected("a mistake in the trade's code")
                return event.value
            if event.n < 0:
                self._hear(event, old=self.cursor <= history.kept)
                if event.breaks and not event.refused:
                    # The run ends in this very task of the workflow: its life comes no further.
                    await asyncio.get_running_loop().create_future()

    def _hear(self, event: Event, *, old: bool) -> None:
        """A message, as `workflows.trade` takes it: an update passes its validator or leaves no trace, a signal is
        always heard."""
        if event.kind in (Kind.NUDGE, Kind.RESUME):
            if event.kind is Kind.RESUME:
                self.trade.resume(event.value)
            self._messages += 1
            return
        action: Action = event.value[0]
        command: OperatorCommand = event.value[1]
        refused = ""
        try:
            self.trade.may(action, command)
        except ValueError as refusal:
            refused = str(refusal)
        if old and refused != event.refused:
            raise Forked(f"{action} was {event.refused or 'taken'}; replayed it is {refused or 'taken'}")
        event.refused = refused
        if not refused:
            with _broken(self.trade.carried) if event.breaks else nullcontext():
                self.trade.take(action, command)
        elif action is Action.FORCE_FLAT:
            self.trade.signalled(action, command)
        else:
            return
        self._messages += 1

    def _die(self, where: str) -> None:
        down_ms = self._server.dies(self._history, where)
        if down_ms is not None:
            raise Died(down_ms)


@contextmanager
def _broken(carried: Any) -> Iterator[None]:
    """The code that obeys a command raises."""

    def take(action: Action, command: OperatorCommand) -> str:
        raise Injected(f"a mistake in the code that obeys {action}")

    carried.take = take
    try:
        yield
    finally:
        del carried.take


async def carry(history: History, died: Callable[[Died], None]) -> TradeRecord:
    """Carry the trade to its end through as many processes and runs as it takes; replay each run once more."""
    while True:
        process = Process(history)
        try:
            end = await process.run()
        except Died as death:
            died(death)
            await asyncio.sleep(death.down_ms / 1000)
            continue
        if isinstance(end, TradeRecord):
            history.record = end
        history.kept = process.cursor if isinstance(end, TradeMemory) else len(history.events)
        await _replay(history, end)
        if isinstance(end, TradeRecord):
            return end
        history.server.continued(history, end)
        history.continue_as_new(end)


async def _replay(history: History, end: TradeRecord | TradeMemory) -> None:
    again = Process(history, replay=True)
    replayed = await again.run()
    if replayed != end:
        raise Forked(f"the whole history replays to another end: {replayed}, not {end}")
