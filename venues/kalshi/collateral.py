"""What working orders hold back, so that cash can be told apart from what may be spent.

`GET /portfolio/balance` is the amount available for trading. A bid holds back its price, an ask what the same share
costs as NO (1 − price), for each share that would open exposure; shares that would close a position are free, the
cheapest first. The venue publishes no figure of it, so this is its rule applied to its own lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from domain.errors import Unavailable
from domain.orders import Side
from venues.kalshi.messages import Order
from venues.kalshi.translate import side_of

_ZERO = Decimal(0)
_Standing = tuple[Decimal, Decimal]  # dollars a share, shares


def held_back(working: Iterable[Order], positions: Mapping[str, Decimal]) -> Decimal:
    """Dollars. `working` are the resting orders, `positions` signed YES shares by market.

    Raises `Unavailable` for an order without a price or a direction."""
    sides: dict[tuple[str, Side], list[_Standing]] = {}
    for order in working:
        if order.yes_price_dollars is None:
            raise Unavailable(
                f"resting order {order.order_id} has no price; expected yes_price_dollars, without which cash is not "
                "known: ask again later",
                "unparseable",
            )
        side = side_of(order)
        cost = order.yes_price_dollars if side is Side.BUY else 1 - order.yes_price_dollars
        sides.setdefault((order.ticker, side), []).append((cost, order.remaining_count_fp))
    total = _ZERO
    for (market, side), standing in sides.items():
        held = positions.get(market, _ZERO)
        total += _opening(standing, max(_ZERO, -held if side is Side.BUY else held))
    return total


def _opening(standing: list[_Standing], closing: Decimal) -> Decimal:
    total = _ZERO
    for cost, shares in sorted(standing):
        free = min(shares, closing)
        closing -= free
        total += cost * (shares - free)
    return total
