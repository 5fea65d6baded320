"""How the model exchange treats an order, where exchanges differ: the plain way. A rude world overrides it.

class Rude(Manners):
    def makers(self, ticket, size):       # every level is two makers
        return [size / 2, size / 2]
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.orders import OrderTicket

if TYPE_CHECKING:
    from testing.venue.books import Books
    from testing.venue.orders import Placed

_ZERO = Decimal(0)


class Manners:
    """Asked as an order that may take is matched."""

    def meets(self, books: Books, ticket: OrderTicket) -> None:
        """Before it does: the book may have changed since anybody saw it."""

    def makers(self, ticket: OrderTicket, size: Decimal) -> list[Decimal]:
        """How many shares of `size`, at one price, come from each maker."""
        return [size]

    def in_one_row(self, ticket: OrderTicket, matches: int) -> bool:
        """Whether the account lists all of its matches as one fill, at their average."""
        return False

    def beyond(self, ticket: OrderTicket) -> Decimal:
        """Shares that it trades beyond what it was signed for, as far as its limit reaches."""
        return _ZERO

    def gives_way(self, mine: Placed, ticket: OrderTicket) -> bool:
        """Whether our resting order is cancelled where our own new one would meet it; else the new one dies."""
        return False
