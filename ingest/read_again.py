"""A frame that could not be used once, read by today's decoders: what it says, or why it still says nothing.

Nothing is applied: the books have gone on since, and what the frame changed was doubted and asked for again.
"""

from __future__ import annotations

from collections.abc import Callable

from domain.market import Venue
from venues.adapter import VenueAdapter
from venues.binance.ticks import BinanceTicks
from venues.book_feed import counted
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.market_events import Malformed
from venues.polymarket.prices import PriceTicks
from venues.registry import ADAPTERS
from venues.spot import OutOfStep, SpotDecoder, Unreadable

_VENUES: dict[str, VenueAdapter] = {one.venue: one for one in ADAPTERS}

_SPOT: dict[str, Callable[[], SpotDecoder]] = {
    "coinbase": ExchangeTicks,
    "coinbase_advanced": AdvancedTicks,
    "binance": BinanceTicks,
    "polymarket_prices": PriceTicks,
}


def says_now(source: str, raw: bytes, at: int) -> str:
    """What a frame of `source` says, in a few words; `at` is when we had it (µs).

    Raises Malformed if it cannot be read, is of a kind nobody knows, or if nobody reads frames of `source`."""
    if source in _VENUES:
        return _VENUES[source].read_again(raw, at)
    if source in _SPOT:
        try:
            return counted(_SPOT[source]().take(raw, at)) or "read; it brings no price"
        except Unreadable as wrong:
            raise Malformed(str(wrong)) from None
        except OutOfStep as lost:
            return f"read; it asks for a new subscription: {lost}"
    raise Malformed(f"nobody reads frames of {source!r}; expected one of {', '.join((*Venue, *_SPOT))}")
