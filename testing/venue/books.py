"""The model exchange's books: the world's levels, and our resting orders among them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from domain.orders import OrderTicket, Side, TimeInForce
from testing.venue.orders import Placed

_ZERO = Decimal(0)
Level = tuple[Decimal, Decimal]
Money = Decimal | str


class Books:
    """`resting` are our own orders that work, oldest first. Levels are (price, size), best first, and are kept by the
    side that takes them: what a BUY takes are the asks."""

    def __init__(self) -> None:
        self.resting: list[Placed] = []
        self._levels: dict[str, dict[Side, list[Level]]] = {}

    def __contains__(self, market: object) -> bool:
        """Whether anybody ever set its book."""
        return market in self._levels

    def put(self, market: str, bids: Iterable[tuple[Money, Money]], asks: Iterable[tuple[Money, Money]]) -> None:
        sides = ((Side.BUY, asks), (Side.SELL, bids))
        self._levels[market] = {side: [(Decimal(p), Decimal(s)) for p, s in levels] for side, levels in sides}

    def levels(self, market: str, taker: Side) -> list[Level]:
        """The world's levels a taker of that side meets; what is taken from them is gone."""
        return self._levels.get(market, {}).get(taker, [])

    def resting_in(self, market: str) -> list[Placed]:
        return [order for order in self.resting if order.ticket.market == market]

    def best_resting(self, market: str, side: Side) -> Placed | None:
        """Our order of that side that others meet first: by price, then by age."""
        best: Placed | None = None
        for order in self.resting_in(market):
            if order.ticket.side is side:
                nearer = best is None or (
                    order.better_or_equal(best.ticket.limit) and order.ticket.limit != best.ticket.limit
                )
                best = order if nearer else best
        return best

    def remove(self, order: Placed) -> None:
        self.resting = [one for one in self.resting if one is not order]

    def refuses(self, ticket: OrderTicket) -> str | None:
        """Why an order of this style cannot be taken as the book stands."""
        levels = self.levels(ticket.market, ticket.side)
        reached = [size for price, size in levels if within(ticket.side, price, ticket.limit)]
        mine = self.best_resting(ticket.market, ticket.side.opposite)
        if ticket.post_only and (
            reached or (mine is not None and within(ticket.side, mine.ticket.limit, ticket.limit))
        ):
            return "post_only_cross"
        if ticket.tif is TimeInForce.FOK and sum(reached, _ZERO) < ticket.size:
            return "fill_or_kill_insufficient_resting_volume"
        return None

    def shown(self, market: str) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Bids and asks as anybody sees them, our own resting orders in them like anybody's."""
        bids, asks = self.levels(market, Side.SELL), self.levels(market, Side.BUY)
        ours = self.resting_in(market)
        if ours:
            bids = sorted(
                [*bids, *((o.ticket.limit, o.working) for o in ours if o.ticket.side is Side.BUY)], reverse=True
            )
            asks = sorted([*asks, *((o.ticket.limit, o.working) for o in ours if o.ticket.side is Side.SELL)])
        return tuple(bids), tuple(asks)


def within(taker: Side, price: Decimal, limit: Decimal) -> bool:
    """Whether a taker of that side with that limit trades at `price`."""
    return price <= limit if taker is Side.BUY else price >= limit


def take(levels: list[Level], wanted: Decimal) -> Decimal:
    """Take from the first level, at most all of it; returns how much."""
    price, standing = levels[0]
    size = min(standing, wanted)
    levels[:1] = [(price, standing - size)] if standing > size else []
    return size
