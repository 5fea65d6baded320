"""A frame that could not be used once, read by today's decoders: what it says, or why it still says nothing.

Nothing is applied: the books have gone on since, and what the frame changed was doubted and asked for again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from domain.market import Venue
from venues.binance.ticks import BinanceTicks
from venues.book_feed import Counters, Feed, Told
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.kalshi import market_data as decode_kalshi
from venues.kalshi.book_feed import KalshiFeed
from venues.market_events import Malformed
from venues.polymarket import market_data as decode_polymarket
from venues.polymarket import user_stream
from venues.polymarket.book_feed import PolymarketFeed
from venues.polymarket.prices import PriceTicks
from venues.spot import OutOfStep, SpotDecoder, Unreadable

_SPOT: dict[str, Callable[[], SpotDecoder]] = {
    "coinbase": ExchangeTicks,
    "coinbase_advanced": AdvancedTicks,
    "binance": BinanceTicks,
    "polymarket_prices": PriceTicks,
}


def says_now(source: str, raw: bytes, at: int) -> str:
    """What a frame of `source` says, in a few words; `at` is when we had it (µs).

    Raises Malformed if it cannot be read, is of a kind nobody knows, or if nobody reads frames of `source`."""
    if source == Venue.KALSHI:
        _took(KalshiFeed, raw, at)
        return _counted([decode_kalshi.decode(raw, yes_price=True)])
    if source == Venue.POLYMARKET:
        return _polymarket(raw, at)
    if source in _SPOT:
        try:
            return _counted(_SPOT[source]().take(raw, at)) or "read; it brings no price"
        except Unreadable as wrong:
            raise Malformed(str(wrong)) from None
        except OutOfStep as lost:
            return f"read; it asks for a new subscription: {lost}"
    raise Malformed(f"nobody reads frames of {source!r}; expected one of {', '.join((*Venue, *_SPOT))}")


def _polymarket(raw: bytes, at: int) -> str:
    """A frame of the market channel, of the user channel, or an answer with books: letters do not say which."""
    try:
        _took(PolymarketFeed, raw, at)
        return _counted(decode_polymarket.decode(raw))
    except Malformed as wrong:
        news, dead = user_stream.events(raw)
        if news and not dead:
            return f"on the user channel: {_counted(news)}"
        try:
            return f"an answer: {_counted(decode_polymarket.read_books(raw))}"
        except Malformed:
            raise wrong from None


def _took(make: Callable[[Counters, Told], Feed], raw: bytes, at: int) -> None:
    """Give it to a feed that watches nothing. Raises Malformed as the feed does, and for what it calls dead."""
    said: list[str] = []
    told = Told(doubt=lambda markets, venue, why: None, news=lambda news: None, dead=lambda raw, why: said.append(why))
    make(Counters(), told).take(raw, at, 1)
    if said:
        raise Malformed(said[0])


def _counted(events: Iterable[object]) -> str:
    """`2 Change, 1 BookImage`."""
    return ", ".join(f"{count} {name}" for name, count in Counter(type(one).__name__ for one in events).items())
