"""An order's outcome is unknown: listed, sent again, proven absent, or waited for."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.orders import OrderTicket, SubmitResult
from domain.trade import Outcome, TradeState
from proof.histories.paths.path import Paths
from proof.histories.stage import Stage
from testing.venue import Fault
from workers.trading import wall_clock_us

D = Decimal
UNKNOWN = Paths()


@UNKNOWN.path("unknown-present", "leg B's answer is lost; the venue lists it")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_AFTER)
    await on.start()
    await on.paid(Outcome.HEDGED)


@UNKNOWN.path("unknown-resent", "leg B never arrived; the same bytes go out again")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_BEFORE)
    await on.start()
    await on.paid(Outcome.HEDGED)


@UNKNOWN.path("unknown-absent", "leg A never arrived and its intent is stale by then: proven absent")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, expires_at=wall_clock_us() + 1_500_000)
    on.venue.script("submit", Fault.LOST_BEFORE)
    on.venue.script("evidence", *[Fault.UNAVAILABLE] * 5)
    await on.start()
    await on.closed(Outcome.MISSED)


@UNKNOWN.path("unknown-broken", "the activity that sent leg B breaks after sending")
async def _(on: Stage) -> None:
    submit, broken = on.venue.submit, [False]

    async def breaks(ticket: OrderTicket) -> SubmitResult:
        result = await submit(ticket)
        if ticket.leg == "B" and not broken[0]:
            broken[0] = True
            raise RuntimeError("out of memory")
        return result

    on.venue.submit = breaks  # type: ignore[method-assign]
    await on.start()
    await on.paid(Outcome.HEDGED)


@UNKNOWN.path("duplicate", "leg B arrived, the venue's list lags: the second copy is told the first is there")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_AFTER)
    on.venue.lag_ms = 3_600_000
    await on.start()
    await on.until(told="order_already_exists")
    on.venue.lag_ms = 0
    await on.wake()
    await on.paid(Outcome.HEDGED)


@UNKNOWN.path(
    "unknown-stuck", "leg B's outcome stays unknown past its deadline, until the venue answers", unknown_deadline_ms=600
)
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_AFTER)
    on.venue.lag_ms = 3_600_000
    await on.start()
    await on.until(TradeState.STUCK)
    on.venue.lag_ms = 0
    await on.wake()
    await on.paid(Outcome.HEDGED)
