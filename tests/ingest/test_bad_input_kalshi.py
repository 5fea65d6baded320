"""What may be wrong with Kalshi's stream, sent through the real engine: no exception, no wrong book, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from domain.book import Book
from domain.decisions import Suppression
from domain.fees import FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.dead_letters import LONGEST, DeadLetters, read
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from venues.kalshi import frames
from venues.market_events import Doubt

T0 = 1_772_359_200_000_000
MS = 1_000
A, B = "KXCUP-26-AAA", "KXCUP-26-BBB"


class Stream:
    """One subscription of two markets, and the store of what could not be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.letters = DeadLetters(folder)
        self.gapped: list[tuple[tuple[str, ...], Doubt]] = []
        self.intents: list[Intent] = []
        self.suppressed: list[Suppression] = []
        specs = tuple(
            MarketSpec(Venue.KALSHI, ticker, "KXCUP-26", ticker, FeeSchedule(), outcomes=2) for ticker in (A, B)
        )
        self.engine = Engine(
            baskets([OutcomeSet(specs)], SetParams(), GateLimits(), LegPolicy()),
            GateLimits(),
            self.intents.append,
            self.suppressed.append,
            on_gapped=lambda venue, markets, doubt: self.gapped.append((markets, doubt)),
            on_dead=self.letters.keep,
        )
        self.seq = 0
        for market, bid, ask in ((A, 47, 56), (B, 44, 46)):
            self.snapshot(market, bid, ask)

    def send(self, raw: bytes, at: int = T0) -> None:
        self.engine.on_frame(raw, at, Venue.KALSHI)

    def snapshot(self, market: str, bid: int, ask: int, at: int = T0) -> bytes:
        self.seq += 1
        raw = frames.snapshot(
            1, self.seq, market, [(bid * 10_000, 200_000_000)], [((100 - ask) * 10_000, 200_000_000)], yes_price=True
        )
        self.send(raw, at)
        return raw

    def delta(
        self, market: str = A, cents: int = 40, change: int = 5, at: int = T0 + MS, *, side: str = "yes"
    ) -> bytes:
        """The next change of a bid, not sent."""
        self.seq += 1
        price = cents if side == "yes" else 100 - cents
        return frames.delta(
            1, self.seq, market, "yes" if side == "yes" else "no", price * 10_000, change * 10**6, at, yes_price=True
        )

    def book(self, market: str) -> Book:
        return self.engine.feed(Venue.KALSHI).books[market]

    def doubted(self) -> tuple[str, ...]:
        return self.engine.doubted(Venue.KALSHI)

    def kept(self) -> list[bytes]:
        return [letter.frame for letter in read(self.folder)]


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


GOOD = frames.delta(1, 3, A, "yes", 400_000, 5_000_000, T0 + MS, yes_price=True)


def bent(old: bytes, new: bytes) -> bytes:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


NAMED = {
    "price NaN": bent(b'"0.4000"', b'"NaN"'),
    "price a number": bent(b'"0.4000"', b"0.4"),
    "price 0": bent(b'"0.4000"', b'"0"'),
    "price 1": bent(b'"0.4000"', b'"1.0000"'),
    "price below 0": bent(b'"0.4000"', b'"-0.4000"'),
    "price of seven places": bent(b'"0.4000"', b'"0.4000001"'),
    "price of Arabic digits": bent(b'"0.4000"', '"٠.٤"'.encode()),
    "price without end": bent(b'"0.4000"', b'"0.' + b"4" * 5_000 + b'"'),
    "size NaN": bent(b'"5.00"', b'"NaN"'),
    "size infinite": bent(b'"5.00"', b'"Infinity"'),
    "size without end": bent(b'"5.00"', b'"' + b"9" * 5_000 + b'"'),
    "size of a trillion": bent(b'"5.00"', b'"1000000000000"'),
    "size twice negative": bent(b'"5.00"', b'"--5"'),
    "no size": bent(b'"delta_fp":"5.00",', b""),
    "side both": bent(b'"side":"yes"', b'"side":"both"'),
    "no number": bent(b'"seq":3,', b""),
    "no subscription": bent(b'"sid":1,', b""),
    "a negative number": bent(b'"seq":3', b'"seq":-3'),
    "no such day": bent(b"-01T", b"-31T"),
    "a year ahead of our clock": bent(b'"2026-', b'"2027-'),
    "no time": bent(b'"ts":"2026-03-01T10:00:00.001000Z","ts_ms":1772359200001', b'"x":1'),
}


