"""What may be wrong with Polymarket's stream, sent through the real engine: no error, no wrong book, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.market import Venue
from ingest.dead_letters import DeadLetters, read
from tests.ingest.polymarket_feed import CENT, CONDITION, MS, NO, SHARE, T0, YES, Feed, image
from venues.market_events import Doubt, Resolved, TickChange
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange


class Stream(Feed):
    """Both tokens at 47/49 and 51/53, and the store of what could not be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.letters = DeadLetters(folder)
        super().__init__(on_dead=self.letters.keep)
        self.ready()

    def doubted(self) -> tuple[str, ...]:
        return self.engine.doubted(Venue.POLYMARKET)

    def kept(self) -> list[bytes]:
        return [letter.frame for letter in read(self.folder)]


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


def change(cents: int = 46, size: int = 5, at: int = T0 + MS, asset: str = YES) -> bytes:
    best = (47, 49) if asset == YES else (51, 53)
    row = LevelChange(asset, True, cents * CENT, size * SHARE, best[0] * CENT, best[1] * CENT)
    return frames.price_change(CONDITION, [row], at)


GOOD = change()


def bent(old: bytes, new: bytes, raw: bytes = GOOD) -> bytes:
    assert raw.count(old) == 1
    return raw.replace(old, new)


NAMED = {
    "price NaN": bent(b'"price":"0.46"', b'"price":"NaN"'),
    "price a number": bent(b'"price":"0.46"', b'"price":0.46'),
    "price 0": bent(b'"price":"0.46"', b'"price":"0"'),
    "price 1": bent(b'"price":"0.46"', b'"price":"1"'),
    "size below 0": bent(b'"size":"5"', b'"size":"-5"'),
    "size without end": bent(b'"size":"5"', b'"size":"' + b"9" * 5_000 + b'"'),
    "size in another script": bent(b'"size":"5"', '"size":"٥"'.encode()),
    "no size": bent(b'"size":"5",', b""),
    "no side": bent(b'"side":"BUY",', b""),
    "side both": bent(b'"BUY"', b'"BOTH"'),
    "a best bid of a dollar": bent(b'"best_bid":"0.47"', b'"best_bid":"1"'),
    "no time": bent(b',"timestamp":"1780000000001"', b""),
    "time NaN": bent(b'"1780000000001"', b'"NaN"'),
    "time without end": bent(b'"1780000000001"', b'"' + b"1" * 5_000 + b'"'),
    "time below 0": bent(b'"1780000000001"', b"-1780000000001"),
    "a year ahead of our clock": bent(b'"1780000000001"', b'"1811536000001"'),
    "a book without bids": bent(b'"bids"', b'"bidz"', image(YES, 47, 49)),
    "a book with a price twice": bent(
        b'[{"price":"0.47"', b'[{"price":"0.470","size":"1"},{"price":"0.47"', image(YES, 47, 49)
    ),
    "a book of a negative size": image(YES, 47, 49).replace(b'"100"', b'"-100"', 1),
    "a book of no time": bent(b'"1780000000000"', b'""', image(YES, 47, 49)),
    "a book ahead of our clock": bent(b'"1780000000000"', b'"1811536000000"', image(YES, 47, 49)),
}  # fmt: skip


@pytest.mark.parametrize("raw", NAMED.values(), ids=NAMED)
def test_a_message_with_an_absurd_field_doubts_its_token_alone_and_is_kept(stream: Stream, raw: bytes) -> None:
    stream.send(raw)
    assert stream.gapped == [((YES,), Doubt.MALFORMED)]
    assert stream.engine.counters.malformed == 1
    assert stream.kept() == [raw]
    assert (stream.of(YES).best_bid, stream.of(YES).best_ask) == (470_000, 490_000)
    stream.send(image(YES, 44, 45, T0 + 2 * MS))
    assert stream.doubted() == ()


UNREADABLE = {
    "nothing": b"",
    "a merge conflict": b">>>>>>> theirs",
    "markup": b"<html>",
    "half a frame that names one token of two": b"[" + image(YES, 47, 49) + b"," + image(NO, 51, 53)[:40],
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a byte of Latin-1 in a name of a field": bent(b'"best_ask"', b'"best_\xe4sk"'),
    "a byte of Latin-1 in the token": bent(b'"1001"', b'"10\xff1"'),
    "an escaped token beside a bad field": bent(b'"1001"', b'"\\u0031001"').replace(b'"BUY"', b'"BOTH"'),
    "NaN itself": bent(b'"size":"5"', b'"size":NaN'),
    "an array in an array": b"[[" + GOOD + b"]]",
    "a number": b"17",
    "nesting without end": b'{"event_type":"book","x":' + b"[" * 200_000,
    "no kind": b'{"timestamp":"1780000000001"}',
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE)
def test_a_frame_that_cannot_be_read_doubts_what_its_connection_carries_and_is_kept(stream: Stream, raw: bytes) -> None:
    stream.send(raw)
    doubted = (YES,) if raw.startswith(b"[[") else (YES, NO)
    assert stream.doubted() == doubted
    assert stream.kept() == [raw]
    stream.send(raw, link=2)
    assert stream.engine.counters.malformed == 2
    for asset, bid, ask in ((YES, 47, 49), (NO, 51, 53)):
        stream.send(image(asset, bid, ask, T0 + MS))
    assert stream.doubted() == ()


