"""What an order may be, and what it would take: exact arithmetic on the book of the first token.

**Sizes.** GTC, GTD and every sale are sized in shares and trade in hundredths. A FAK or FOK buy is sized in dollars
(docs.polymarket.com/trading/place-orders): it takes the best level first, and where the last level is larger than what
it has left, as many shares as that buys, in the finest step whose cost is a whole number of micro-dollars.

**Limits.** An order on the wire carries two amounts. Their quotient must be a price of the grid, exactly; for a FAK or
FOK buy, whose share amount is rounded, closer to one than the finest tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import gcd

from domain.money import MICRO, plain
from paper.core.book import ONE
from paper.core.charges import polymarket_fee
from paper.core.engine import MarketEngine, Take, cut, own_level, own_side
from paper.core.filling import PLAIN, Filling, better
from paper.polymarket import refusals
from paper.polymarket.conditions import Market
from paper.polymarket.records import OrderType, Side
from recording.sources.session import BidSide

LOT = 10_000
_FINEST = 100
_TYPES: tuple[OrderType, ...] = ("GTC", "GTD", "FOK", "FAK")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a posted order asks for: `price` on its token, `size` in shares, `budget` in dollars (0: in shares)."""

    side: Side
    kind: OrderType
    price: int
    size: int
    budget: int

    @property
    def dollars(self) -> int:
        """What it may cost, or brings at its limit."""
        return self.budget or self.size * self.price // MICRO


@dataclass(frozen=True, slots=True)
class Match:
    """What an order would take now; `full`: nothing of it would be left."""

    takes: tuple[Take, ...]
    full: bool

    def cut(self, size: int) -> Match:
        """The same, ended after `size` shares."""
        return Match(cut(self.takes, size), full=False)


def terms(  # noqa: PLR0917 - what was signed
    order_id: str, market: Market, side: Side, kind: str, maker: int, taker: int
) -> Terms:
    """The terms in a signed order's amounts. Raises `PolyRefusal`: off the tick, no order type, no amounts."""
    found = next((one for one in _TYPES if one == kind), None)
    if found is None or not maker or not taker:
        raise refusals.bad_payload()
    dollars, shares = (maker, taker) if side == "BUY" else (taker, maker)
    in_dollars = side == "BUY" and found in ("FAK", "FOK")
    price = dollars * MICRO // shares
    exact = price * shares == dollars * MICRO
    rest = price % market.tick
    near = in_dollars and (rest < _FINEST or market.tick - rest < _FINEST)
    limit = price - rest if in_dollars else price
    if not (near or (exact and not rest)) or not market.tick <= limit <= ONE - market.tick:
        quotient = plain((Decimal(dollars) / Decimal(shares)).quantize(Decimal("0.000001")))
        raise refusals.off_tick(order_id, quotient, market.tick)
    return Terms(side, found, limit, shares, dollars if in_dollars else 0)


def match(engine: MarketEngine, market: Market, token: str, wanted: Terms, filling: Filling = PLAIN) -> Match:
    """What the order would take from the others' displayed size, best level first; the first `filling.shares` at a
    better price than displayed. Changes nothing."""
    side = market.book_side(token, wanted.side)
    limit = market.in_book(token, wanted.price)
    budget, left = wanted.budget, wanted.size
    hidden = filling.shares
    takes: list[Take] = []
    for level in engine.book.crossing(own_side(side), own_level(side, limit)):
        level_side: BidSide = "no" if side == "bid" else "yes"
        shown_at = ONE - level if side == "bid" else level
        shown = engine.book.public(level_side, level)
        shown -= shown % LOT
        inside = better(shown_at, filling.ticks, market.tick, buys=side == "bid")
        for price, most in ((inside, min(shown, hidden)), (shown_at, shown)):
            cost = market.in_book(token, price)
            affordable = _affordable(budget, cost) if wanted.budget else left
            part = min(shown, most, affordable)
            if part:
                takes.append(Take(price, part, level_side, level))
                budget -= part * cost // MICRO
                left -= part
                shown -= part
                hidden = max(0, hidden - part)
            if part == affordable:
                return Match(tuple(takes), full=True)
    return Match(tuple(takes), full=not wanted.budget and left <= 0)


def _affordable(dollars: int, price: int) -> int:
    """The most shares `dollars` buy at `price`, so that their cost is whole micro-dollars."""
    step = MICRO // gcd(price, MICRO)
    return dollars * MICRO // price // step * step


def taker_fee(market: Market, price: int, size: int) -> int:
    """What the taker is charged for one fill at this price of its token, in micro-dollars."""
    return polymarket_fee(market.rate, market.spec.fees.exponent, price, size) if market.rate else 0
