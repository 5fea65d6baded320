"""Hold every order of a trade to its bounds before it leaves (`domain.send_bounds`), on evidence gathered here.

What is to be given back must be there by two sources that agree: the venue's list and its fills, or a count and the
account's position. One that is missing is asked for; until it comes, nothing is sold.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.evidence import OrderStatus
from domain.fee_bounds import worst_fee
from domain.intent import IntentLeg
from domain.money import plain, whole_lots
from domain.orders import OrderTicket, Purpose, Side
from domain.residual import Repair
from domain.send_bounds import Sent, ceiling, largest_piece, may_hold, refusal, surely_held
from workflows import fewer
from workflows.at_hand import TradeAtHand
from workflows.orders import Order
from workflows.state import FIRST_BOUNDED, count

_NONE = Decimal(0)
_ROUNDINGS = Decimal("0.0001")
_ALL = 1_000_000  # more than any leg holds


def refused(trade: TradeAtHand, ticket: OrderTicket) -> str:
    """Why an order may not leave; empty if it may."""
    if trade.edition < FIRST_BOUNDED or ticket.purpose is Purpose.ADOPTED:
        return ""
    memory, own = trade.memory, ticket.client_order_id
    reserve = max(trade.intent.worst_cost, memory.reserved)
    lately = sum(
        one.counts and one.commands == len(memory.taken) and one.ticket.client_order_id != own
        for one in trade.orders.orders
    )
    return refusal(trade.intent, ticket, _sent(trade, own), reserve=reserve, lately=lately)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order is kept back; `may_pass` if only a second source is missing, which may still come."""

    text: str
    may_pass: bool


async def why_not(trade: TradeAtHand, leg: IntentLeg, repair: Repair, size: Decimal) -> Refusal | None:
    """Why a repair's next order may not leave, asking for the evidence that it needs; None if it may.

    The trade's counts may be others afterwards."""
    if trade.edition < FIRST_BOUNDED:
        return None
    gives_back = repair.side is not leg.side
    if gives_back and not await corroborate(trade, leg, size):
        held = surely_held(leg, _sent(trade))
        text = (
            f"{plain(size)} of {leg.name} to give back, and two sources agree on {plain(held)} so far: the list's "
            "count and its fills must say the same, or the account's position"
        )
        return Refusal(text, may_pass=True)
    ticket = trade.draft(leg, repair.purpose, repair.side, size, repair.limit)
    if (why := refused(trade, ticket)) and not gives_back:
        await corroborate(trade, leg, trade.intent.size * _ALL)
        why = refused(trade, ticket)
    return Refusal(why, may_pass=False) if why else None


def piece(trade: TradeAtHand, leg: IntentLeg, side: Side, size: Decimal) -> Decimal:
    """As much of `size` as one order may give back, what is left being enough for another."""
    most = whole_lots(largest_piece(trade.intent, leg), leg.lot)
    if trade.edition < FIRST_BOUNDED or side is leg.side or size <= most:
        return size
    short = max(leg.min_size, leg.lot) - (size - most)
    return most if short <= 0 or most - short < leg.min_size else whole_lots(most - short, leg.lot)


def room(trade: TradeAtHand, leg: IntentLeg, wanted: Decimal) -> Decimal:
    """How many of `wanted` shares the leg may still get."""
    if trade.edition < FIRST_BOUNDED:
        return wanted
    before = _sent(trade)
    return whole_lots(max(ceiling(trade.intent, leg, before) - may_hold(leg, before), _NONE), leg.lot)


def _sent(trade: TradeAtHand, but: str = "") -> list[Sent]:
    return [_as_sent(one) for one in trade.orders.orders if one.ticket.client_order_id != but]


def _as_sent(order: Order) -> Sent:
    filled = order.filled if count(order.filled) else None
    agreed = filled is not None and (order.cash_known is not None or order.borne_out == filled)
    ticket = order.ticket
    dearer = order.paid is not None and order.paid > ticket.limit * ticket.size + _ROUNDINGS
    return Sent(ticket, order.settled, filled, filled if agreed else None, _cash_at_worst(order), dearer)


def _cash_at_worst(order: Order) -> Decimal:
    """What it has cost, or may have once it has filled."""
    ticket = order.ticket
    if order.settled and count(order.filled):
        return order.cash
    if ticket.purpose is Purpose.MERGE:
        return _NONE
    fee = worst_fee(order.fees, ticket.side, ticket.limit, ticket.size)
    return (-ticket.limit * ticket.size if ticket.side is Side.BUY else _NONE) - fee


async def corroborate(trade: TradeAtHand, leg: IntentLeg, wanted: Decimal) -> bool:
    """Ask until two sources agree on what the leg has: whether at least `wanted` of it may be given back now."""
    if trade.edition < FIRST_BOUNDED or surely_held(leg, _sent(trade)) >= wanted:
        return True
    for order in [one for one in trade.orders.orders if one.ticket.leg == leg.name]:
        known = count(order.filled) and (not order.filled or _as_sent(order).proven is not None)
        if known or not order.settled or order.ticket.purpose is Purpose.ADOPTED:
            continue
        grace_ms = trade.intent.policy.absence_grace_ms
        seen = await trade.desk.evidence(order.ticket, order.order_id, order.sent_at, grace_ms)
        counts = seen is not None and seen.status is OrderStatus.DONE and seen.complete and not seen.beyond
        if seen is not None and counts and await fewer.believed(trade, order, seen):
            trade.adopt(order, seen)
    if surely_held(leg, _sent(trade)) >= wanted:
        return True
    return await _borne_out_by_position(trade, leg) and surely_held(leg, _sent(trade)) >= wanted


async def _borne_out_by_position(trade: TradeAtHand, leg: IntentLeg) -> bool:
    orders = [one for one in trade.orders.orders if one.ticket.leg == leg.name]
    if not all(one.settled and count(one.filled) for one in orders):
        return False
    position = await trade.desk.position(leg.venue, leg.market, trade.intent.id)
    if position is None:
        return False
    there = position.left if leg.side is Side.BUY else -position.left
    borne = there + trade.orders.merged() >= trade.shares(leg) > 0
    if borne:
        for order in orders:
            order.borne_out = order.filled
    return borne
