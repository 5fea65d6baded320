"""Was a count guessed? The venue's own count of each order is compared with what the record went by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from domain.evidence import OrderEvidence
from domain.trade import OrderRecord


def contradicted(
    orders: Iterable[OrderRecord], evidence: Iterable[OrderEvidence], real: Mapping[str, Decimal]
) -> list[str]:
    """The orders of a record that the venue rightly counts otherwise although it never stated that count.

    What is told wrongly, in a list or before it in an answer, is nobody's guess. `real` has the venue's own counts.
    """
    listed = {seen.client_order_id: seen.filled for seen in evidence}
    found = []
    for order in orders:
        name = order.ticket.client_order_id
        right = real.get(name, Decimal(0))
        stated = order.filled and order.result is not None and order.result.filled == order.filled
        if right != order.filled and listed.get(name, Decimal(0)) == right and not stated:
            found.append(name)
    return found
