"""One leg stands alone: completed, given back, or held."""

from __future__ import annotations

from decimal import Decimal

from domain.intent import Way
from domain.orders import OrderTicket, SubmitResult
from domain.trade import Outcome
from proof.histories.paths.path import Paths
from proof.histories.stage import A, B, Stage
from testing.venue import Fault

D = Decimal
REPAIR = Paths()


@REPAIR.path("moved-completed", "leg B has moved; completing it is cheaper than going back")
async def _(on: Stage) -> None:
    on.venue.set_book(B, bids=[("0.54", "10")], asks=[("0.56", "10")])
    await on.start()
    await on.paid(Outcome.HEDGED)


@REPAIR.path("moved-unwound", "leg B is gone; leg A is given back")
async def _(on: Stage) -> None:
    on.venue.set_book(B)
    await on.start()
    await on.closed(Outcome.UNWOUND)


@REPAIR.path("refused-unwound", "the venue refuses leg B; leg A is given back")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.REJECT)
    await on.start()
    await on.closed(Outcome.UNWOUND)


@REPAIR.path("partial-first-leg", "leg A fills in part, leg B for as much")
async def _(on: Stage) -> None:
    on.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "6")])
    await on.start()
    await on.paid(Outcome.HEDGED)


@REPAIR.path("partial-second-leg", "leg B fills in part, the rest is completed at the next level")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.PARTIAL)
    await on.start()
    await on.paid(Outcome.HEDGED)


@REPAIR.path("reduced", "leg B fills in part, no more is offered: the rest of leg A is given back")
async def _(on: Stage) -> None:
    on.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "10")])
    submit = on.venue.submit

    async def thins_out(ticket: OrderTicket) -> SubmitResult:
        if ticket.leg == "B":
            on.venue.set_book(B, asks=[("0.55", "4")])
        return await submit(ticket)

    on.venue.submit = thins_out  # type: ignore[method-assign]
    await on.start()
    await on.paid(Outcome.REDUCED)


@REPAIR.path("held-by-policy", "what stands alone may be held, and is", ways=(Way.HOLD,), loss_budget=D(10))
async def _(on: Stage) -> None:
    on.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "20")])
    on.venue.set_book(B)
    await on.start()
    await on.paid(Outcome.RESIDUAL)


@REPAIR.path("dust", "what stands alone is too little to matter", dust=D(5))
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.PARTIAL)
    await on.start()
    await on.paid(Outcome.HEDGED)
