"""Judge a count beyond what an order was signed for, by the account's position.

| the list | the position                       | next                                                             |
|----------|------------------------------------|------------------------------------------------------------------|
| beyond   | bears the count out                | it is real: reserved for, told, its market halted; adopted       |
| beyond   | does not                           | STUCK with the numbers; looked at again, since a balance may lag |
| beyond   | does not, and a person said unwind | what the position bears out is the count                         |
| beyond   | cannot be read                     | looked at again                                                  |
| beyond   | says nothing: the market has paid  | real up to twice the order, if there is a fill for every share   |
| has more fills than it counts | whatever      | looked at again: which of the two is true, the next look tells   |
"""

from __future__ import annotations

from decimal import Decimal

from domain.evidence import OrderEvidence
from domain.fee_bounds import worst_fee
from domain.money import plain
from domain.orders import OrderTicket, Side
from workflows.at_hand import TradeAtHand
from workflows.orders import Order
from workflows.state import FIRST_BOUNDED, count

_ZERO = Decimal(0)
_THINKABLE = 2  # times what was signed: more is another unit, not another fill
_DOLLAR = Decimal(1)  # no share costs more, bought or sold short


async def counted(trade: TradeAtHand, order: Order, evidence: OrderEvidence) -> Decimal | None:
    """How much of the order is there by the account's word: all that the list counts, or what a person's unwind has to
    go by. None while that is open."""
    ticket = order.ticket
    position = await trade.desk.position(ticket.venue, ticket.market, trade.intent.id)
    if position is None:
        return None
    real = there(trade, order, position.left)
    if trade.edition >= FIRST_BOUNDED and _contradicts_itself(evidence) and not trade.commands.at_any_price:
        return None
    if count(evidence.filled) and real >= evidence.filled:
        trade.tell(
            f"{ticket.leg}{ticket.attempt}: the list counts {plain(evidence.filled)} of {plain(ticket.size)}, beyond "
            f"what was signed, and the position bears it out: {plain(position.left)} are this trade's."
        )
        await _reserve(trade, order, evidence)
        return evidence.filled
    if trade.edition >= FIRST_BOUNDED and _thinkable(order, evidence) and await _paid(trade, ticket):
        trade.tell(
            f"{ticket.leg}{ticket.attempt}: the list counts {plain(evidence.filled)} of {plain(ticket.size)}, beyond "
            f"what was signed, with a fill for every share; {ticket.market} has paid, so no position can deny it."
        )
        await _reserve(trade, order, evidence)
        return evidence.filled
    if trade.commands.at_any_price:
        return max(real, _ZERO)
    if not order.doubted:
        order.doubted = True
        said = order.result.detail if order.result is not None else "nothing"
        trade.tell(
            f"{ticket.leg}{ticket.attempt}: the answer said: {said}. The list counts {plain(evidence.filled)} of "
            f"{plain(ticket.size)} signed. The account holds {plain(position.account)} in {ticket.market}, "
            f"{plain(position.others)} of them other trades', which leaves {plain(max(real, _ZERO))} for this order."
        )
        await trade.park("a count beyond what was signed is not borne out by the position")
    return None


def there(trade: TradeAtHand, order: Order, left: Decimal) -> Decimal:
    """What the order has brought by a position of `left` signed shares of the trade's, its other orders taken off."""
    rest = sum((_signed(other, other.filled) for other in trade.orders.orders if _beside(other, order)), _ZERO)
    return left - rest if order.ticket.side is Side.BUY else rest - left


def _contradicts_itself(evidence: OrderEvidence) -> bool:
    """Whether a list has more fills than it counts: which of the two is true, the next look tells."""
    return sum((fill.size for fill in evidence.standing), _ZERO) > evidence.filled


def _thinkable(order: Order, evidence: OrderEvidence) -> bool:
    """Whether a count may be believed that no position can bear out or deny. One that was denied before may be: what
    was known of the other orders may have been wrong then."""
    return evidence.complete and evidence.filled <= _THINKABLE * order.ticket.size


async def _paid(trade: TradeAtHand, ticket: OrderTicket) -> bool:
    """Whether its market has paid: then nobody holds a share of it any more."""
    seen = await trade.desk.resolution(ticket.venue, ticket.market)
    return seen is not None and seen.payout is not None


async def _reserve(trade: TradeAtHand, order: Order, evidence: OrderEvidence) -> None:
    """Set aside what the excess may have cost, before anything is done about it; once an order."""
    if trade.edition < FIRST_BOUNDED or order.borne_out is not None:
        return
    ticket, order.borne_out = order.ticket, evidence.filled
    more = max(evidence.filled - ticket.size, _ZERO)
    cost = max(more * _DOLLAR, (evidence.paid or _ZERO) - ticket.limit * ticket.size)
    cost += worst_fee(order.fees, ticket.side, ticket.limit, max(evidence.filled, ticket.size))
    trade.memory.reserved += cost
    trade.tell(
        f"${plain(cost)} more is reserved for that, ${plain(trade.memory.reserved)} in all; nothing new is opened in "
        f"{ticket.market}, and what no other leg has beside it is given back."
    )
    counted, order.filled = order.filled, evidence.filled  # as the ledger is to know it; adopted by whoever asked
    await trade.write()
    order.filled = counted


def _beside(other: Order, order: Order) -> bool:
    return other is not order and (other.ticket.venue, other.ticket.market) == (order.ticket.venue, order.ticket.market)


def _signed(order: Order, shares: Decimal) -> Decimal:
    return shares if order.ticket.side is Side.BUY else -shares
