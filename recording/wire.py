"""A recorded session written again as the frames its venues would send, so that a replay decides from the bytes on.

Kalshi's markets go out as one subscription of signed deltas, NO levels at their YES price. A Polymarket market goes out
as the levels of its tokens with the best prices after each change. Where a recording holds one token of a condition,
the other is its mirror, both in one frame as the venue sends them; where it holds both, each goes out as recorded.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.book import Book
from domain.errors import BadInput
from domain.market import MarketSpec, Venue
from domain.money import MICRO, Inexact
from recording.sources.session import BookDelta, BookReset, Session
from venues.kalshi import frames as kalshi
from venues.polymarket import frames as polymarket
from venues.polymarket.frames import LevelChange

Frame = tuple[bytes, int, Venue]
"""The bytes, their time in microseconds, and the venue that sends them."""


class _Tokens:
    """The books of one Polymarket market's tokens, kept to know what a change leaves and which prices are best."""

    def __init__(self, spec: MarketSpec, condition: str, *, both: bool) -> None:
        self._condition = condition
        self._tokens = (spec.market, spec.complement) if both else (spec.market,)
        self._book = Book(spec.market)

    def reset(self, event: BookReset) -> bytes:
        book = self._book
        book.reset(event.yes, event.no, event.at, event.at)
        images = [polymarket.book(self._condition, self._tokens[0], book.bids.items(), book.asks.items(), event.at)]
        for other in self._tokens[1:]:
            bids = [(MICRO - price, size) for price, size in book.asks.items()]
            asks = [(MICRO - price, size) for price, size in book.bids.items()]
            images.append(polymarket.book(self._condition, other, bids, asks, event.at))
        return polymarket.array(*images)

    def change(self, event: BookDelta) -> bytes:
        """Raises Inexact for a level that would fall below zero."""
        book, bid = self._book, event.side == "yes"
        price = event.price if bid else MICRO - event.price
        taken = (book.change_bid if bid else book.change_ask)(price, event.delta, event.at, event.at)
        if not taken:
            raise Inexact(f"{event.market} has no {-event.delta} micro-shares at {event.price} to take away")
        size = (book.bids if bid else book.asks).get(price, 0)
        changes = [LevelChange(self._tokens[0], bid, price, size, book.best_bid, book.best_ask)]
        for other in self._tokens[1:]:
            best_bid = None if book.best_ask is None else MICRO - book.best_ask
            best_ask = None if book.best_bid is None else MICRO - book.best_bid
            changes.append(LevelChange(other, not bid, MICRO - price, size, best_bid, best_ask))
        return polymarket.price_change(self._condition, changes, event.at)


def wire(session: Session) -> Iterator[Frame]:
    """Every event of `session` as a frame. Raises BadInput for a price or size the venue's wire cannot carry."""
    tokens = _tokens(session)
    seq = 0
    for number, event in enumerate(session.events(), start=1):
        played = tokens.get(event.market)
        try:
            if played is not None:
                raw = played.reset(event) if isinstance(event, BookReset) else played.change(event)
                yield raw, event.at, Venue.POLYMARKET
                continue
            seq += 1
            if isinstance(event, BookReset):
                raw = kalshi.snapshot(1, seq, event.market, event.yes, event.no, yes_price=True)
            else:
                raw = kalshi.delta(1, seq, event.market, event.side, event.price, event.delta, event.at, yes_price=True)
        except Inexact as wrong:
            raise BadInput(f"{session.name} event {number}: {wrong}", "off_grid") from None
        yield raw, event.at, Venue.KALSHI


def _tokens(session: Session) -> dict[str, _Tokens]:
    recorded = {spec.market for spec in session.markets}
    conditions = {condition.token: condition.condition_id for condition in session.conditions}
    return {
        spec.market: _Tokens(
            spec,
            conditions.get(spec.market, spec.event),
            both=bool(spec.complement) and spec.complement not in recorded,
        )
        for spec in session.markets
        if spec.venue is Venue.POLYMARKET
    }
