"""Every path a trade may take, each as the story that is recorded: what the world does, and how the trade must end.

A path that takes another turn than it says raises, and nothing of it is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from domain.errors import Unavailable
from domain.halt import Halt, Rule, Scope
from domain.intent import Way
from domain.operator import OperatorCommand
from domain.orders import OrderTicket, Side, SubmitResult, TimeInForce
from domain.trade import Outcome, TradeState
from venues.fake import Fault
from workers.histories.stage import PERSON, A, B, Stage, voids_once
from workers.trading import wall_clock_us
from workflows import names

D = Decimal


@dataclass(frozen=True, slots=True)
class Path:
    """`told` is the sentence of the index; `live` carries the trade through, with a worker up; `stage` its options."""

    name: str
    told: str
    live: Callable[[Stage], Awaitable[None]]
    stage: dict[str, Any]


PATHS: dict[str, Path] = {}


def path(name: str, told: str, **stage: Any) -> Callable[[Callable[[Stage], Awaitable[None]]], None]:
    def add(live: Callable[[Stage], Awaitable[None]]) -> None:
        PATHS[name] = Path(name, told, live, stage)

    return add


# ---------------------------------------------------------------------- as planned, and not at all


@path("hedged", "both legs fill as planned, the markets pay")
async def _(on: Stage) -> None:
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("open-settling", "the same, still waiting for its markets")
async def _(on: Stage) -> None:
    await on.start()
    await on.until(TradeState.SETTLING)
    await on.waits(3)


@path("basket-of-three", "three legs, one after the other", legs=3)
async def _(on: Stage) -> None:
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("basket-last-leg-gone", "two of three legs fill, the third has no offers: both are given back", legs=3)
async def _(on: Stage) -> None:
    on.venue.set_book(on.intent.legs[2].market)
    await on.start()
    await on.closed(Outcome.UNWOUND)


@path("sell-legs", "both legs are held short until their markets take the payout back", short=True)
async def _(on: Stage) -> None:
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("missed", "leg A finds nothing at its limit")
async def _(on: Stage) -> None:
    on.venue.set_book(A, asks=[("0.60", "10")])
    await on.start()
    await on.closed(Outcome.MISSED)


@path("missed-refused", "the venue refuses leg A")
async def _(on: Stage) -> None:
    on.venue.script("submit", Fault.REJECT)
    await on.start()
    await on.closed(Outcome.MISSED)


@path("denied-expired", "the intent is too old when its turn comes")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, expires_at=on.intent.decided_at - 1)
    await on.start()
    await on.closed(Outcome.DENIED)


@path("denied-halted", "a halt stands over one of its markets")
async def _(on: Stage) -> None:
    halt = Halt("h-1", Scope.MARKET, B, Rule.OPERATOR, "ada", "the game is in doubt", wall_clock_us())
    await on.ledger.set_halt(halt)
    await on.start()
    await on.closed(Outcome.DENIED)


@path("denied-capital", "less cash is free than the trade may lock")
async def _(on: Stage) -> None:
    on.cash = on.venue.money = D(1)
    await on.start()
    await on.closed(Outcome.DENIED)


@path("denied-closed", "the other leg's market is closed")
async def _(on: Stage) -> None:
    live = on.venue.market

    async def closed(market: str) -> Any:
        return replace(await live(market), open=market != B)

    on.venue.market = closed  # type: ignore[method-assign]
    await on.start()
    await on.closed(Outcome.DENIED)


@path("denied-off-tick", "a leg's limit is off its market's grid")
async def _(on: Stage) -> None:
    on.leg(1, limit=D("0.555"))
    await on.start()
    await on.closed(Outcome.DENIED)


@path("denied-ledger-away", "the ledger cannot say whether a halt stands")
async def _(on: Stage) -> None:
    async def away(*_: object, order_id: str = "") -> int:
        raise Unavailable("the ledger does not answer", "ledger_unavailable")

    begin, on.ledger.begin_order = on.ledger.begin_order, away  # type: ignore[method-assign, assignment]
    await on.start()
    await on.closed(Outcome.DENIED)
    on.ledger.begin_order = begin  # type: ignore[method-assign]


# ---------------------------------------------------------------------- one leg stands alone


@path("moved-completed", "leg B has moved; completing it is cheaper than going back")
async def _(on: Stage) -> None:
    on.venue.set_book(B, bids=[("0.54", "10")], asks=[("0.56", "10")])
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("moved-unwound", "leg B is gone; leg A is given back")
async def _(on: Stage) -> None:
    on.venue.set_book(B)
    await on.start()
    await on.closed(Outcome.UNWOUND)


@path("refused-unwound", "the venue refuses leg B; leg A is given back")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.REJECT)
    await on.start()
    await on.closed(Outcome.UNWOUND)


@path("partial-first-leg", "leg A fills in part, leg B for as much")
async def _(on: Stage) -> None:
    on.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "6")])
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("partial-second-leg", "leg B fills in part, the rest is completed at the next level")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.PARTIAL)
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("reduced", "leg B fills in part, no more is offered: the rest of leg A is given back")
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


@path("held-by-policy", "what stands alone may be held, and is", ways=(Way.HOLD,), loss_budget=D(10))
async def _(on: Stage) -> None:
    on.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "20")])
    on.venue.set_book(B)
    await on.start()
    await on.paid(Outcome.RESIDUAL)


@path("dust", "what stands alone is too little to matter", dust=D(5))
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.PARTIAL)
    await on.start()
    await on.paid(Outcome.HEDGED)


# ---------------------------------------------------------------------- outcomes unknown


@path("unknown-present", "leg B's answer is lost; the venue lists it")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_AFTER)
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("unknown-resent", "leg B never arrived; the same bytes go out again")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_BEFORE)
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("unknown-absent", "leg A never arrived and its intent is stale by then: proven absent")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, expires_at=wall_clock_us() + 1_500_000)
    on.venue.script("submit", Fault.LOST_BEFORE)
    on.venue.script("evidence", *[Fault.UNAVAILABLE] * 5)
    await on.start()
    await on.closed(Outcome.MISSED)


@path("unknown-broken", "the activity that sent leg B breaks after sending")
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


@path("duplicate", "leg B arrived, the venue's list lags: the second copy is told the first is there")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.LOST_AFTER)
    on.venue.lag_ms = 3_600_000
    await on.start()
    await on.until(told="order_already_exists")
    on.venue.lag_ms = 0
    await on.wake()
    await on.paid(Outcome.HEDGED)


@path(
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


# ---------------------------------------------------------------------- styles


@path("resting-filled", "leg A rests, fills in part, is cancelled and hedged")
async def _(on: Stage) -> None:
    _rests(on, 60_000)
    await on.start()
    await on.until(told="in the book")
    on.venue.flow(A, Side.SELL, "3", "0.40")
    await on.wake()
    await on.paid(Outcome.HEDGED)


@path("resting-timed-out", "leg A rests its time without a fill and is cancelled")
async def _(on: Stage) -> None:
    _rests(on, 400)
    await on.start()
    await on.closed(Outcome.MISSED)


@path("post-only", "leg A rests as a maker and fills whole")
async def _(on: Stage) -> None:
    _rests(on, 60_000, post_only=True)
    await on.start()
    await on.until(told="in the book")
    on.venue.flow(A, Side.SELL, "10", "0.40")
    await on.wake()
    await on.paid(Outcome.HEDGED)


@path("post-only-refused", "leg A would take: the venue refuses it")
async def _(on: Stage) -> None:
    on.leg(0, tif=TimeInForce.GTC, rest_ms=60_000, post_only=True)
    await on.start()
    await on.closed(Outcome.MISSED)


@path("fill-or-kill", "leg A is all or nothing, and gets nothing")
async def _(on: Stage) -> None:
    on.leg(0, tif=TimeInForce.FOK)
    on.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "6")])
    await on.start()
    await on.closed(Outcome.MISSED)


@path("still-working", "leg B works on though it should not, and is cancelled")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.WORKS)
    await on.start()
    await on.paid(Outcome.HEDGED)


# ---------------------------------------------------------------------- people


@path("stuck-unwind", "no repair within the budget; a person has it sold")
async def _(on: Stage) -> None:
    await _stuck(on)
    await on.ask(names.UPDATE_UNWIND)
    await on.closed(Outcome.UNWOUND)


@path("stuck-retry", "stuck until the book is back and a person says so")
async def _(on: Stage) -> None:
    await _stuck(on)
    on.venue.set_book(B, asks=[("0.55", "10")])
    await on.ask(names.UPDATE_RETRY)
    await on.paid(Outcome.HEDGED)


@path("stuck-accept", "a person accepts what stands alone")
async def _(on: Stage) -> None:
    await _stuck(on)
    await on.ask(names.UPDATE_ACCEPT)
    await on.paid(Outcome.RESIDUAL)


@path("stuck-adopt", "a person has hedged it by hand, and the trade takes that order over")
async def _(on: Stage) -> None:
    await _stuck(on)
    on.venue.set_book(B, asks=[("0.80", "10")])  # dearer than the budget allows the trade itself
    order = on.venue.place_by_hand(B, Side.BUY, "10", "0.80").order_id
    await on.ask(names.UPDATE_ADOPT, OperatorCommand("ada", "hedged by hand", order, "kalshi"))
    await on.paid(Outcome.HEDGED)


@path("stuck-adopt-refused", "the order named does not exist; then it is unwound")
async def _(on: Stage) -> None:
    await _stuck(on)
    await on.ask(names.UPDATE_ADOPT, OperatorCommand("ada", "hedged by hand", "o-999", "kalshi"))
    await on.until(told="was not adopted")
    await on.ask(names.UPDATE_UNWIND)
    await on.closed(Outcome.UNWOUND)


@path("stuck-hold", "a person holds it, then lets it go on")
async def _(on: Stage) -> None:
    await _stuck(on)
    await on.ask(names.UPDATE_HOLD)
    await on.until(told="held by a person")
    on.venue.set_book(B, asks=[("0.55", "10")])
    await on.ask(names.UPDATE_RETRY)
    await on.paid(Outcome.HEDGED)


@path("open-stuck", "stuck, and still so")
async def _(on: Stage) -> None:
    await _stuck(on)
    await on.waits(4)


@path("unwind-while-repairing", "a person speaks before the trade is stuck", repair_deadline_ms=600_000)
async def _(on: Stage) -> None:
    await _stuck(on, TradeState.REBALANCE)
    await on.ask(names.UPDATE_UNWIND)
    await on.closed(Outcome.UNWOUND)


@path("force-flat", "a signal asks to unwind")
async def _(on: Stage) -> None:
    await _stuck(on)
    await on.handle.signal(names.SIGNAL_FORCE_FLAT, PERSON)
    await on.closed(Outcome.UNWOUND)


@path("force-flat-too-late", "a signal asks to unwind what is hedged: told in the story")
async def _(on: Stage) -> None:
    await on.start()
    await on.until(TradeState.SETTLING)
    await on.handle.signal(names.SIGNAL_FORCE_FLAT, PERSON)
    await on.until(told="too late")
    await on.paid(Outcome.HEDGED)


@path("cancelled", "a cancel from the Temporal UI is taken as the wish to unwind")
async def _(on: Stage) -> None:
    await _stuck(on)
    await on.handle.cancel()
    await on.closed(Outcome.UNWOUND)


# ---------------------------------------------------------------------- the tail


@path("voided", "leg B's fill is void after all and bought again", word=voids_once(B, 400))
async def _(on: Stage) -> None:
    on.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "30")])
    await on.start()
    await on.until(told="The venue counts")
    await on.paid(Outcome.HEDGED)


@path("miscounted", "leg B's answer told of half; the venue's list has the last word")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.MISCOUNT)
    on.venue.set_book(B, bids=[("0.53", "30")], asks=[("0.55", "30")])
    await on.start()
    await on.until(TradeState.SETTLING)
    on.pay()
    await on.handle.result()


@path("merged", "the venue takes the whole sets back at once")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, set_id="set-1")
    await on.start()
    await on.closed(Outcome.HEDGED)


@path("merge-refused", "the venue takes no sets back just now: the markets pay in the end")
async def _(on: Stage) -> None:
    on.intent = replace(on.intent, set_id="set-1")
    on.venue.script("submit", None, None, Fault.REJECT)
    await on.start()
    await on.paid(Outcome.HEDGED)


@path("paid-while-stuck", "both markets pay while one leg stands alone")
async def _(on: Stage) -> None:
    await _stuck(on)
    on.pay()
    await on.wake()
    await on.closed(Outcome.RESIDUAL)


@path("woken-while-settling", "the venue speaks of an order while its trade waits for payment")
async def _(on: Stage) -> None:
    await on.start()
    await on.until(TradeState.SETTLING)
    await on.wake()
    await asyncio.sleep(0.5)
    await on.paid(Outcome.HEDGED)


@path("settled-late", "the ledger is away as the trade settles; it is asked again")
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


# ---------------------------------------------------------------------- shared turns


def _rests(on: Stage, rest_ms: int, *, post_only: bool = False) -> None:
    on.leg(0, tif=TimeInForce.GTC, rest_ms=rest_ms, post_only=post_only)
    on.venue.set_book(A, bids=[("0.38", "20")], asks=[("0.45", "10")])


async def _stuck(on: Stage, state: TradeState = TradeState.STUCK) -> None:
    """Leg A stands alone: leg B is gone, and leg A's bid is below what the budget allows."""
    on.intent = replace(on.intent, policy=replace(on.intent.policy, loss_budget=D("0.50")))
    on.venue.set_book(B)
    on.venue.set_book(A, bids=[("0.05", "10")], asks=[("0.40", "10")])
    await on.start()
    await on.until(state)
