"""A person speaks: by an update, a signal, or a cancel in Temporal's own pages."""

from __future__ import annotations

from decimal import Decimal

from domain.operator import OperatorCommand
from domain.orders import Side
from domain.trade import Outcome, TradeState
from proof.histories.paths.path import Paths
from proof.histories.stage import PERSON, A, B, Stage
from workflows import names

D = Decimal
PEOPLE = Paths()


@PEOPLE.path("stuck-unwind", "no repair within the budget; a person has it sold")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.ask(names.UPDATE_UNWIND)
    await on.closed(Outcome.UNWOUND)


@PEOPLE.path("stuck-retry", "stuck until the book is back and a person says so")
async def _(on: Stage) -> None:
    await on.sticks()
    on.venue.set_book(B, asks=[("0.55", "10")])
    await on.ask(names.UPDATE_RETRY)
    await on.paid(Outcome.HEDGED)


@PEOPLE.path("stuck-accept", "a person accepts what stands alone")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.ask(names.UPDATE_ACCEPT)
    await on.paid(Outcome.RESIDUAL)


@PEOPLE.path("stuck-adopt", "a person has hedged it by hand, and the trade takes that order over")
async def _(on: Stage) -> None:
    await on.sticks()
    on.venue.set_book(B, asks=[("0.80", "10")])  # dearer than the budget allows the trade itself
    order = on.venue.place_by_hand(B, Side.BUY, "10", "0.80").order_id
    await on.ask(names.UPDATE_ADOPT, OperatorCommand("ada", "hedged by hand", order, "kalshi"))
    await on.paid(Outcome.HEDGED)


@PEOPLE.path("stuck-adopt-refused", "the order named does not exist; then it is unwound")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.ask(names.UPDATE_ADOPT, OperatorCommand("ada", "hedged by hand", "o-999", "kalshi"))
    await on.until(told="was not adopted")
    await on.ask(names.UPDATE_UNWIND)
    await on.closed(Outcome.UNWOUND)


@PEOPLE.path("stuck-hold", "a person holds it, then lets it go on")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.ask(names.UPDATE_HOLD)
    await on.until(told="held by a person")
    on.venue.set_book(B, asks=[("0.55", "10")])
    await on.ask(names.UPDATE_RETRY)
    await on.paid(Outcome.HEDGED)


@PEOPLE.path("open-stuck", "stuck, and still so")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.waits(4)


@PEOPLE.path("unwind-while-repairing", "a person speaks before the trade is stuck", repair_deadline_ms=600_000)
async def _(on: Stage) -> None:
    await on.sticks(TradeState.REBALANCE)
    await on.ask(names.UPDATE_UNWIND)
    await on.closed(Outcome.UNWOUND)


@PEOPLE.path("force-flat", "a signal asks to unwind")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.force_flat()
    await on.closed(Outcome.UNWOUND)


@PEOPLE.path("force-flat-too-late", "a signal asks to unwind what is hedged: told in the story")
async def _(on: Stage) -> None:
    await on.start()
    await on.until(TradeState.SETTLING)
    await on.force_flat()
    await on.until(told="too late")
    await on.paid(Outcome.HEDGED)


@PEOPLE.path("cancelled", "a cancel from the Temporal UI is taken as the wish to unwind")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.handle.cancel()
    await on.until(told="beyond the loss budget")
    on.venue.set_book(A, bids=[("0.39", "10")])
    await on.wake()
    await on.closed(Outcome.UNWOUND)


@PEOPLE.path("sealed-flat", "a sealed signal unwinds at any price")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.force_flat()
    await on.closed(Outcome.UNWOUND)


@PEOPLE.path("unsealed-flat", "a signal without a seal unwinds within the loss budget, and a person at any price")
async def _(on: Stage) -> None:
    await on.sticks()
    await on.handle.signal(names.SIGNAL_FORCE_FLAT, PERSON)
    await on.until(told="beyond the loss budget")
    await on.ask(names.UPDATE_UNWIND)
    await on.closed(Outcome.UNWOUND)


@PEOPLE.path("stranger", "a trade without a seal, of an intent that nobody decided, is denied and leaves no trace")
async def _(on: Stage) -> None:
    await on.start(sealed=False)
    await on.closed(Outcome.DENIED)
