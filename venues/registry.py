"""The adapter of each venue. A new member of `Venue` is a type error here until it has one, or is said to have none."""

from __future__ import annotations

from typing import assert_never

from domain.errors import BadInput
from domain.market import Venue
from venues.adapter import VenueAdapter
from venues.kalshi.adapter import ADAPTER as KALSHI
from venues.polymarket.adapter import ADAPTER as POLYMARKET


def adapter_of(venue: Venue) -> VenueAdapter:
    """Raises `BadInput` for a venue that nothing here trades at."""
    match venue:
        case Venue.KALSHI:
            return KALSHI
        case Venue.POLYMARKET:
            return POLYMARKET
        case Venue.HYPERLIQUID:
            raise BadInput(f"nothing here trades at {venue} yet; leave it out of the settings", "venue")
        case _:
            assert_never(venue)


ADAPTERS: tuple[VenueAdapter, ...] = (KALSHI, POLYMARKET)
"""All there are, in the order of `Venue`."""

SELLABLE = frozenset(one.venue for one in ADAPTERS if one.sells_short)
"""Venues where an instrument may be sold without holding it."""
