"""Frames that are lost, repeated or late: a book that is believed is the venue's own book of that moment, always."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.market import Venue
from venues.book_feed import Counters, Told
from venues.kalshi import frames
from venues.kalshi.book_feed import KalshiFeed

T0 = 1_772_359_200_000_000
MARKETS = ("KXCUP-26-AAA", "KXCUP-26-BBB", "KXCUP-26-CCC")

changes = st.tuples(st.integers(0, 2), st.booleans(), st.integers(1, 49), st.integers(-3, 3).filter(bool))
steps = st.lists(st.one_of(changes, st.integers(0, 2)), min_size=5, max_size=40)
"""A change (market, bid or ask, cents from its end, contracts), or the number of a market whose snapshot comes."""

faults = st.lists(
    st.tuples(st.sampled_from(["lose", "repeat", "late", "cut", "bend"]), st.integers(0, 45), st.integers(1, 12)),
    max_size=4,
)


class TrueVenue:
    """A venue that numbers what it sends, and remembers what each book was after each number."""

    def __init__(self) -> None:
        self.books = {market: Book(market) for market in MARKETS}
        self.sent: list[bytes] = []
        self.states: list[dict[str, tuple[dict[int, int], dict[int, int]]]] = []
        for number in range(len(MARKETS)):
            self.snapshot(number)

    def snapshot(self, number: int) -> None:
        book = self.books[MARKETS[number]]
        no = [(1_000_000 - price, size) for price, size in book.asks.items()]
        self._send(frames.snapshot(1, self._seq, book.market, book.bids.items(), no, yes_price=True))

    def change(self, number: int, bid: bool, cents: int, contracts: int) -> None:
        book = self.books[MARKETS[number]]
        price = cents * 10_000 if bid else 1_000_000 - cents * 10_000
        at = T0 + self._seq
        if (book.change_bid if bid else book.change_ask)(price, contracts * 1_000_000, at, at):
            side = "yes" if bid else "no"
            self._send(
                frames.delta(1, self._seq, book.market, side, cents * 10_000, contracts * 1_000_000, at, yes_price=True)
            )

    @property
    def _seq(self) -> int:
        return len(self.sent) + 1

    def _send(self, raw: bytes) -> None:
        self.sent.append(raw)
        self.states.append({market: (dict(book.bids), dict(book.asks)) for market, book in self.books.items()})


@given(steps, faults)
def test_a_believed_book_is_the_venues_own_whatever_is_lost_repeated_late_or_cut(
    script: list[tuple[int, bool, int, int] | int], wrong: list[tuple[str, int, int]]
) -> None:
    venue = TrueVenue()
    for step in script:
        if isinstance(step, int):
            venue.snapshot(step)
        else:
            venue.change(*step)
    arriving = list(enumerate(venue.sent))
    for kind, place, far in wrong:
        at = place % len(arriving)
        number, raw = arriving[at]
        match kind:
            case "lose":
                del arriving[at]
            case "repeat":
                arriving.insert(min(at + far, len(arriving)), (number, raw))
            case "late":
                arriving.insert(min(at + far, len(arriving) - 1), arriving.pop(at))
            case "cut":
                arriving[at] = number, raw[: len(raw) * far // 13]
            case _:
                arriving[at] = number, raw.replace(b'"msg"', b'"massage"')
        if not arriving:
            return
    dead: list[bytes] = []
    feed = KalshiFeed(Counters(), Told(lambda markets, v, why: doubt(markets), lambda news: None, lambda r, w: None))

    def doubt(markets: object) -> None:
        for market in list(markets):  # type: ignore[call-overload]
            feed.books[market].gapped = True

    for market in MARKETS:
        feed.watch(market)
    newest = -1
    for number, raw in arriving:
        try:
            feed.take(raw, T0, 0)
        except ValueError:
            dead.append(raw)
            doubt(feed.damaged(raw, 0))
        newest = max(newest, number)
        for market, book in feed.books.items():
            if book.ready and not book.gapped:
                assert (book.bids, book.asks) == venue.states[newest][market], (market, raw)
    assert feed.venue is Venue.KALSHI
    assert len(dead) <= len(wrong)
