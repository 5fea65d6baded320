"""No absence and no final count against evidence in hand: the fills that the ledger has heard of, by whatever way.

A list may lag behind its own statement of how fresh it is, and the user channel may have told of a fill long before.
But what was told may be wrong as well, and a list does not lag for ever.

| the list says | the ledger has | for | told |
|---|---|---|---|
| absent | a fill of the order, void or not | an hour at most | unseen: the list is wrong, look again |
| dead, with a count | a fill, not listed even as void, beyond it | ten minutes at most | `Unavailable`: look again |
| dead, with a fill for every share | the same | longer | the list, with the ledger's fill void |
| absent | a fill of the order | longer | absent, with the ledger's fill void |
| anything else | anything | | as listed |

A fill that the list calls void is in the list. A fill is one by its trade and its order, whatever market was told.
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

DEAD_LISTS_LAG_US = 600_000_000
"""How long the list of a dead order may lack a fill that the ledger has. Lists were seen to lag by seconds."""

ABSENCE_LAGS_US = 3_600_000_000
"""How long a list may lack an order of which the ledger has a fill: longer, since it shows nothing of it."""


def fills_of(hand: InHand, ticket: OrderTicket, order_id: str | None) -> list[Fill]:
    """The fills in the ledger that are of one order and not void."""
    return [fill for fill in told_of(hand, ticket, order_id) if fill.status is not FillStatus.VOID]


def told_of(hand: InHand, ticket: OrderTicket, order_id: str | None) -> list[Fill]:
    """The fills in the ledger that are of one order: by our name of it, or the venue's own where the fill has none of
    ours."""
    own = ticket.client_order_id
    names = {order.order_id for order in hand.orders if order.client_order_id == own} | {order_id}
    return [
        fill
        for fill in hand.fills
        if fill.venue is ticket.venue
        and (fill.client_order_id == own or (not fill.client_order_id and fill.order_id and fill.order_id in names))
    ]


def lacking(fills: Iterable[Fill], evidence: OrderEvidence) -> Decimal:
    """Shares of fills in the ledger that the evidence neither lists nor counts."""
    unlisted = sum((fill.size for fill in unlisted_of(fills, evidence)), Decimal(0))
    explained = sum((fill.size for fill in evidence.standing), Decimal(0))
    return max(unlisted - max(evidence.filled - explained, Decimal(0)), Decimal(0))


def unlisted_of(fills: Iterable[Fill], evidence: OrderEvidence) -> list[Fill]:
    """Those of the ledger's fills that the evidence does not list."""
    listed = {fill.trade_id for fill in evidence.fills}
    return [fill for fill in fills if fill.trade_id not in listed]


def held_against(hand: InHand, ticket: OrderTicket, evidence: OrderEvidence, now: int) -> OrderEvidence:
    """The evidence as far as it stands beside the ledger's at `now` (µs), what of the ledger's it makes void appended
    to its fills. Raises `Unavailable` for a count that the ledger contradicts."""
    if evidence.status not in (OrderStatus.ABSENT, OrderStatus.DONE) or ticket.purpose is Purpose.MERGE:
        return evidence
    held = fills_of(hand, ticket, evidence.order_id)
    missing = lacking(held, evidence)
    arrived = evidence.status is OrderStatus.ABSENT and told_of(hand, ticket, evidence.order_id)
    if not missing and not arrived:
        return evidence
    if _outweighs(hand, ticket, evidence, arrived or held, now):
        void = [
            replace(fill, status=FillStatus.VOID, client_order_id=evidence.client_order_id)
            for fill in unlisted_of(held, evidence)
        ]
        return replace(evidence, fills=(*evidence.fills, *void))
    if evidence.status is OrderStatus.ABSENT:
        return replace(evidence, status=OrderStatus.UNSEEN)
    raise Unavailable(
        f"the venue lists {ticket.client_order_id} as dead with {plain(evidence.filled)} filled, and the ledger holds "
        f"fills of {plain(missing)} more: its list lags; asking again",
        AGAINST_FILLS,
    )


def _outweighs(hand: InHand, ticket: OrderTicket, evidence: OrderEvidence, held: list[Fill], now: int) -> bool:
    """Whether a list has lacked the ledger's fills for longer than lists lag."""
    own = ticket.client_order_id
    sent = [order.last_sent_at for order in hand.orders if order.client_order_id == own]
    heard = max((at for at in (*sent, *(fill.at for fill in held)) if at <= now), default=0)
    if evidence.fresh_at and evidence.fresh_at <= heard:
        return False  # by its own word from before
    if evidence.status is OrderStatus.ABSENT:
        return now - heard > ABSENCE_LAGS_US
    return evidence.complete and now - heard > DEAD_LISTS_LAG_US
