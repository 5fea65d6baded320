"""Where trades happen: venues, instruments, and the venue's rules for one market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from domain.fees import FeeSchedule


class Venue(StrEnum):
    KALSHI = "kalshi"
    POLYMARKET = "polymarket"
    HYPERLIQUID = "hyperliquid"


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices from `start` to `end` (dollars, both included) move in steps of `step`."""

    start: Decimal
    end: Decimal
    step: Decimal


def floored(bands: Sequence[PriceRange], price: Decimal) -> Decimal | None:
    """The highest price of a grid that is not above `price`; None if all are."""
    found = None
    for band in bands:
        if band.start <= price:
            inside = min(price, band.end)
            on = inside - (inside - band.start) % band.step
            found = on if found is None else max(found, on)
    return found


def raised(bands: Sequence[PriceRange], price: Decimal) -> Decimal | None:
    """The lowest price of a grid that is not below `price`; None if all are."""
    found = None
    for band in bands:
        if band.end >= price:
            inside = max(price, band.start)
            over = (inside - band.start) % band.step
            on = inside + band.step - over if over else inside
            if on <= band.end:
                found = on if found is None else min(found, on)
    return found


CENT_GRID = (PriceRange(Decimal("0.01"), Decimal("0.99"), Decimal("0.01")),)


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """The venue's rules for one market's YES instrument.

    `event` groups markets whose YES contracts exclude each other. `payoff` is what one share pays if it wins.
    `set_id` is the venue's id of the complete set this market belongs to, if sets can be handed back for their payoff.
    `outcomes` is how many markets the event has in all, where it is said that one of them pays and no other; 0 where
    nobody says so. `delay_ms` is how long the venue holds an order that takes before it may trade.
    `min_notional` is the least an order that takes may be worth, in dollars. Where each outcome of a market is an
    instrument of its own (a Polymarket token), `outcome` is its label and `complement` the instrument of the other
    outcome: a share of each together pays one dollar. `resolves_at` is when the venue expects to know the result, in
    microseconds since the epoch; 0 where it does not say. `pool` names the part of the account's money that pays
    for orders on this market, where the venue keeps several that do not help each other (a Kalshi exchange shard).
    """

    venue: Venue
    market: str
    event: str
    title: str
    fees: FeeSchedule
    price_ranges: tuple[PriceRange, ...] = CENT_GRID
    size_step: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal("1")
    payoff: Decimal = Decimal("1")
    open: bool = True
    set_id: str = ""
    outcomes: int = 0
    delay_ms: int = 0
    min_notional: Decimal = Decimal("0")
    outcome: str = ""
    complement: str = ""
    resolves_at: int = 0
    pool: str = ""

    def range_of(self, price: Decimal) -> PriceRange | None:
        for band in self.price_ranges:
            if band.start <= price <= band.end:
                return band
        return None

    def on_grid(self, price: Decimal) -> bool:
        band = self.range_of(price)
        return band is not None and (price - band.start) % band.step == 0

    def nearest(self, price: Decimal) -> Decimal:
        """The grid price closest to `price`, clamped to the market's range."""
        low, high = self.price_ranges[0].start, self.price_ranges[-1].end
        if price <= low:
            return low
        if price >= high:
            return high
        band = self.range_of(price)
        if band is None:  # between two bands
            below = max(b.end for b in self.price_ranges if b.end < price)
            above = min(b.start for b in self.price_ranges if b.start > price)
            return below if price - below <= above - price else above
        steps = ((price - band.start) / band.step + Decimal("0.5")).to_integral_value(ROUND_FLOOR)
        return band.start + steps * band.step

    def step_at(self, price: Decimal) -> Decimal:
        band = self.range_of(price)
        return band.step if band is not None else self.price_ranges[-1].step
