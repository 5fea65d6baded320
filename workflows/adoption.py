"""An order that a person placed elsewhere becomes a leg's own: by the venue's evidence, like every other."""

from __future__ import annotations

from dataclasses import replace

from domain.evidence import ForeignOrder, OrderStatus
from domain.money import plain
from domain.naming import shown
from domain.operator import OperatorCommand
from domain.orders import OrderTicket, Purpose, SubmitResult, Verdict
from workflows.at_hand import TradeAtHand
from workflows.orders import Order


async def adopt(trade: TradeAtHand, command: OperatorCommand) -> None:
    """Look the order up and take it over, or tell why not. Asking again is always possible."""
    found = await trade.desk.look_up(command.venue, command.order_id, trade.intent.id)
    if found.order is None:
        trade.tell(f"Order {command.order_id} was not adopted: {found.refusal}")
        return
    refusal = _obstacle(trade, found.order)
    if refusal:
        trade.tell(f"Order {command.order_id} was not adopted: {refusal}")
        return
    order = _own(trade, found.order)
    trade.tell(
        f"Adopted {order.ticket.side} {plain(order.filled)} {shown(order.ticket.market)} (order {command.order_id})."
    )
    trade.memory.retries += 1  # what stands alone has changed


def _obstacle(trade: TradeAtHand, found: ForeignOrder) -> str:
    if found.evidence.status is not OrderStatus.DONE:
        return f"it is {found.evidence.status}; cancel it on {found.venue} first, so that its count is final"
    if not found.evidence.filled:
        return "nothing of it filled"
    if any(order.order_id == found.order_id for order in trade.orders.orders):
        return "it is this trade's already"
    if not any((leg.venue, leg.market) == (found.venue, found.market) for leg in trade.intent.legs):
        markets = ", ".join(leg.market for leg in trade.intent.legs)
        return f"it is in {found.market}; this trade holds {markets}"
    return ""


def _own(trade: TradeAtHand, found: ForeignOrder) -> Order:
    leg = next(leg for leg in trade.intent.legs if (leg.venue, leg.market) == (found.venue, found.market))
    ticket = OrderTicket(
        intent_id=trade.intent.id,
        leg=leg.name,
        attempt=trade.orders.next_attempt(leg.name),
        purpose=Purpose.ADOPTED,
        venue=found.venue,
        market=found.market,
        side=found.side,
        size=found.size,
        limit=found.limit,
        foreign_id=found.client_order_id or f"foreign-{found.order_id}",
    )
    order = Order(ticket, leg.fees, order_id=found.order_id, landed=True)
    order.result = SubmitResult(
        Verdict.ACCEPTED,
        "adopted",
        "placed by a person and adopted",
        order_id=found.order_id,
        filled=found.evidence.filled,
        sent=False,
        at=trade.desk.now(),
    )
    order.adopt(replace(found.evidence, client_order_id=ticket.client_order_id))
    trade.orders.orders.append(order)
    return order
