"""Judge a count below the one that a trade goes by: a list may leave a fill out, and count it short besides.

| such a list comes with                        | next                                                              |
|-----------------------------------------------|-------------------------------------------------------------------|
| void fills for all that is gone               | believed: the venue says what became of it                        |
| a count before that no order may have         | believed: the answer was wrong                                    |
| a position that has no more than it says      | believed: two sources agree                                       |
| any other position, or one that is not read   | looked at again, and believed once every look in ten minutes says |
|                                               | so: a venue need not list what it voids                           |
"""

from __future__ import annotations

from decimal import Decimal

from domain.evidence import FillStatus, OrderEvidence
from domain.money import plain
from domain.orders import Purpose
from workflows.at_hand import TradeAtHand
from workflows.beyond import there
from workflows.orders import Order
from workflows.state import FIRST_BOUNDED, count

_LISTS_LAG_US = 600_000_000
_ZERO = Decimal(0)


async def believed(trade: TradeAtHand, order: Order, evidence: OrderEvidence) -> bool:
    """Whether the list's count may replace the trade's. True for every count that is not below it."""
    known = order.filled
    if trade.edition < FIRST_BOUNDED or not (count(known) and count(evidence.filled)) or evidence.filled >= known:
        order.fewer_since = 0
        return True
    if order.ticket.purpose in (Purpose.MERGE, Purpose.ADOPTED) or known > order.ticket.size:
        return True
    void = sum((fill.size for fill in evidence.fills if fill.status is FillStatus.VOID), _ZERO)
    if evidence.filled + void >= known:
        return True
    now = trade.desk.now()
    order.fewer_since = order.fewer_since or now
    if now - order.fewer_since >= _LISTS_LAG_US:
        return True
    ticket = order.ticket
    position = await trade.desk.position(ticket.venue, ticket.market, trade.intent.id)
    if position is not None and there(trade, order, position.left) <= evidence.filled:
        return True
    if order.fewer_since == now:
        trade.tell(
            f"{ticket.leg}{ticket.attempt}: the list counts {plain(evidence.filled)}, {plain(known)} are known, and "
            f"neither a void fill nor the position says what became of the rest; looked at again."
        )
    return False