@pytest.mark.parametrize("raw", NAMED.values(), ids=NAMED)
def test_a_change_with_an_absurd_field_doubts_its_market_alone_and_is_kept(stream: Stream, raw: bytes) -> None:
    before = dict(stream.book(A).bids)
    stream.send(raw)
    assert stream.gapped == [((A,), Doubt.MALFORMED)]
    assert stream.engine.counters.malformed == 1
    assert stream.kept() == [raw]
    assert stream.book(A).bids == before
    stream.seq = 3 if b'"seq":3' in raw and b'"sid":1' in raw else 2
    stream.snapshot(A, 48, 49, T0 + 2 * MS)
    assert A not in stream.doubted()


UNREADABLE = {
    "nothing": b"",
    "blanks": b" \r\n",
    "a merge conflict": b"<<<<<<< HEAD\n",
    "its middle": b"=======",
    "markup": b"<html><body>502 Bad Gateway</body></html>",
    "half a frame": GOOD[:-30],
    "half a frame that names one market": GOOD[: GOOD.index(b'"side"')],
    "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1 in a name of a field": bent(b'"delta_fp"', b'"delta_f\xfc"'),
    "a mark of byte order": b"\xef\xbb\xbf" + GOOD,
    "NaN itself": bent(b'"5.00"', b"NaN"),
    "a number": b"17",
    "two frames in one": GOOD.strip() + GOOD,
    "nesting without end": b'{"type":"orderbook_delta","x":' + b"[" * 200_000,
    "a name that is escaped": bent(b"AAA", b"\\u0041AA").replace(b'"yes"', b'"both"'),
    "no type": b'{"sid":1,"seq":3}',
    "no type and no message": b'{"seq":3,"msg":8}',
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE)
def test_a_frame_that_cannot_be_read_doubts_every_market_and_is_kept(stream: Stream, raw: bytes) -> None:
    stream.send(raw)
    assert stream.doubted() == (A, B)
    assert stream.kept() == [raw]
    stream.seq = 3
    stream.snapshot(A, 48, 50, T0 + MS)
    assert stream.doubted() == (B,)
    assert stream.intents == []
    stream.snapshot(B, 44, 46, T0 + MS)
    assert stream.doubted() == ()
    assert len(stream.intents) == 1


def test_a_huge_frame_is_read_and_a_huge_one_that_cannot_be_is_kept_cut(stream: Stream, tmp_path: Path) -> None:
    padding = b'"more":"' + b"x" * (8 << 20) + b'",'
    stream.send(stream.delta().replace(b'"sid"', padding + b'"sid"'))
    assert stream.book(A).bids[400_000] == 5_000_000
    stream.send(b"{" + padding)
    (letter,) = read(tmp_path)
    assert (len(letter.frame), letter.size) == (LONGEST, len(padding) + 1)
    levels = ",".join(f'["0.{price:04d}","1.00"]' for price in range(1, 5_600))
    stream.seq += 1
    head = f'{{"type":"orderbook_snapshot","sid":1,"seq":{stream.seq},"msg":{{"market_ticker":"{A}","yes_dollars_fp":['
    stream.send(f"{head}{levels}]}}}}".encode())
    assert len(stream.book(A).bids) == 5_599


# -- numbers ------------------------------------------------------------------------------------------------------


def test_a_change_that_comes_twice_is_not_taken_twice(stream: Stream) -> None:
    raw = stream.delta()
    stream.send(raw)
    stream.send(raw)
    assert stream.doubted() == (A, B)
    assert stream.book(A).bids[400_000] == 5_000_000
    assert stream.engine.counters.duplicates == 1


def test_changes_in_the_wrong_order_are_a_loss(stream: Stream) -> None:
    first, second = stream.delta(A, 40), stream.delta(B, 40)
    stream.send(second)
    stream.send(first)
    assert stream.doubted() == (A, B)


def test_an_old_snapshot_that_comes_again_is_not_the_book(stream: Stream) -> None:
    old = stream.snapshot(A, 47, 56)
    stream.send(stream.delta())
    stream.send(old)
    assert stream.doubted() == (A, B)
    assert stream.book(A).bids[400_000] == 5_000_000
    stream.send(stream.delta(A, 39))
    assert stream.doubted() == (A, B)


def test_an_answer_that_repeats_the_number_before_it_is_the_book(stream: Stream) -> None:
    stream.send(stream.delta())
    stream.seq -= 1
    stream.snapshot(A, 44, 45)
    assert stream.doubted() == ()
    assert stream.book(A).best_bid == 440_000


