"""After the hedge: what the venue takes back, counts anew, merges or pays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.errors import Unavailable
from domain.trade import Outcome, TradeState
from proof.histories.paths.path import Paths
from proof.histories.stage import B, Stage, voids_once
from testing.venue import Fault

D = Decimal
TAIL = Paths()


@TAIL.path("voided", "leg B's fill is void after all and bought again", word=voids_once(B, 400))
async def _(on: Stage) -> None:
    on.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "30")])
    await on.start()
    await on.until(told="The venue counts")
    await on.paid(Outcome.HEDGED)


@TAIL.path("miscounted", "leg B's answer told of half; the venue's list has the last word")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.MISCOUNT)
    on.venue.set_book(B, bids=[("0.53", "30")], asks=[("0.55", "30")])
    await on.start()
    await on.until(TradeState.SETTLING)
    on.pay()
    await on.handle.result()


@TAIL.path("merged", "the venue takes the whole sets back at once")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, set_id="set-1")
    await on.start()
    await on.closed(Outcome.HEDGED)


@TAIL.path("merge-refused", "the venue takes no sets back just now: the markets pay in the end")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, set_id="set-1")
    on.venue.script("submit", None, None, Fault.REJECT)
    await on.start()
    await on.paid(Outcome.HEDGED)


@TAIL.path("paid-while-stuck", "both markets pay while one leg stands alone")
async def _(on: Stage) -> None:
    await on.sticks()
    on.pay()
    await on.wake()
    await on.closed(Outcome.RESIDUAL)


@TAIL.path("woken-while-settling", "the venue speaks of an order while its trade waits for payment")
async def _(on: Stage) -> None:
    await on.start()
    await on.until(TradeState.SETTLING)
    await on.wake()
    await asyncio.sleep(0.5)
    await on.paid(Outcome.HEDGED)


@TAIL.path("settled-late", "the ledger is away as the trade settles; it is asked again")
async def _(on: Stage) -> None:
    write, refusals = on.ledger.record_trade, [1, 2]

    async def away_at_first(*args: Any) -> None:
        if refusals:
            refusals.pop()
            raise Unavailable("the ledger does not answer", "ledger_unavailable")
        await write(*args)

    on.ledger.record_trade = away_at_first  # type: ignore[method-assign, assignment]
    await on.start()
    await on.paid(Outcome.HEDGED)