def test_what_is_wrong_on_one_connection_is_no_matter_of_another(stream: Stream) -> None:
    stream.send(GOOD[:-9], link=2)
    stream.send(bent(b'"BUY"', b'"BOTH"'), link=2)
    assert stream.doubted() == ()
    assert len(stream.kept()) == 2


def test_a_frame_is_taken_whole_or_not_at_all(stream: Stream) -> None:
    bad = image(NO, 55, 56, T0 + MS).replace(b'"0.55"', b'"5.5"')
    stream.send(frames.array(image(YES, 40, 41, T0 + MS), bad))
    assert stream.doubted() == (YES, NO)
    assert stream.of(YES).best_bid == 470_000


def test_of_several_messages_none_is_taken_where_a_later_one_is_a_year_ahead(stream: Stream) -> None:
    late = image(NO, 51, 53, T0 + 365 * 86_400_000 * MS)
    stream.send(frames.array(image(YES, 40, 41, T0 - MS), late))
    assert stream.doubted() == (YES, NO)
    assert (stream.of(YES).best_bid, stream.of(YES).exchange_at) == (470_000, T0)
    stream.send(image(YES, 40, 41, T0 - MS))
    assert stream.doubted() == (YES, NO)  # older than what was believed: no end of a doubt


def test_a_huge_frame_is_read(stream: Stream) -> None:
    levels = [(price * 100, SHARE) for price in range(1, 9_000)]
    stream.send(frames.book(CONDITION, YES, levels[:4_000], levels[5_000:], T0 + MS))
    assert len(stream.of(YES).bids) == 4_000
    stream.send(bent(b'"size":"5"', b'"size":"5","more":"' + b"x" * (8 << 20) + b'"', change(39)))
    assert stream.of(YES).bids[390_000] == 5 * SHARE


def test_an_empty_array_and_kinds_nobody_knows_change_nothing(stream: Stream) -> None:
    stream.send(b"[]")
    stream.send(b'[{"event_type":"weather","asset_id":"1001"},{"event_type":"tide"}]')
    assert stream.doubted() == ()
    assert (stream.engine.counters.unknown, len(stream.kept())) == (2, 2)


@pytest.mark.parametrize(("bids", "asks"), [([], []), ([(470_000, SHARE)], []), ([], [(490_000, SHARE)])])
def test_a_book_without_one_side_or_both_is_a_book_and_nothing_to_trade_on(
    stream: Stream, bids: list[tuple[int, int]], asks: list[tuple[int, int]]
) -> None:
    stream.send(frames.book(CONDITION, YES, bids, asks, T0 + MS))
    assert stream.doubted() == ()
    assert (stream.of(YES).best_bid, stream.of(YES).best_ask) == (470_000 if bids else None, 490_000 if asks else None)
    stream.send(change(46, 5, T0 + 2 * MS))  # it carries 0.47 and 0.49
    assert stream.doubted() == ()
    stream.send(change(45, 5, T0 + 3 * MS))
    assert stream.doubted() == (() if bids and asks else (YES,))
    assert stream.intents == []


def test_a_change_that_comes_twice_is_the_same_change(stream: Stream) -> None:
    stream.send(GOOD)
    stream.send(GOOD)
    assert stream.doubted() == ()
    assert stream.of(YES).bids[460_000] == 5 * SHARE


def test_a_lost_change_of_the_touch_shows_as_soon_as_time_goes_on(stream: Stream) -> None:
    row = LevelChange(YES, True, 46 * CENT, 5 * SHARE, 48 * CENT, 49 * CENT)  # somebody bids 0.48 by now
    stream.send(frames.price_change(CONDITION, [row], T0 + MS))
    assert (stream.gapped, stream.of(YES).unsettled) == ([], True)
    stream.send(frames.price_change(CONDITION, [row], T0 + 2 * MS))
    assert stream.gapped == [((YES,), Doubt.BEST)]


def test_time_that_goes_backwards_is_a_loss(stream: Stream) -> None:
    stream.send(change(46, 5, T0 + 5 * MS))
    stream.send(change(45, 5, T0 + MS))
    assert stream.gapped == [((YES,), Doubt.TIME)]
    stream.send(image(YES, 47, 49, T0 - MS))
    assert stream.doubted() == (YES,)
    stream.send(image(YES, 47, 49, T0 + 9 * MS))
    assert stream.doubted() == ()


def test_a_market_that_resolves_in_mid_stream_is_never_decided_on_again(stream: Stream) -> None:
    stream.send(frames.market_resolved(CONDITION, [YES, NO], YES, "Yes", T0 + MS))
    stream.send(frames.price_change(CONDITION, [LevelChange(NO, False, 20 * CENT, SHARE, 0, 20 * CENT)], T0 + 2 * MS))
    assert stream.intents == []
    assert stream.engine.unready() == (YES, NO)
    assert isinstance(stream.news[-1], Resolved)


def test_a_new_grid_in_mid_stream_doubts_the_token_until_its_new_book(stream: Stream) -> None:
    stream.send(frames.tick_size_change(CONDITION, YES, 10_000, 1_000, T0 + MS))
    assert isinstance(stream.news[-1], TickChange)
    stream.send(frames.price_change(CONDITION, [LevelChange(YES, True, 471_000, SHARE, 471_000, 490_000)], T0 + MS))
    assert stream.doubted() == (YES,)
    stream.send(frames.book(CONDITION, YES, [(471_000, SHARE)], [(490_000, SHARE)], T0 + 2 * MS, tick=1_000))
    assert stream.doubted() == ()
    assert stream.of(YES).best_bid == 471_000
