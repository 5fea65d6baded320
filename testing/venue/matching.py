"""What an order that takes meets in the model exchange's books, level by level and maker by maker."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from testing.venue.books import Books, take, within
from testing.venue.budget import Budget
from testing.venue.manners import Manners
from testing.venue.orders import Placed

Match = tuple[Decimal, Decimal]
"""Price and size against one maker."""


def met(
    books: Books, pays: Budget, wanted: Decimal, manners: Manners, die: Callable[[Placed], None]
) -> tuple[list[Match], bool]:
    """Take levels best first up to the limit: each match, and whether it met a resting order of ours. What is left of
    it then dies, nobody trades with himself; unless the exchange has the resting one give way."""
    ticket = pays.ticket
    manners.meets(books, ticket)
    levels = books.levels(ticket.market, ticket.side)
    found: list[Match] = []
    extra = manners.beyond(ticket)
    while levels and (wanted > 0 or extra > 0) and within(ticket.side, levels[0][0], ticket.limit):
        price = levels[0][0]
        mine = books.best_resting(ticket.market, ticket.side.opposite)
        if mine is not None and within(ticket.side, mine.ticket.limit, price):
            if not manners.gives_way(mine, ticket):
                return found, True
            die(mine)
            continue
        size = take(levels, pays.buys(wanted, price) if wanted > 0 else extra)
        if not size:
            break
        if wanted > 0:
            wanted -= pays.uses(size, price)
        else:
            extra -= size
        found += [(price, part) for part in manners.makers(ticket, size)]
    mine = books.best_resting(ticket.market, ticket.side.opposite)
    if mine is None or wanted <= 0 or not within(ticket.side, mine.ticket.limit, ticket.limit):
        return found, False
    if not manners.gives_way(mine, ticket):
        return found, True
    die(mine)
    return found, False
