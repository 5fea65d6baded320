"""Frames become exact events; a frame that cannot be believed says why."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.kalshi import frames
from venues.kalshi.market_data import Delta, Other, Snapshot, decode, size_micros, time_micros
from venues.market_events import Malformed

AT = 1_781_159_489_957_081

grid_prices = st.integers(1, 9_999).map(lambda tick: tick * 100)
counts = st.integers(-(10**7), 10**7).map(lambda hundredths: hundredths * 10_000)


@given(grid_prices, counts, st.booleans(), st.booleans(), st.integers(1, 4 * 10**15))
def test_a_delta_written_by_the_venue_is_read_back_exactly(
    price: int, change: int, bid: bool, yes_price: bool, at: int
) -> None:
    raw = frames.delta(3, 9, "KX-1", "yes" if bid else "no", price, change, at, yes_price=yes_price)
    shown = price if bid else 1_000_000 - price
    assert decode(raw, yes_price=yes_price) == Delta(3, 9, "KX-1", bid, shown, change, at)


@given(st.dictionaries(grid_prices, counts.filter(lambda size: size > 0), max_size=5), st.booleans())
def test_a_snapshot_written_by_the_venue_is_read_back_exactly(levels: dict[int, int], yes_price: bool) -> None:
    raw = frames.snapshot(3, 9, "KX-1", levels.items(), levels.items(), yes_price=yes_price)
    event = decode(raw, yes_price=yes_price)
    assert isinstance(event, Snapshot)
    assert dict(event.yes) == levels
    assert dict(event.no) == levels


def test_a_frame_of_the_venue_with_fields_we_do_not_know_is_read() -> None:
    raw = (
        b'{"type":"orderbook_delta","sid":1,"seq":2,"new":true,"msg":{"market_ticker":"KX-1","market_id":"u","extra":[],'
        b'"price_dollars":"0.4700","delta_fp":"-3.00","side":"yes","ts":"2026-06-11T06:31:29.957081Z",'
        b'"ts_ms":1781159489957}}\n'
    )
    assert decode(raw, yes_price=True) == Delta(1, 2, "KX-1", True, 470_000, -3_000_000, AT)


def test_without_a_time_text_the_milliseconds_are_used() -> None:
    raw = (
        b'{"type":"orderbook_delta","sid":1,"seq":2,"msg":{"market_ticker":"KX-1","price_dollars":"0.47",'
        b'"delta_fp":"1","side":"no","ts_ms":1781159489957}}'
    )
    assert decode(raw, yes_price=False) == Delta(1, 2, "KX-1", False, 530_000, 1_000_000, 1_781_159_489_957_000)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-06-11T06:31:29.957081Z", AT),
        ("2026-06-11T06:31:29.957Z", AT - 81),
        ("2026-06-11T06:31:29Z", AT - 957_081),
    ],
)
def test_times_with_fewer_places_are_exact_too(text: str, micros: int) -> None:
    assert time_micros(text) == micros


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":1,"type":"subscribed","msg":{"channel":"orderbook_delta","sid":1}}',
        b'{"id":9,"sid":4,"seq":7,"type":"ok","msg":{"market_tickers":["A"]}}',
        b'{"type":"error","id":3,"msg":{"code":7,"msg":"Unknown subscription ID"}}',
        b'{"type":"ticker","sid":1,"msg":{"market_ticker":"A","price_dollars":"0.4800","ts":1669149841}}',
        b'{"type":"list","msg":[1,2]}',
    ],
)
def test_other_messages_are_passed_over_whatever_their_fields_hold(raw: bytes) -> None:
    assert isinstance(decode(raw, yes_price=True), Other)


GOOD = frames.delta(1, 2, "KX-1", "yes", 470_000, -3_000_000, AT, yes_price=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"0.4700", b"1.4700"),
        (b"0.4700", b"0.0000"),
        (b"0.4700", b"-0.470"),
        (b"0.4700", b"NaN"),
        (b"-3.00", b"-3e9"),
        (b"-3.00", b"99999999999.00"),
        (b"-3.00", b"0.1234567"),
        (b'"yes"', b'"maybe"'),
        (b"2026-06", b"2026-99"),
        (b".957081Z", b".957081"),
        (b'"-3.00"', b"-3"),
        (b'"market_ticker":"KX-1",', b""),
        (b'"msg":{', b'"msgs":{'),
        (b"}}", b"}"),
    ],
)
def test_a_broken_book_frame_is_malformed_never_guessed(old: bytes, new: bytes) -> None:
    assert old in GOOD
    with pytest.raises(Malformed):
        decode(GOOD.replace(old, new), yes_price=True)


@pytest.mark.parametrize("raw", [b"", b"\n", b"[]", b"null", b"\xff\xfe", b'{"type":1}', b"{}"])
def test_bytes_that_are_no_message_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(raw, yes_price=True)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 3), st.binary(max_size=3))
def test_whatever_is_done_to_a_frame_it_is_an_event_or_malformed(place: int, cut: int, put: bytes) -> None:
    with suppress(Malformed):
        decode(GOOD[:place] + put + GOOD[place + cut :], yes_price=True)


def test_brackets_without_end_are_malformed() -> None:
    with pytest.raises(Malformed):
        decode(b'{"type":"orderbook_delta","x":' + b"[" * 100_000, yes_price=True)


def test_a_negative_size_is_a_change_but_never_a_level() -> None:
    assert size_micros("-0.01") == -10_000
    raw = frames.snapshot(1, 1, "KX-1", [(470_000, 3_000_000)], [], yes_price=True).replace(b'"3.00"', b'"-3.00"')
    with pytest.raises(Malformed, match="level of size"):
        decode(raw, yes_price=True)
