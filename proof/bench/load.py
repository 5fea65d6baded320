"""Offered load: trades begun at a steady rate, up to ten times what the machine can hedge, and who waits for it.

First the highest rate is sought at which 99 of 100 offered trades hedge; then half of it, once, twice, five and ten
times as many are offered. Whoever begins a trade asks the gate first, as ingest does, and the worker asks again.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, replace

from domain.admission import Admission
from domain.intent import Intent
from proof.bench.figures import emit, percentiles
from proof.bench.trades import Desk, alone
from workers.load_watch import LoadWatch
from workers.trading import wall_clock_us

_TIMES = (0.5, 1, 2, 5, 10)
_ENOUGH = 0.99
_FIRST_RATE = 2.0
_STEP = 1.4
_SLOTS = 512
_FRESH_US = 500_000
_OVER_S = 30.0


@dataclass(frozen=True, slots=True)
class Offered:
    """What came of one rate: trades a second that were offered and that hedged, and the time each stood unhedged."""

    rate: float
    offered: int
    refused: int
    hedged: int
    seconds: float
    alone_ms: tuple[float, ...]

    @property
    def hedged_a_second(self) -> float:
        return self.hedged / self.seconds

    @property
    def p99_ms(self) -> float:
        ordered = sorted(self.alone_ms)
        return ordered[math.ceil(len(ordered) * 0.99) - 1] if ordered else 0.0


async def run(opened: Desk, command: str, seconds: float) -> None:
    """Figures: what hedges at each rate, and how much longer it stands on one leg than at half the rate it can do."""
    watching = LoadWatch(opened.connections.ledger, opened.stack.settings.admission.limits(), wall_clock_us)
    task = asyncio.create_task(watching.run())
    try:
        for _ in range(3):
            await _offer(opened, watching, 4.0, 2.0)  # warm
        highest = await _highest(opened, watching, seconds)
        steps = [await _offer(opened, watching, highest * times, seconds) for times in _TIMES]
    finally:
        task.cancel()
    floor, most = steps[0].p99_ms, max(step.hedged_a_second for step in steps)
    for times, step in zip(_TIMES, steps, strict=True):
        values = {
            "value": round(step.hedged_a_second, 1),
            "offered": round(step.rate, 1),
            "times": times,
            "trades": step.offered,
            "refused": step.refused,
            "of_highest": round(step.hedged_a_second / most, 2) if most else 0,
            "unhedged_p99_times_floor": round(step.p99_ms / floor, 2) if floor else 0,
        }
        emit("hedged under load", "trades/s", command, values, "at 10 × ≥ 0.8 of the highest; p99 ≤ 3 × that at 0.5")
        if step.alone_ms:
            emit(f"unhedged time under load, {times:g} ×", "ms", command, percentiles(list(step.alone_ms)))


async def _highest(opened: Desk, watching: LoadWatch, seconds: float) -> float:
    """The highest rate, by steps of two fifths, at which nearly all of what is offered hedges."""
    rate, best = _FIRST_RATE, _FIRST_RATE
    while True:
        step = await _offer(opened, watching, rate, seconds)
        if step.hedged < _ENOUGH * step.offered:
            return best
        best, rate = rate, rate * _STEP


async def _offer(opened: Desk, watching: LoadWatch, rate: float, seconds: float) -> Offered:
    """Begin `rate` trades a second for `seconds`, then wait until those that began trade no more."""
    loop = asyncio.get_running_loop()
    gate = Admission(opened.stack.settings.admission.limits())
    fresh: deque[int] = deque()
    begun: list[asyncio.Task[Intent]] = []
    refused, count, start = 0, max(1, round(rate * seconds)), loop.time()
    for n in range(count):
        await asyncio.sleep(max(0.0, start + n / rate - loop.time()))
        now = wall_clock_us()
        while fresh and fresh[0] < now - _FRESH_US:
            fresh.popleft()
        unheard = min(len(fresh), sum(not task.done() for task in begun))
        if gate.busy(replace(watching.known, trading=watching.known.trading + unheard)):
            refused += 1
            continue
        fresh.append(now)
        begun.append(asyncio.create_task(opened.trade(f"load {n % _SLOTS}")))
    took = max(loop.time() - start, seconds)
    ended = await asyncio.wait_for(asyncio.gather(*begun, return_exceptions=True), _OVER_S + seconds)
    intents = [one for one in ended if isinstance(one, Intent)]
    facts = (await opened.connections.ledger.snapshot(opened.stack.run_id)).facts
    shares = {trade.id: trade.hedged for trade in facts.trades}
    fills = facts.fills_by_intent()
    stood = [alone(fills.get(intent.id, [])) for intent in intents]
    hedged = sum(shares.get(intent.id) == intent.size for intent in intents)
    return Offered(rate, count, refused, hedged, took, tuple(micros / 1000 for micros in stood if micros is not None))
