"""Legs that rest, that may only make, that fill whole or not at all."""

from __future__ import annotations

from decimal import Decimal

from domain.orders import Side, TimeInForce
from domain.trade import Outcome
from proof.histories.paths.path import Paths
from proof.histories.stage import A, Stage
from testing.venue import Fault

D = Decimal
STYLES = Paths()


def _rests(on: Stage, rest_ms: int, *, post_only: bool = False) -> None:
    on.leg(0, tif=TimeInForce.GTC, rest_ms=rest_ms, post_only=post_only)
    on.venue.set_book(A, bids=[("0.38", "20")], asks=[("0.45", "10")])


@STYLES.path("resting-filled", "leg A rests, fills in part, is cancelled and hedged")
async def _(on: Stage) -> None:
    _rests(on, 60_000)
    await on.start()
    await on.until(told="in the book")
    on.venue.flow(A, Side.SELL, "3", "0.40")
    await on.wake()
    await on.paid(Outcome.HEDGED)


@STYLES.path("resting-timed-out", "leg A rests its time without a fill and is cancelled")
async def _(on: Stage) -> None:
    _rests(on, 400)
    await on.start()
    await on.closed(Outcome.MISSED)


@STYLES.path("post-only", "leg A rests as a maker and fills whole")
async def _(on: Stage) -> None:
    _rests(on, 60_000, post_only=True)
    await on.start()
    await on.until(told="in the book")
    on.venue.flow(A, Side.SELL, "10", "0.40")
    await on.wake()
    await on.paid(Outcome.HEDGED)


@STYLES.path("post-only-refused", "leg A would take: the venue refuses it")
async def _(on: Stage) -> None:
    on.leg(0, tif=TimeInForce.GTC, rest_ms=60_000, post_only=True)
    await on.start()
    await on.closed(Outcome.MISSED)


@STYLES.path("fill-or-kill", "leg A is all or nothing, and gets nothing")
async def _(on: Stage) -> None:
    on.leg(0, tif=TimeInForce.FOK)
    on.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "6")])
    await on.start()
    await on.closed(Outcome.MISSED)


@STYLES.path("still-working", "leg B works on though it should not, and is cancelled")
async def _(on: Stage) -> None:
    on.venue.script("submit", None, Fault.WORKS)
    await on.start()
    await on.paid(Outcome.HEDGED)