def test_a_change_under_another_subscription_than_its_book_is_a_loss(stream: Stream) -> None:
    stream.send(stream.delta().replace(b'"sid":1,"seq":3', b'"sid":9,"seq":1'))
    assert stream.gapped == [((A,), Doubt.LOST)]
    assert 400_000 not in stream.book(A).bids


def test_a_number_lost_behind_a_frame_that_cannot_be_read_still_shows(stream: Stream) -> None:
    stream.send(stream.delta().replace(b'"yes"', b'"both"'))
    stream.delta(B)  # lost
    stream.send(stream.delta(A))
    assert stream.doubted() == (A, B)


def test_a_kind_nobody_knows_among_numbered_changes_may_have_been_one(stream: Stream) -> None:
    stream.send(b'{"type":"orderbook_delta_v3","sid":1,"seq":3,"msg":{}}')
    assert stream.gapped == [((A, B), Doubt.MALFORMED)]
    assert stream.engine.counters.unknown == 1
    stream.send(b'{"type":"weather","sid":8,"seq":3,"msg":{}}')
    assert [len(stream.kept()), stream.engine.counters.unknown] == [2, 2]


# -- time ---------------------------------------------------------------------------------------------------------


def test_time_that_goes_backwards_changes_no_order_since_numbers_make_it(stream: Stream) -> None:
    stream.send(stream.delta(at=T0 + 10 * MS))
    stream.send(stream.delta(at=T0 + MS, change=2))
    assert stream.doubted() == ()
    assert stream.book(A).bids[400_000] == 7_000_000


# -- books --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("yes", "no"), [([], []), ([(470_000, 10**6)], []), ([], [(440_000, 10**6)])])
def test_a_book_without_one_side_or_both_is_a_book_and_nothing_to_trade_on(
    stream: Stream, yes: list[tuple[int, int]], no: list[tuple[int, int]]
) -> None:
    stream.seq += 1
    stream.send(frames.snapshot(1, stream.seq, A, yes, no, yes_price=True))
    book = stream.book(A)
    assert (book.best_bid, book.best_ask) == (470_000 if yes else None, 560_000 if no else None)
    assert stream.doubted() == ()
    assert stream.intents == []


def test_a_side_that_empties_is_empty(stream: Stream) -> None:
    stream.send(stream.delta(A, 56, -200, side="no"))
    assert stream.book(A).best_ask is None
    stream.send(stream.delta(A, 56, -1, side="no"))
    assert stream.doubted() == (A,)


SNAPSHOT = frames.snapshot(1, 3, A, [(470_000, 10**6), (460_000, 10**6)], [], yes_price=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b'"0.4600"', b'"0.47"'),
        lambda raw: raw.replace(b'"1.00"', b'"-1.00"', 1),
        lambda raw: raw.replace(b'"1.00"', b'"NaN"', 1),
        lambda raw: raw.replace(b'["0.4600","1.00"]', b'["0.4600"]'),
        lambda raw: raw.replace(b'["0.4600","1.00"]', b'{"0.4600":"1.00"}'),
    ],
    ids=["one price twice", "a negative size", "no number", "a level without size", "a level of another form"],
)
def test_a_snapshot_with_one_bad_level_is_no_snapshot(stream: Stream, change: Callable[[bytes], bytes]) -> None:
    raw = change(SNAPSHOT)
    assert raw != SNAPSHOT
    stream.send(raw)
    assert stream.doubted() == (A,)
    assert stream.book(A).best_ask == 560_000
    assert stream.kept() == [raw]


# -- the market's own life ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["determined", "settled"])
def test_a_market_that_resolves_in_mid_stream_is_never_decided_on_again(stream: Stream, said: str) -> None:
    stream.send(
        b'{"type":"market_lifecycle_v2","sid":4,"seq":9,"msg":{"market_ticker":"KXCUP-26-AAA","event_type":"%s",'
        b'"result":"yes","price_dollars":1}}' % said.encode()
    )
    stream.send(stream.delta(B, 30, 200, T0 + MS, side="no"))
    assert stream.intents == []
    assert stream.engine.unready() == (A,)
    assert stream.doubted() == ()


def test_a_new_grid_in_mid_stream_changes_no_book(stream: Stream) -> None:
    stream.send(
        b'{"type":"market_lifecycle_v2","sid":4,"seq":9,"msg":{"market_ticker":"KXCUP-26-AAA","event_type":'
        b'"price_level_structure_updated","price_level_structure":"deci_cent"}}'
    )
    stream.send(stream.delta().replace(b'"0.4000"', b'"0.4005"'))
    assert stream.doubted() == ()
    assert stream.book(A).bids[400_500] == 5_000_000
