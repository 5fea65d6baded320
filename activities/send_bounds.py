"""The bounds of an order once more, in the step that sends it, from what the ledger knows: a second implementation that
shares no code with the workflow's (`domain.send_bounds`).

| the order | by the ledger, at most |
|---|---|
| adds to a leg | the intent's size, or what a leg bought in dollars has, less what the leg has or may get |
| adds to a leg | dollars: the intent's worst cost, less all that is out or may be |
| gives back | the intent's size, or the venue's least; and what orders and fills on record say may be there |
| any | the policy's number since the last command on record, of those that the venue did not refuse |

An order that closes a leg leaves while the ledger is away, as it always does: then its size alone is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import structlog

from domain.errors import BadInput, Unavailable
from domain.evidence import Fill, FillStatus
from domain.intent import Intent, IntentLeg
from domain.orders import SETS, OrderTicket, Side, Verdict
from domain.snapshot import OrderFacts
from ledger.port import InHand, OrderLedger

log = structlog.get_logger(__name__)

BOUND = "bound"
"""Code of what a bound refuses."""

_PATIENCE_S = 1.0
_REFUSED = (Verdict.DENIED, Verdict.REJECTED)
_NOTHING = Fraction(0)


async def beyond_bounds(ledger: OrderLedger, ticket: OrderTicket, intent: Intent | None) -> str:
    """Why an order is beyond its bounds; empty if it is within, or if nothing is known to hold it against. An opening
    without a ledger is refused where its bytes are to be recorded."""
    hand: InHand | None = None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            if intent is None:
                decided = await ledger.decided(ticket.intent_id)
                intent = decided.intent if decided is not None else None
            hand = await ledger.in_hand(ticket.intent_id)
    except (Unavailable, BadInput, TimeoutError) as away:
        log.warning("ledger away; an order is held to its size alone", error=str(away))
    why = overstep(intent, ticket, hand) if intent is not None else ""
    if why:
        log.error("an order beyond its bounds", why=why)
    return why


def overstep(intent: Intent, ticket: OrderTicket, hand: InHand | None) -> str:
    """Why an order is beyond its bounds; empty if it is within."""
    if ticket.leg == SETS:
        return ""  # what is handed back is bounded by what the venue has of ours, and pays what it is worth
    leg = next(one for one in intent.legs if one.name == ticket.leg)
    size, planned = Fraction(ticket.size), Fraction(intent.legs[0].size)
    adds = ticket.side is leg.side
    if not adds and size > max(planned, Fraction(leg.min_size)):
        return f"{_text(size)} to give back in one order of a trade of {_text(planned)}"
    if hand is None:
        return _dollars_alone(intent, leg, ticket) if adds else ""
    others = [order for order in hand.orders if order.client_order_id != ticket.client_order_id]
    past = [_Past.of(order, hand.fills) for order in others]  # those that left while the ledger was away, too
    lately = sum(one.counted and one.at > hand.commanded_at for one in past)
    if lately >= intent.policy.most_orders:
        return f"{lately} orders on record since a person last spoke, {intent.policy.most_orders} may be"
    here = [one for one in past if one.leg == leg.name]
    if not adds:
        may_be = sum((one.high if one.side is leg.side else -one.low for one in here), _NOTHING)
        over = size - may_be
        return f"{_text(size)} to give back, the ledger knows of {_text(may_be)} at most" if over > 0 else ""
    there = sum((one.high if one.side is leg.side else -one.low for one in here), _NOTHING)
    cheap = [one for one in past if not one.dearer]
    top = max([planned, *(_net(cheap, one) for one in intent.legs if one is not leg and one.side is Side.BUY)])
    if there + size > top:
        return f"{_text(size)} more beside {_text(there)} there or on its way by the ledger, {_text(top)} may be"
    return _too_dear(intent, leg, ticket, past, there)


@dataclass(frozen=True, slots=True)
class _Past:
    """An order on record: between which counts it lies, and what it has cost at most."""

    leg: str
    side: Side
    low: Fraction
    high: Fraction
    spent: Fraction
    dearer: bool
    counted: bool
    at: int

    @staticmethod
    def of(order: OrderFacts, fills: Iterable[Fill]) -> _Past:
        ticket = order.ticket
        mine = [
            fill
            for fill in fills
            if fill.venue is ticket.venue
            and fill.status is not FillStatus.VOID
            and (fill.client_order_id or order.client_order_id) == order.client_order_id
            and (fill.client_order_id or fill.order_id == order.order_id)
        ]
        told = sum((Fraction(fill.size) for fill in mine), _NOTHING)
        if order.settled and told > Fraction(order.filled):  # the trade knows of a void that the ledger's fills do not
            mine = [fill for fill in mine if fill.status is FillStatus.FINAL]
            told = sum((Fraction(fill.size) for fill in mine), _NOTHING)
        low = max(told, Fraction(order.filled))
        refused = order.verdict in _REFUSED and not low
        over = order.settled or refused or (order.verdict is Verdict.ACCEPTED and not ticket.rests)
        high = low if over else max(low, Fraction(ticket.size))
        return _Past(
            leg=ticket.leg,
            side=ticket.side,
            low=low,
            high=high,
            spent=_spent(ticket, mine, low, high),
            dearer=sum((Fraction(fill.gross) for fill in mine), _NOTHING) > _signed(ticket),
            counted=not refused and not ticket.foreign_id,
            at=order.first_sent_at,
        )


def _signed(ticket: OrderTicket) -> Fraction:
    return Fraction(ticket.limit) * Fraction(ticket.size) + Fraction(1, 10_000)


def _spent(ticket: OrderTicket, fills: list[Fill], low: Fraction, high: Fraction) -> Fraction:
    """Dollars out through an order at most: by its fills, and at its limit where there are none."""
    limit, told = Fraction(ticket.limit), sum((Fraction(fill.size) for fill in fills), _NOTHING)
    gross = sum((Fraction(fill.gross) for fill in fills), _NOTHING)
    fees = sum((Fraction(fill.fee) for fill in fills), _NOTHING)
    if ticket.side is Side.SELL:
        return fees - gross - limit * max(low - told, _NOTHING)
    return fees + gross + limit * max(min(high, max(Fraction(ticket.size), told)) - told, _NOTHING)


def _too_dear(intent: Intent, leg: IntentLeg, ticket: OrderTicket, past: list[_Past], there: Fraction) -> str:
    adds = min(Fraction(ticket.size), max(there + Fraction(ticket.size), _NOTHING))
    limit = Fraction(ticket.limit)
    needed = adds * (limit if leg.side is Side.BUY else 1 - limit)
    merged = sum((one.low for one in past if one.leg == SETS), _NOTHING)
    short = sum((max(_net(past, one) - merged, _NOTHING) for one in intent.legs if one.side is Side.SELL), _NOTHING)
    out, most = sum((one.spent for one in past), _NOTHING) + short, Fraction(intent.worst_cost)
    if out + needed > most:
        return f"${_text(needed)} more beside ${_text(out)} that is out by the ledger, ${_text(most)} is reserved"
    return ""


def _dollars_alone(intent: Intent, leg: IntentLeg, ticket: OrderTicket) -> str:
    """Without a ledger: no order needs more than was set aside for the whole trade, nor more shares than planned where
    none can have come for the same dollars."""
    size = Fraction(ticket.size)
    more = size > Fraction(intent.legs[0].size) and all(one.side is Side.SELL for one in intent.legs if one is not leg)
    dear = size * (Fraction(ticket.limit) if leg.side is Side.BUY else 1 - Fraction(ticket.limit))
    if more or dear > Fraction(intent.worst_cost):
        return f"{_text(size)} at {ticket.limit} in a trade of {intent.legs[0].size}, and the ledger is away"
    return ""


def _net(past: Iterable[_Past], leg: IntentLeg) -> Fraction:
    mine = [one for one in past if one.leg == leg.name]
    return sum((one.high if one.side is leg.side else -one.low for one in mine), _NOTHING)


def _text(value: Fraction) -> str:
    return f"{float(value):.6f}".rstrip("0").rstrip(".")
