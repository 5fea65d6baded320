"""One round: trades on many paths are brought to a point each and held there; one kill meets them all.

Who dies is the process that makes the call (`Victim.SELF`), by its own hand, or a server it talks to. Then the stack
comes back as it does for its user, and every trade has to come to its end.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path as File

import psutil
from temporalio.client import Client

from cli import exits
from domain.errors import SurefootError, Unavailable
from domain.intent import Intent
from domain.orders import client_order_id
from domain.trade import DONE_TRADING, TradeState
from ledger.store import Ledger
from ledger.story import TradeRow
from proof.chaos import books, operator
from proof.chaos import plan as plans
from proof.chaos.paths import Path
from proof.chaos.plan import Plan, Point
from proof.chaos.system import PARTS, SUPERVISOR, System, until
from recording.sources import session_file
from workers.local.seals import load_seal_keys
from workers.starter import search_attributes
from workers.trading import connect_temporal
from workflows import names

_LEGS, _ATTEMPTS = "ABC*", 4
_PATIENCE_S = 3.0  # how much longer than it took undisturbed a trade may take to its point
_QUIET_LIFE_S = 10.5  # a supervisor gives up on a process that dies five times within ten seconds of its start
_END_S = 120.0  # a dozen command lines may have to be run meanwhile
_ROWS = 600
_NUMBERS = 1_000
_AT_ONCE = 16
_UNRECORDED = ("temporal.start", "before")
_DECIDED_ANEW_S = 3.0
_LOOK_S = 0.05
_TOLD = (exits.OK, exits.REFUSED, exits.UNAVAILABLE, -signal.SIGKILL)  # refused: another copy was there first


class Victim(StrEnum):
    SELF = "self"
    PAPER = "paper"
    TEMPORAL = "temporal"
    POSTMASTER = "postmaster"  # alone: its backends finish what they do
    POSTGRES = "postgres"  # with all of its children
    EVERYTHING = "everything"

    @property
    def processes(self) -> tuple[str, ...]:
        match self:
            case Victim.EVERYTHING:
                return (SUPERVISOR, *PARTS)
            case Victim.POSTMASTER:
                return (Victim.POSTGRES.value,)
            case _:
                return (self.value,)

    @property
    def whole_tree(self) -> bool:
        return self in (Victim.POSTGRES, Victim.EVERYTHING)


@dataclass(slots=True)
class Lane:
    """One trade of a round. `point` is where it is to be held, None to let it run; `after_s` when it got there
    undisturbed."""

    name: str
    path: Path
    number: int
    point: Point | None
    after_s: float = 0.0
    intent: Intent | None = None
    trade: str = ""
    events: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    paid: bool = False
    reached: bool = False
    resolved_at: float = 0.0
    ended_at: float = 0.0
    stuck: bool = False

    @property
    def never_durable(self) -> bool:
        """Whether its process died, or its server was away, before the decision was on record anywhere; or ingest, on a
        machine that was too busy, never decided: then it was not at its point either, and proves nothing."""
        if self.intent is None and not self.reached:
            return True
        return self.reached and self.point is not None and (self.point.call, self.point.when) == _UNRECORDED

    @property
    def step(self) -> str:
        return self.point.named(self.path.name) if self.point else self.path.name


@dataclass(slots=True)
class Round:
    """What a round was, and what came of it. Times are monotonic seconds; `kills` the processes that died."""

    name: str
    victim: Victim
    lanes: list[Lane]
    kills: int = 0
    killed_at: float = 0.0
    back_at: float = 0.0
    problems: list[str] = field(default_factory=list)
    passed: list[plans.Passed] = field(default_factory=list)
    coming_up: asyncio.Task[None] | None = None

    @property
    def held(self) -> list[Lane]:
        return [lane for lane in self.lanes if lane.reached]

    def recoveries(self) -> list[float]:
        """Seconds from worker and servers answering again to the moment each trade that was held is seen to trade no
        more, or to be stuck; 0 if it was so before. (Ingest opens nothing before it has reconciled, which no open
        trade waits for; what a person or a payment takes afterwards is not counted.)"""
        return [max(0.0, lane.resolved_at - self.back_at) for lane in self.held if lane.resolved_at]


class Stage:
    """The stack that rounds are played on. `plan_file` is what its processes were started with."""

    def __init__(self, system: System, plan_file: File) -> None:
        self.system = system
        self.plan_file = plan_file
        self._rounds = 0
        self._client: Client | None = None
        self._ledger: Ledger | None = None
        self._reading = asyncio.Lock()

    async def client(self) -> Client:
        if self._client is None:
            self._client = await connect_temporal(self.system.stack)
        return self._client

    async def close(self) -> None:
        if self._ledger is not None:
            await self._ledger.close()

    # ------------------------------------------------------------------ a round

    async def play(self, lanes: Sequence[Lane], victim: Victim = Victim.SELF) -> Round:
        """Play one round and judge nothing but whether every trade came to its end."""
        self._rounds += 1
        this = Round(f"r{self._rounds}", victim, list(lanes))
        await self.system.ready()
        await self._grown_up(victim, this.lanes)
        await self.system.ask("DELETE", "/faults")
        since = plans.trace_size(self.plan_file)
        plan = self._announce(this)
        recording = self.system.folder / f"{this.name}.session.jsonl.gz"
        session_file.write(books.session(this.name, (event for lane in this.lanes for event in lane.events)), recording)
        await self.system.ask("POST", "/play", {"recording": str(recording)})
        began = time.monotonic()
        await self._start(this.lanes)
        over = asyncio.Event()
        helping = asyncio.create_task(self._help(this, over))
        try:
            await self._until_reached(this, began)
            await self._strike(this, plan)
            await self._until_ended(this)
            if this.coming_up is not None:
                await this.coming_up
        finally:
            over.set()
            await asyncio.gather(helping, return_exceptions=True)
            plans.write(self.plan_file, replace(plan, verdict="pass", lanes=dict.fromkeys(plan.lanes)))
        this.passed = plans.read_trace(self.plan_file, since)
        await self._end_stuck(this)
        return this

    def _announce(self, this: Round) -> Plan:
        """Decide what is traded, and write down who is to stop where, before anything starts."""
        trades: dict[str, str] = {}
        orders: dict[str, str] = {}
        pairs: dict[str, str] = {}
        for lane in this.lanes:
            serial = self._rounds * _NUMBERS + lane.number
            lane.events = lane.path.events(serial)
            if lane.path.make is None:
                pairs[lane.events[0]] = lane.name
                continue
            lane.intent = lane.path.make(serial)
            lane.trade = lane.intent.id
            trades[lane.trade] = lane.name
            for leg in _LEGS:
                orders |= {client_order_id(lane.trade, leg, n): lane.name for n in range(1, _ATTEMPTS + 1)}
        plan = Plan(this.name, "hold", {lane.name: lane.point for lane in this.lanes}, trades, orders, pairs)
        plans.reached_folder(self.plan_file, this.name).mkdir(parents=True)
        plans.write(self.plan_file, plan)
        return plan

    async def _start(self, lanes: Sequence[Lane]) -> None:
        client, faults = await self.client(), []
        keys = load_seal_keys(self.system.stack)
        task_timeout = timedelta(milliseconds=self.system.stack.settings.worker.task_timeout_ms)
        for lane in lanes:
            if lane.intent is not None:
                faults += lane.path.faults(lane.intent)
        if faults:
            await self.system.ask("POST", "/faults", faults)
        intents = [lane.intent for lane in lanes if lane.intent is not None]
        for n in range(0, len(intents), _AT_ONCE):
            starts = [
                client.start_workflow(
                    names.TRADE_WORKFLOW,
                    args=[intent, None, keys.intent(intent.id)],
                    id=intent.id,
                    task_queue=names.TRADE_QUEUE,
                    task_timeout=task_timeout,  # as ingest starts them
                    search_attributes=search_attributes(intent),
                )
                for intent in intents[n : n + _AT_ONCE]
            ]
            await asyncio.gather(*starts)

    async def _until_reached(self, this: Round, began: float) -> None:
        wanted = {lane.name: lane for lane in this.lanes if lane.point is not None}
        latest = max((lane.after_s for lane in wanted.values()), default=0.0)
        folder = plans.reached_folder(self.plan_file, this.name)
        while wanted and time.monotonic() - began < latest + _PATIENCE_S:
            for name in [path.name for path in folder.iterdir()]:
                if name in wanted:
                    wanted.pop(name).reached = True
            await asyncio.sleep(0.01)

    async def _strike(self, this: Round, plan: Plan) -> None:
        """End the victim while all are held; who is not the victim goes on, and meets what is left."""
        if not any(lane.point for lane in this.lanes):
            this.killed_at = this.back_at = time.monotonic()
            return
        if this.victim is Victim.SELF:
            holders = self._holders(this)
            plans.write(self.plan_file, replace(plan, verdict="die", lanes=dict.fromkeys(plan.lanes)))
            self.system.killed |= {(process.pid, process.create_time()) for process in holders}
            await asyncio.to_thread(self.system.gone, holders)
            this.kills = len(holders)
        else:
            await asyncio.to_thread(self.system.kill, this.victim.processes, tree=this.victim.whole_tree)
            plans.write(self.plan_file, replace(plan, verdict="pass", lanes=dict.fromkeys(plan.lanes)))
            this.kills = len(this.victim.processes)
        this.killed_at = time.monotonic()
        if this.victim is Victim.EVERYTHING:
            this.coming_up = asyncio.create_task(self.system.up())
        await self.system.whole(("postgres", "temporal", "paper", "worker"))
        this.back_at = time.monotonic()

    def _holders(self, this: Round) -> list[psutil.Process]:
        """The processes that stand at a point of this round."""
        folder = plans.reached_folder(self.plan_file, this.name)
        pids = {int(text) for path in folder.iterdir() if (text := path.read_text())}
        found = []
        for pid in pids:
            try:
                found.append(psutil.Process(pid))
            except psutil.NoSuchProcess:
                this.problems.append(f"process {pid} ended before it was told to")
        return found

    # ------------------------------------------------------------------ what happens meanwhile

    async def _help(self, this: Round, over: asyncio.Event) -> None:
        """Be the person and the world: end what is stuck by command, let markets pay that a trade waits for."""
        busy: dict[str, asyncio.Task[None]] = {}
        while not over.is_set():
            for lane, row in zip(this.lanes, await self._rows(this.lanes), strict=True):
                if row is None or (lane.name in busy and not busy[lane.name].done()):
                    continue
                if row.state is TradeState.STUCK and lane.path.operator:
                    busy[lane.name] = asyncio.create_task(self._tell(this, lane, row.intent_id))
                elif row.state is TradeState.SETTLING and lane.path.resolved and not lane.paid:
                    busy[lane.name] = asyncio.create_task(self._pay(lane))
            await asyncio.sleep(2 * _LOOK_S)
        for problem in await asyncio.gather(*busy.values(), return_exceptions=True):
            if problem is not None:
                this.problems.append(f"{type(problem).__name__}: {problem}")

    async def _tell(self, this: Round, lane: Lane, trade: str) -> None:
        """One command, seen through or not: whoever finds the trade stuck still gives it again."""
        if not lane.stuck:
            lane.stuck = True
            await operator.seen_stuck(await self.client(), trade, this.problems)
        if lane.path.operator == "adopt" and not lane.by_hand:
            assert lane.intent is not None
            try:
                lane.by_hand = await operator.trade_by_hand(self.system, lane.intent.legs[1], lane.name)
            except Unavailable:
                return  # the exchange is away just now; a trade that is still stuck is found again
        ended = await operator.command(self.system, lane.path.operator, trade, self.plan_file, lane.by_hand)
        if ended.code not in _TOLD:
            this.problems.append(f"{lane.step}: surefoot {lane.path.operator} ended with {ended.code}: {ended.err}")
        await asyncio.sleep(1)

    async def _pay(self, lane: Lane) -> None:
        """Every market of its events pays; while the exchange is away, not yet."""
        with suppress(Unavailable):
            for event in lane.events:
                name, winner = (books.condition, books.token) if books.is_pool(event) else (str, books.ticker)
                await self.system.ask("POST", "/resolve", {"event": name(event), "winner": winner(event, "RED")})
            lane.paid = True

    async def _until_ended(self, this: Round) -> None:
        async def all_ended() -> bool:
            now = time.monotonic()
            for lane, row in zip(this.lanes, await self._rows(this.lanes), strict=True):
                if row is None:
                    if lane.never_durable and now > this.back_at + _DECIDED_ANEW_S:
                        lane.ended_at = lane.resolved_at = this.back_at  # never begun: nothing was sent
                    continue
                if not lane.resolved_at and (row.state in DONE_TRADING or row.state is TradeState.STUCK):
                    lane.resolved_at = now
                if not lane.ended_at and ended(lane, row):
                    lane.trade, lane.ended_at = row.intent_id, now
                    lane.stuck = lane.stuck or row.state is TradeState.STUCK
            return all(lane.ended_at for lane in this.lanes)

        try:
            await until(all_ended, "every trade's end", _END_S)
        except Unavailable:
            for lane, row in zip(this.lanes, await self._rows(this.lanes), strict=True):
                if not lane.ended_at:
                    seen = f"{row.state}, {row.residual} alone, revision {row.revision}" if row else "not in the ledger"
                    this.problems.append(f"{lane.step}: trade {lane.trade} is not at its end: {seen}")

    async def _end_stuck(self, this: Round) -> None:
        """What ended stuck without being meant to is found as a person finds it, and ended as a person does."""
        stuck = [lane for lane in this.lanes if lane.stuck and not lane.path.operator]
        for lane in stuck:
            await operator.seen_stuck(await self.client(), lane.trade, this.problems)
            told = await operator.command(self.system, "unwind", lane.trade)
            if told.code != 0:
                this.problems.append(f"{lane.step}: surefoot unwind {lane.trade} ended with {told.code}: {told.err}")
        await self.system.done([lane.trade for lane in stuck])

    async def _rows(self, lanes: Sequence[Lane]) -> list[TradeRow | None]:
        """What the ledger says of each lane's trade; nothing while it is away."""
        try:
            async with self._reading:
                if self._ledger is None:
                    self._ledger = await Ledger.connect(self.system.stack.postgres_dsn, min_size=1, max_size=2)
                rows = await self._ledger.trades(limit=_ROWS)
        except (SurefootError, OSError):
            return [None] * len(lanes)
        by_id = {row.intent_id: row for row in rows}
        newest: dict[str, TradeRow] = {}
        for row in rows:
            newest.setdefault(row.pair, row)
        return [by_id.get(lane.trade) if lane.intent is not None else newest.get(lane.events[0]) for lane in lanes]

    async def _grown_up(self, victim: Victim, lanes: Sequence[Lane]) -> None:
        """Wait until whoever may die has lived long enough for its supervisor to take the death as a first one."""
        if not any(lane.point for lane in lanes):
            return
        young = (
            ("worker", "ingest") if victim is Victim.SELF else () if victim is Victim.EVERYTHING else victim.processes
        )
        records = self.system.records()
        youngest = max((records[name].created for name in young), default=0.0)
        await asyncio.sleep(max(0.0, youngest + _QUIET_LIFE_S - time.time()))


def ended(lane: Lane, row: TradeRow) -> bool:
    """Whether the trade is where this round may leave it: done trading, paid if its markets pay, or stuck."""
    if row.state is TradeState.STUCK:
        return not lane.path.operator
    if lane.path.resolved:
        return row.state is TradeState.CLOSED
    return row.state in DONE_TRADING
