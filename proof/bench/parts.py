"""The order path taken apart: each step alone, on an idle stack, so that a slow sum names its slow term."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

from domain.intent import Intent
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, SubmitResult, Verdict
from proof.bench.figures import emit, percentiles
from proof.bench.trades import Desk
from workers.starter import search_attributes
from workers.trading import wall_clock_us
from workflows import names

_WARMUP = 20
_UNHEARD = "bench-nobody"  # a task queue without a worker: the start alone


async def run(opened: Desk, command: str, count: int) -> None:
    venue = opened.connections.venues[Venue.KALSHI]
    ledger, run_id = opened.connections.ledger, opened.stack.run_id
    market = opened.maker.make("part").legs[0].market

    def ticket_of(intent: Intent, purpose: Purpose = Purpose.OPEN) -> OrderTicket:
        leg = intent.legs[0]
        return OrderTicket(intent.id, "A", 1, purpose, leg.venue, leg.market, leg.side, Decimal(1), leg.limit)

    async def intent_id() -> None:
        _ = opened.maker.make("part").id

    async def order() -> None:
        await venue.submit(ticket_of(opened.maker.make("part")))

    async def quote() -> None:
        await venue.quote(market)

    async def begin() -> None:
        intent = opened.maker.make("part")
        ticket = ticket_of(intent)
        await ledger.begin_order(run_id, intent, ticket, (await venue.prepare(ticket)).body, wall_clock_us())

    async def finish() -> None:
        ticket = ticket_of(opened.maker.make("part"))
        await ledger.finish_order(ticket, SubmitResult(Verdict.DENIED, at=wall_clock_us()))

    async def start() -> None:
        intent = opened.maker.make("part")
        await opened.connections.client.start_workflow(
            names.TRADE_WORKFLOW,
            args=[intent, None, None],  # nobody hears it
            id=intent.id,
            task_queue=_UNHEARD,
            search_attributes=search_attributes(intent),
            execution_timeout=timedelta(minutes=5),
        )

    for figure, part in (
        ("part: intent built and its id", intent_id),
        ("part: exchange order round trip", order),
        ("part: exchange book read", quote),
        ("part: ledger write, order begun", begin),
        ("part: ledger write, answer", finish),
        ("part: Temporal start, no worker", start),
    ):
        emit(figure, "ms", command, percentiles(await _timed(part, count)))


async def _timed(part: Callable[[], Awaitable[None]], count: int) -> list[float]:
    for _ in range(_WARMUP):
        await part()
    spent = []
    for _ in range(count):
        begun = time.perf_counter_ns()
        await part()
        spent.append((time.perf_counter_ns() - begun) / 1e6)
    return spent
