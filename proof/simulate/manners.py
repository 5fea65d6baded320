"""Bad manners of an exchange: how it matches, what it lists of fills, and what it says of them in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from domain.evidence import Fill, FillStatus
from domain.market import Venue
from domain.orders import OrderTicket, Side
from proof.simulate.catalogue import WEIGHTS
from proof.simulate.weather import Weather
from testing.venue.books import Books, within
from testing.venue.manners import Manners
from testing.venue.orders import Placed

_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_FAR = 4_102_444_800_000_000  # an instant of the year 2100, in microseconds
_SHARES = tuple(Decimal(text) for text in ("0.07", "0.31", "0.5", "0.83", "1.7", "3"))
_TICKS = (1, 1, 2, 3, 7, 20)


class RudeManners(Manners):
    """Of one exchange. `others` are the markets whose shares pay what this one's do not, where an event has two."""

    def __init__(self, venue: Venue, weather: Weather, others: dict[str, str]) -> None:
        self._venue = venue
        self._weather = weather
        self._others = others

    def meets(self, books: Books, ticket: OrderTicket) -> None:
        if ticket.post_only:
            return
        kind = self._weather.drawn("match")
        if kind == "improved" and self._improve(books, ticket):
            self._weather.strike("match:improved", ticket.market)
        elif kind == "mirrored" and self._mirror(books, ticket):
            self._weather.strike("match:mirrored", ticket.market)

    def _improve(self, books: Books, ticket: OrderTicket) -> bool:
        """Somebody offers a little, of an odd size, at a better price than anybody saw."""
        levels, rng = books.levels(ticket.market, ticket.side), self._weather.rng
        if not levels or not within(ticket.side, levels[0][0], ticket.limit):
            return False
        better = _CENT * rng.choice(_TICKS)
        price = levels[0][0] - better if ticket.side is Side.BUY else levels[0][0] + better
        size = (ticket.size * rng.choice(_SHARES)).quantize(_CENT)
        if not 0 < price < 1 or not size:
            return False
        levels.insert(0, (price, size))
        return True

    def _mirror(self, books: Books, ticket: OrderTicket) -> bool:
        """The best offer is an order for the other outcome: a set is minted, or merged, between the two."""
        other = self._others.get(ticket.market)
        there = books.levels(other, ticket.side.opposite) if other is not None else []
        if not there:
            return False
        price, size = 1 - there[0][0], there[0][1]
        levels = books.levels(ticket.market, ticket.side)
        if not within(ticket.side, price, ticket.limit) or (levels and not within(ticket.side, price, levels[0][0])):
            return False
        del there[0]
        levels.insert(0, (price, size))
        return True

    def makers(self, ticket: OrderTicket, size: Decimal) -> list[Decimal]:
        if size < 3 * _CENT or self._weather.drawn("match") != "several_makers":
            return [size]
        self._weather.strike("match:several_makers", ticket.market)
        parts: list[Decimal] = []
        for _ in range(self._weather.rng.choice((1, 1, 2, 4))):
            part = (size * self._weather.rng.choice(_SHARES[:4])).quantize(_CENT)
            if _ZERO < part < size:
                parts.append(part)
                size -= part
        return [*parts, size]

    def in_one_row(self, ticket: OrderTicket, matches: int) -> bool:
        if self._venue is not Venue.POLYMARKET:
            return False
        self._weather.strike("match:several_prices", ticket.market)
        return True

    def beyond(self, ticket: OrderTicket) -> Decimal:
        if ticket.rests or self._weather.drawn("match") != "beyond_signed":
            return _ZERO
        self._weather.strike("match:beyond_signed", ticket.market)
        return (ticket.size * self._weather.rng.choice(_SHARES[:4])).quantize(_CENT)

    def gives_way(self, mine: Placed, ticket: OrderTicket) -> bool:
        if not WEIGHTS["match"]["own_order_gives_way"] or self._weather.rng.random() > self._weather.rate("match"):
            return False  # orders of ours meet so seldom that this is not drawn with the others
        self._weather.strike("match:own_order_gives_way", ticket.market)
        return True


class Listing:
    """What one read of an order's fills shows of them. `whole` is told of the kinds that change all of the evidence."""

    def __init__(self, weather: Weather, whole: Callable[[str], None] = lambda kind: None) -> None:
        self._weather = weather
        self._whole = whole

    def __call__(self, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
        """It may miss the newest (a merge is one entry: all of it or nothing), or give them oddly."""
        kind = self._weather.drawn("listing")
        shown = self._shown(kind, fills)
        if shown is not None:
            self._weather.strike(f"listing:{kind}", "fills")
        return fills if shown is None else shown

    def _shown(self, kind: str | None, fills: tuple[Fill, ...]) -> tuple[Fill, ...] | None:
        newest = fills[-1]
        if kind == "late":
            return () if newest.merged else fills[: len(fills) - (newest.status is not FillStatus.VOID)]
        if kind == "twice":
            return (*fills, fills[0])
        if kind == "shuffled":
            return tuple(reversed(fills))
        if kind in ("zero_time", "far_time") and not newest.merged:
            return (*fills[:-1], replace(newest, at=0 if kind == "zero_time" else _FAR))
        return None
