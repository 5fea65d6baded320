"""The trade's own code raised: parked in every state, its person heard, and carried on by mended code.

What is kept is the parked run's history: the run before it rests on a bug that today's code does not have.
"""

from __future__ import annotations

from domain.trade import Outcome, TradeState
from proof.histories.faulty import break_in, mend
from proof.histories.paths.path import Paths
from proof.histories.stage import B, Stage
from testing.venue import Fault
from workflows import names

PARKED = Paths()
_WORDS = "Parked: "


async def _parks(on: Stage, state: TradeState) -> None:
    """Begin it, and wait until it is parked over a bug in that state."""
    break_in(on.intent.id, state)
    await on.start()
    await on.until(told=_WORDS)
    await on.keep_this_run()
    mend(on.intent.id)


async def _hedged(on: Stage, state: TradeState) -> None:
    await _parks(on, state)
    await on.ask(names.UPDATE_RETRY)
    await on.paid(Outcome.HEDGED)


@PARKED.path("parked-planned", "its code raises before anything was sent; told to go on, it is hedged")
async def _(on: Stage) -> None:
    await _hedged(on, TradeState.PLANNED)


@PARKED.path("parked-leg-a", "its code raises before leg A is sent; told to go on, it is hedged")
async def _(on: Stage) -> None:
    await _hedged(on, TradeState.LEG_A)


@PARKED.path("parked-recheck", "its code raises while leg A stands alone; told to go on, it is completed")
async def _(on: Stage) -> None:
    await _hedged(on, TradeState.RECHECK)


@PARKED.path("parked-leg-b", "its code raises while leg B's outcome is open; the venue's list settles it while parked")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_AFTER)
    await _hedged(on, TradeState.LEG_B)


@PARKED.path("parked-rebalance", "its code raises while it repairs; a worker with other code lets it go on")
async def _(on: Stage) -> None:
    on.venue.set_book(B, bids=[("0.54", "10")], asks=[("0.56", "10")])
    await _parks(on, TradeState.REBALANCE)
    await on.handle.signal(names.SIGNAL_RESUME, "other code")
    await on.paid(Outcome.HEDGED)


@PARKED.path("parked-unwind", "its code raises while it unwinds; the parked run sells what stands alone")
async def _(on: Stage) -> None:
    await on.sticks(TradeState.REBALANCE)
    break_in(on.intent.id, TradeState.UNWIND)
    await on.ask(names.UPDATE_UNWIND)
    await on.until(told=_WORDS)
    await on.keep_this_run()
    await on.until(told="unwind A2: accepted, 10")
    mend(on.intent.id)
    await on.ask(names.UPDATE_RETRY)
    await on.closed(Outcome.UNWOUND)


@PARKED.path("parked-stuck", "its code raises while it is stuck; a person has it unwound while parked")
async def _(on: Stage) -> None:
    await on.sticks(TradeState.REBALANCE)
    break_in(on.intent.id, TradeState.STUCK)
    await on.until(told=_WORDS)
    await on.keep_this_run()
    await on.ask(names.UPDATE_UNWIND)
    await on.until(told="unwind A2: accepted, 10")
    mend(on.intent.id)
    await on.handle.signal(names.SIGNAL_RESUME, "other code")
    await on.closed(Outcome.UNWOUND)


@PARKED.path("parked-hedged", "its code raises when all is hedged; told to go on, it settles")
async def _(on: Stage) -> None:
    await _hedged(on, TradeState.HEDGED)


@PARKED.path("parked-settling", "its code raises while it waits for payment; told to go on, it is paid")
async def _(on: Stage) -> None:
    await _hedged(on, TradeState.SETTLING)


@PARKED.path("parked-missed", "its code raises when leg A was missed; told to go on, it closes")
async def _(on: Stage) -> None:
    on.venue.script("submit", Fault.REJECT)
    await _parks(on, TradeState.MISSED)
    await on.ask(names.UPDATE_RETRY)
    await on.closed(Outcome.MISSED)


@PARKED.path("parked-accept", "what cannot be done while parked is kept, and done as it goes on")
async def _(on: Stage) -> None:
    await on.sticks(TradeState.REBALANCE)
    break_in(on.intent.id, TradeState.STUCK)
    await on.until(told=_WORDS)
    await on.keep_this_run()
    await on.ask(names.UPDATE_ACCEPT)
    mend(on.intent.id)
    await on.handle.signal(names.SIGNAL_RESUME, "other code")
    await on.paid(Outcome.RESIDUAL)
