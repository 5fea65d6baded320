"""Trades through the real path: starter, worker, ledger, exchange; one after the other, or many at once."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from domain.evidence import Fill
from domain.intent import Intent
from domain.limits import SetParams
from domain.market import Venue
from domain.orders import client_order_id
from proof.bench.figures import emit, percentiles
from proof.bench.intents import IntentMaker
from proof.bench.processor import Meter
from proof.bench.sessions import deep
from proof.bench.stand import first_arrivals
from workers import metrics
from workers.local.layout import Stack
from workers.local.seals import load_seal_keys
from workers.starter import TradeStarter
from workers.trading import Trading, trading, wall_clock_us

_IN_FLIGHT_S = 30.0
_LOOK_S = 0.02


@dataclass(slots=True)
class Desk:
    """The ingest process's trading side, without the feed.

    `submitted` and `ended` are our clock in microseconds. A trade has ended once the ledger says that it buys and sells
    no more; it is asked every 20 ms, so an end is told late by 10 ms on average. The trades themselves live on: the
    bench's markets are never paid out.
    """

    stack: Stack
    connections: Trading
    maker: IntentMaker
    submitted: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Event] = field(default_factory=dict)
    starter: TradeStarter = field(init=False)
    _watching: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.starter = TradeStarter(
            self.connections.client,
            self.connections.ledger,
            self.stack.run_id,
            task_timeout_ms=self.stack.settings.worker.task_timeout_ms,
            done=lambda pair: None,  # it looks less often than a measurement should
            failed=self._failed,
            seal=load_seal_keys(self.stack).intent,
        )
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def trade(self, slot: str) -> Intent:
        """One trade from submit to where it trades no more."""
        intent = self.maker.make(slot)
        intent_id = intent.id
        over = self._waiting[intent_id] = asyncio.Event()
        self.submitted[intent_id] = wall_clock_us()
        self.starter.submit(intent)
        async with asyncio.timeout(_IN_FLIGHT_S):
            await over.wait()
        return intent

    async def close(self) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await self.starter.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._waiting:
                continue
            at_rest = await self.connections.ledger.done_trading(list(self._waiting))
            now = wall_clock_us()
            for intent_id in at_rest:
                self.ended[intent_id] = now
                self._waiting.pop(intent_id).set()

    def _failed(self, intent: Intent, reason: str) -> None:
        raise RuntimeError(f"trade {intent.id} had no durable start: {reason}")


@asynccontextmanager
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Connections, worker and starter in this process, warmed as ingest is before its first intent."""
    runtime = metrics.temporal_runtime(stack.metrics_ports["ingest_sdk"])
    async with trading(stack, runtime) as connections:
        one, other = (spec.market for spec in deep().markets)
        maker = await IntentMaker.read(connections.venues[Venue.KALSHI], (one, other), SetParams())
        opened = Desk(stack, connections, maker)
        gc.collect()
        gc.freeze()
        try:
            yield opened
        finally:
            await opened.close()


async def sequential(opened: Desk, command: str, count: int, warmup: int) -> None:
    """Figure: intent to leg A's first byte at the exchange, one trade at a time on an otherwise idle stack."""
    for _ in range(warmup):
        await opened.trade("warm-up")
    intents = [await opened.trade("sequential") for _ in range(count)]
    arrived = first_arrivals(opened.stack)
    sent = [intent for intent in intents if leg_a(intent) in arrived]
    spent = [arrived[leg_a(intent)] - opened.submitted[intent.id] for intent in sent]
    whole = [opened.ended[intent.id] - opened.submitted[intent.id] for intent in intents]
    emit("intent to leg A", "ms", command, percentiles(_ms(spent)), "p50 ≤ 20 ms, p99 ≤ 40 ms")
    emit("intent to done trading, alone", "ms", command, percentiles(_ms(whole)))
    await unhedged(opened, command, intents, "unhedged time a trade, alone")


async def concurrent(opened: Desk, command: str, count: int, at_once: int) -> None:
    """Figures: complete two-leg trades a second with `at_once` in flight, and what each of them then takes."""
    left = count
    intents: list[Intent] = []

    async def slot(name: str) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            intents.append(await opened.trade(name))

    meter = Meter(opened.stack)
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(at_once):
            group.create_task(slot(f"slot {number}"))
    seconds = time.perf_counter() - begun
    meter.report(command, count)
    facts = (await opened.connections.ledger.snapshot(opened.stack.run_id)).facts
    shares = {trade.id: trade.hedged for trade in facts.trades}
    hedged = sum(shares.get(intent.id) == intent.size for intent in intents)
    arrived = first_arrivals(opened.stack)
    values = {
        "value": round(hedged / seconds, 1),
        "hedged": hedged,
        "trades": len(intents),
        "seconds": round(seconds, 2),
        "at_once": at_once,
    }
    emit("two-leg trades a second", "trades/s", command, values, "≥ 40")
    sent = [intent for intent in intents if leg_a(intent) in arrived]  # an overloaded stack lets intents expire
    first = [arrived[leg_a(intent)] - opened.submitted[intent.id] for intent in sent]
    closed = [opened.ended[intent.id] - arrived[leg_a(intent)] for intent in sent]
    emit("intent to leg A, many at once", "ms", command, percentiles(_ms(first)))
    emit("leg A to done trading, many at once", "ms", command, percentiles(_ms(closed)))
    await unhedged(opened, command, intents, "unhedged time a trade, many at once")


async def unhedged(opened: Desk, command: str, intents: list[Intent], figure: str) -> None:
    """Figure: from leg A's fill to leg B's, both by the exchange's clock."""
    facts = (await opened.connections.ledger.snapshot(opened.stack.run_id)).facts
    by_intent = facts.fills_by_intent()
    stood = [alone(by_intent.get(intent.id, [])) for intent in intents]
    emit(figure, "ms", command, percentiles(_ms([gap for gap in stood if gap is not None])))


def alone(fills: list[Fill]) -> int | None:
    """Microseconds between the first fill and the first of another market; None where there is no other."""
    ordered = sorted(fills, key=lambda fill: fill.at)
    for before, after in pairwise(ordered):
        if before.market != after.market:
            return after.at - ordered[0].at
    return None


def leg_a(intent: Intent) -> str:
    return client_order_id(intent.id, intent.legs[0].name, 1)


def _ms(micros: list[int]) -> list[float]:
    return [value / 1000 for value in micros]
