"""Opening as planned, and not at all: filled, missed, denied."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.errors import Unavailable
from domain.halt import Halt, Rule, Scope
from domain.trade import Outcome, TradeState
from proof.histories.paths.path import Paths
from proof.histories.stage import A, B, Stage
from testing.venue import Fault
from workers.trading import wall_clock_us

D = Decimal
OPENING = Paths()


@OPENING.path("hedged", "both legs fill as planned, the markets pay")
async def _(on: Stage) -> None:
    await on.start()
    await on.paid(Outcome.HEDGED)


@OPENING.path("open-settling", "the same, still waiting for its markets")
async def _(on: Stage) -> None:
    await on.start()
    await on.until(TradeState.SETTLING)
    await on.waits(3)


@OPENING.path("basket-of-three", "three legs, one after the other", legs=3)
async def _(on: Stage) -> None:
    await on.start()
    await on.paid(Outcome.HEDGED)


@OPENING.path("basket-last-leg-gone", "two of three legs fill, the third has no offers: both are given back", legs=3)
async def _(on: Stage) -> None:
    on.venue.set_book(on.intent.legs[2].market)
    await on.start()
    await on.closed(Outcome.UNWOUND)


@OPENING.path("sell-legs", "both legs are held short until their markets take the payout back", short=True)
async def _(on: Stage) -> None:
    await on.start()
    await on.paid(Outcome.HEDGED)


@OPENING.path("missed", "leg A finds nothing at its limit")
async def _(on: Stage) -> None:
    on.venue.set_book(A, asks=[("0.60", "10")])
    await on.start()
    await on.closed(Outcome.MISSED)


@OPENING.path("missed-refused", "the venue refuses leg A")
async def _(on: Stage) -> None:
    on.venue.script("submit", Fault.REJECT)
    await on.start()
    await on.closed(Outcome.MISSED)


@OPENING.path("denied-expired", "the intent is too old when its turn comes")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, expires_at=on.intent.decided_at - 1)
    await on.start()
    await on.closed(Outcome.DENIED)


@OPENING.path("denied-halted", "a halt stands over one of its markets")
async def _(on: Stage) -> None:
    halt = Halt("h-1", Scope.MARKET, B, Rule.OPERATOR, "ada", "the game is in doubt", wall_clock_us())
    await on.ledger.set_halt(halt)
    await on.start()
    await on.closed(Outcome.DENIED)


@OPENING.path("denied-capital", "less cash is free than the trade may lock")
async def _(on: Stage) -> None:
    on.cash = on.venue.purse.money = D(1)
    await on.start()
    await on.closed(Outcome.DENIED)


@OPENING.path("denied-closed", "the other leg's market is closed")
async def _(on: Stage) -> None:
    live = on.venue.market

    async def closed(market: str) -> Any:
        return replace(await live(market), open=market != B)

    on.venue.market = closed  # type: ignore[method-assign]
    await on.start()
    await on.closed(Outcome.DENIED)


@OPENING.path("denied-off-tick", "a leg's limit is off its market's grid")
async def _(on: Stage) -> None:
    on.leg(1, limit=D("0.555"))
    await on.start()
    await on.closed(Outcome.DENIED)


@OPENING.path("denied-ledger-away", "the ledger cannot say whether a halt stands")
async def _(on: Stage) -> None:
    async def away(*_: object, order_id: str = "") -> int:
        raise Unavailable("the ledger does not answer", "ledger_unavailable")

    begin, on.ledger.begin_order = on.ledger.begin_order, away  # type: ignore[method-assign, assignment]
    await on.start()
    await on.closed(Outcome.DENIED)
    on.ledger.begin_order = begin  # type: ignore[method-assign]
