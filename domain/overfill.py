"""More shares than asked: an order sized in collateral buys more of them when its price improves.

A Polymarket order that takes (FAK, FOK) and buys is signed for dollars, size × limit; at a better price they buy more
than `size`. What is beyond is hedged too as far as the capital reserved for the trade goes, and is otherwise a residual
like any other. Source: docs.polymarket.com/trading/place-orders (market orders are sized in collateral).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from domain.intent import Intent, IntentLeg
from domain.market import Venue
from domain.money import whole_lots
from domain.orders import Side

_MOST_FILLS = 100  # roundings of fees that a hedge allows for


def hedgeable(intent: Intent, leg: IntentLeg, limit: Decimal, wanted: Decimal, out: Mapping[Venue, Decimal]) -> Decimal:
    """How many of `wanted` shares a hedge on `leg` may be for. `out` is what the trade has out by venue, in dollars.

    Never less than asked for or than the intent's size, whichever is smaller: that was reserved for.
    """
    if wanted <= intent.size:
        return wanted
    total = sum(out.values(), Decimal(0))
    spare = min(intent.worst_cost - total, intent.worst_cost_at(leg.venue) - out.get(leg.venue, Decimal(0)))
    price = limit if leg.side is Side.BUY else 1 - limit
    each = price + leg.fees.share_fee(limit)
    affordable = (spare - leg.fees.unit * _MOST_FILLS) / each if each > 0 else wanted
    return max(intent.size, min(wanted, whole_lots(affordable, leg.lot)))
