"""What a parked run sells, plainly and in a code of its own: one order, no larger than book and position bear out."""

from __future__ import annotations

from decimal import Decimal

from domain.intent import Intent, IntentLeg
from domain.orders import OrderTicket, Purpose, Side, TimeInForce
from workflows.state import FIRST_BOUNDED, count

_NONE = Decimal(0)

Levels = tuple[tuple[Decimal, Decimal], ...]


def reach(levels: Levels, side: Side, over: Decimal, least: Decimal | None) -> tuple[Decimal, Decimal]:
    """How many of `over` shares the levels take and the worst price of it; neither at a price that brings less than
    `least` dollars a share, nor from a level whose numbers are none."""
    size, limit = _NONE, _NONE
    for price, offered in levels:
        if size >= abs(over) or not (count(price) and count(offered)):
            break
        if least is not None and (1 - price if side is Side.BUY else price) < least:
            break
        size, limit = min(size + offered, abs(over)), price
    return size, limit


def piece(intent: Intent, leg: IntentLeg, over: Decimal, edition: int) -> Decimal:
    """The most of `over` shares that one order gives back: the intent's size, or the least that the venue takes."""
    return abs(over) if edition < FIRST_BOUNDED else max(intent.size, leg.min_size)


def bears_out(left: Decimal, side: Side, over: Decimal, size: Decimal) -> bool:
    """Whether a position of `left` signed shares says too that `size` of a leg on `side` may be given back, or, where
    `over` is negative, bought back."""
    there = left if side is Side.BUY else -left
    return (there if over > 0 else -there) >= size


def sale(intent: Intent, leg: IntentLeg, side: Side, *, size: Decimal, limit: Decimal, attempt: int) -> OrderTicket:
    return OrderTicket(
        intent_id=intent.id,
        leg=leg.name,
        attempt=attempt,
        purpose=Purpose.UNWIND,
        venue=leg.venue,
        market=leg.market,
        side=side,
        size=size,
        limit=limit,
        tif=TimeInForce.IOC,
        decided_at=intent.decided_at,
    )
