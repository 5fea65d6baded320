"""More shares than asked: an order sized in collateral buys more of them when its price improves.

A Polymarket order that takes (FAK, FOK) and buys is signed for dollars, size × limit; at a better price they buy more
than `size`. What is beyond is hedged too as far as the capital reserved for the trade goes, and is otherwise a residual
like any other. Source: docs.polymarket.com/trading/place-orders (market orders are sized in collateral).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from domain.fees import FeeModel
from domain.intent import Intent, IntentLeg
from domain.market import Venue
from domain.money import whole_lots
from domain.orders import Side

_MOST_FILLS = 100  # roundings of fees that a hedge allows for


def hedgeable(intent: Intent, leg: IntentLeg, limit: Decimal, wanted: Decimal, out: Mapping[Venue, Decimal]) -> Decimal:
    """How many of `wanted` shares a hedge on `leg` may be for. `out` is what the trade has out by venue, in dollars.

    Never less than asked for or than the intent's size, whichever is smaller: that was reserved for. Shares beyond it
    are bought on every leg still to come, or on none: what one leg took of the reservation, a later one would lack.
    """
    if wanted <= intent.size:
        return wanted
    each = rounding = each_here = rounding_here = Decimal(0)
    for one in intent.legs[intent.legs.index(leg) :]:
        price = limit if one is leg else _at_worst(one, intent.policy.leg_b_slack)
        share = (price if one.side is Side.BUY else 1 - price) + _fee(one, price)
        each, rounding = each + share, rounding + one.fees.unit * _MOST_FILLS
        if one.venue is leg.venue:
            each_here, rounding_here = each_here + share, rounding_here + one.fees.unit * _MOST_FILLS
    spare = intent.worst_cost - sum(out.values(), Decimal(0)) - rounding
    spare_here = intent.worst_cost_at(leg.venue) - out.get(leg.venue, Decimal(0)) - rounding_here
    if each <= 0 or each_here <= 0:
        return wanted
    affordable = min(spare / each, spare_here / each_here)
    return max(intent.size, min(wanted, whole_lots(max(affordable, Decimal(0)), leg.lot)))


def _at_worst(leg: IntentLeg, slack: Decimal) -> Decimal:
    return min(leg.limit + slack, Decimal(1)) if leg.side is Side.BUY else max(leg.limit - slack, Decimal(0))


def _fee(leg: IntentLeg, price: Decimal) -> Decimal:
    """A share's fee at most: the dollars of an order sized in them buy more shares where each costs less in fees."""
    fee = leg.fees.share_fee(price)
    dollars = leg.fees.model is FeeModel.POLYMARKET and leg.side is Side.BUY
    return max(fee, leg.fees.taker * price) if dollars else fee
