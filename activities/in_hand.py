"""No absence and no final count against evidence in hand: the fills that the ledger has heard of, by whatever way.

A list may lag behind its own statement of how fresh it is, and the user channel may have told of a fill long before.

| the list says | the ledger has | told |
|---|---|---|
| absent | a fill of the order | unseen: the list is wrong, look again |
| dead, with a count | a fill that the list has not, void or not, beyond that count | `Unavailable`: look again |
| anything else | anything | as listed |

A fill that the list calls void is in the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from domain.errors import Unavailable
from domain.evidence import Fill, FillStatus, OrderEvidence, OrderStatus
from domain.money import plain
from domain.orders import OrderTicket, Purpose
from ledger.port import InHand

AGAINST_FILLS = "against_fills"
"""Code of a read that fills in the ledger contradict."""


def fills_of(hand: InHand, ticket: OrderTicket, order_id: str | None) -> list[Fill]:
    """The fills in the ledger that are of one order and not void: by our name of it, or the venue's own where the fill
    has none of ours."""
    own = ticket.client_order_id
    names = {order.order_id for order in hand.orders if order.client_order_id == own} | {order_id}
    return [
        fill
        for fill in hand.fills
        if fill.status is not FillStatus.VOID
        and fill.venue is ticket.venue
        and (fill.client_order_id == own or (not fill.client_order_id and fill.order_id and fill.order_id in names))
    ]


def lacking(fills: Iterable[Fill], evidence: OrderEvidence) -> Decimal:
    """Shares of fills in the ledger that the evidence neither lists nor counts."""
    held = {(fill.trade_id, fill.market): fill.size for fill in fills}
    listed = {(fill.trade_id, fill.market) for fill in evidence.fills}
    unlisted = sum((size for key, size in held.items() if key not in listed), Decimal(0))
    explained = sum((fill.size for fill in evidence.standing), Decimal(0))
    return max(unlisted - max(evidence.filled - explained, Decimal(0)), Decimal(0))


def held_against(hand: InHand, ticket: OrderTicket, evidence: OrderEvidence) -> OrderEvidence:
    """The evidence as far as it stands beside the ledger's. Raises `Unavailable` for a count that it contradicts."""
    if evidence.status not in (OrderStatus.ABSENT, OrderStatus.DONE) or ticket.purpose is Purpose.MERGE:
        return evidence
    missing = lacking(fills_of(hand, ticket, evidence.order_id), evidence)
    if not missing:
        return evidence
    if evidence.status is OrderStatus.ABSENT:
        return replace(evidence, status=OrderStatus.UNSEEN)
    raise Unavailable(
        f"the venue lists {ticket.client_order_id} as dead with {plain(evidence.filled)} filled, and the ledger holds "
        f"fills of {plain(missing)} more: its list lags; asking again",
        AGAINST_FILLS,
    )
