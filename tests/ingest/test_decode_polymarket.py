"""Polymarket's frames become exact events; a frame that cannot be believed says why."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import Venue
from tests.places import SHARED_FOLDER
from venues.market_events import Listed, Malformed, Resolved, TickChange, TradePrint
from venues.polymarket import frames
from venues.polymarket.book import book_hash
from venues.polymarket.frames import LevelChange
from venues.polymarket.market_data import (
    NOT_CARRIED,
    Best,
    BookImage,
    Change,
    Unknown,
    decode,
    price_micros,
    size_micros,
    time_micros,
)

SHARED = SHARED_FOLDER / "fixtures" / "polymarket"
AT = 1_791_238_858_575_000
CONDITION = "0x" + "cd" * 32
TOKEN = "114528627098181527180076013437205839368323282497361602702800503052375432480589"

grid_prices = st.integers(1, 9_999).map(lambda tick: tick * 100)
sizes = st.integers(0, 10**13)
times = st.integers(10**11, 4 * 10**12).map(lambda ms: ms * 1000)
bests = st.none() | grid_prices


@given(grid_prices, sizes, st.booleans(), bests, bests, times)
def test_a_change_written_by_the_venue_is_read_back_exactly(  # noqa: PLR0917 - one a field
    price: int, size: int, bid: bool, best_bid: int | None, best_ask: int | None, at: int
) -> None:
    raw = frames.price_change(CONDITION, [LevelChange(TOKEN, bid, price, size, best_bid, best_ask)], at)
    assert decode(raw) == [Change(TOKEN, bid, price, size, best_bid or 0, best_ask or 1_000_000, at)]


@given(st.dictionaries(grid_prices, sizes.filter(bool), max_size=5), times)
def test_a_book_written_by_the_venue_is_read_back_exactly_best_last(levels: dict[int, int], at: int) -> None:
    (event,) = decode(frames.book(CONDITION, TOKEN, levels.items(), levels.items(), at))
    assert isinstance(event, BookImage)
    assert (event.market, event.at) == (TOKEN, at)
    assert event.bids == tuple(sorted(levels.items()))
    assert event.asks == tuple(sorted(levels.items(), reverse=True))


def test_prices_without_a_leading_zero_and_fields_we_do_not_know_are_read() -> None:
    raw = (
        b'{"event_type":"price_change","market":"0x5f","timestamp":1757908892351,"novel":[1],"price_changes":['
        b'{"asset_id":"71","price":".5","size":"200","side":"SELL","hash":"56","best_bid":"","best_ask":"1","x":{}}]}'
    )
    assert decode(raw) == [Change("71", False, 500_000, 200_000_000, NOT_CARRIED, 1_000_000, 1_757_908_892_351_000)]


def test_a_frame_may_hold_several_messages_of_several_kinds() -> None:
    raw = frames.array(
        frames.best_bid_ask(CONDITION, TOKEN, 730_000, 770_000, AT),
        frames.last_trade_price(CONDITION, TOKEN, 491_000, 85_360_000, AT, bought=False, transaction_hash="0xee"),
        frames.tick_size_change(CONDITION, TOKEN, 10_000, 1_000, AT),
        frames.market_resolved(CONDITION, [TOKEN, "2"], TOKEN, "Yes", AT),
        frames.new_market(CONDITION, [TOKEN, "2"], ["Yes", "No"], "Will it?", AT),
        b'{"event_type":"weather"}',
    )
    assert decode(raw) == [
        Best(TOKEN, 730_000, 770_000, AT),
        TradePrint(Venue.POLYMARKET, TOKEN, 491_000, 85_360_000, False, AT),
        TickChange(Venue.POLYMARKET, TOKEN, 10_000, 1_000, AT),
        Resolved(Venue.POLYMARKET, CONDITION, (TOKEN, "2"), TOKEN, AT),
        Listed(Venue.POLYMARKET, CONDITION, (TOKEN, "2"), "Will it?", AT),
        Unknown("weather"),
    ]


def test_an_empty_array_says_nothing() -> None:
    assert decode(b"[]") == []


def test_a_message_of_another_kind_may_use_our_names_for_other_things() -> None:
    assert decode(b'{"event_type":"score","best_bid":{"a":1},"price_changes":7}') == (Unknown("score"),)


GOOD = frames.price_change(CONDITION, [LevelChange(TOKEN, True, 480_000, 3_000_000, 480_000, 520_000)], AT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"price":"0.48"', b'"price":"1.48"'),
        (b'"price":"0.48"', b'"price":"0"'),
        (b'"price":"0.48"', b'"price":"-0.48"'),
        (b'"price":"0.48"', b'"price":0.48'),
        (b'"size":"3"', b'"size":"-3"'),
        (b'"size":"3"', b'"size":"3e9"'),
        (b'"size":"3"', b'"size":"0.1234567"'),
        (b'"size":"3"', b'"size":"NaN"'),
        (b'"size":"3",', b""),
        (b'"BUY"', b'"HOLD"'),
        (b'"best_bid":"0.48"', b'"best_bid":"1.1"'),
        (b'"timestamp":"1791238858575"', b'"timestamp":"soon"'),
        (b'"timestamp":"1791238858575"', b'"timestamp":-1'),
        (b',"timestamp":"1791238858575"', b""),
        (b'"price_changes"', b'"changes"'),
        (b'"event_type":"price_change",', b""),
        (b'"}', b'"'),
    ],
)
def test_a_broken_change_is_malformed_never_guessed(old: bytes, new: bytes) -> None:
    assert old in GOOD
    with pytest.raises(Malformed):
        decode(GOOD.replace(old, new))


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"null", b"PING", b"\xff\xfe", b'{"event_type":1}', b"{}", b"[1]", b"[{}]"]
)
def test_bytes_that_are_no_message_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(raw)


def test_brackets_without_end_are_malformed() -> None:
    for raw in (b"[" * 100_000, b'{"event_type":"price_change","x":' + b"[" * 100_000):
        with pytest.raises(Malformed):
            decode(raw)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 3), st.binary(max_size=3))
def test_whatever_is_done_to_a_frame_it_is_events_or_malformed(place: int, cut: int, put: bytes) -> None:
    with suppress(Malformed):
        decode(GOOD[:place] + put + GOOD[place + cut :])


def test_times_are_told_apart_by_magnitude() -> None:
    assert time_micros("1672290687") == time_micros(1_672_290_687_000) == 1_672_290_687_000_000


def test_numbers_are_exact() -> None:
    assert price_micros("0.0025") == 2_500
    assert size_micros("12.765956") == 12_765_956


def test_a_written_book_hashes_as_the_venue_would_have_it() -> None:
    said = json.loads(json.dumps(frames.rest_book(CONDITION, TOKEN, [(10_000, 5)], [(990_000, 7)], AT, version="v2")))
    assert said["hash"] == hash_of(said)
    assert said["hash"] != hash_of(said | {"version": None})


def hash_of(said: dict[str, Any]) -> str:
    levels = {side: [(level["price"], level["size"]) for level in said[side]] for side in ("bids", "asks")}
    names = ("market", "asset_id", "timestamp", "min_order_size", "tick_size", "neg_risk", "last_trade_price")
    return book_hash(**levels, **{name: said[name] for name in names}, version=said.get("version"))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="captured messages are not in ../shared/fixtures")
def test_the_hash_of_a_captured_rest_book_and_of_a_captured_first_snapshot_are_reproduced() -> None:
    captured = SHARED / "captured-2026-10-05"
    rest = json.loads((captured / "book-v1-btc15m.json").read_text())
    assert hash_of(rest) == rest["hash"]
    lines = [json.loads(line) for line in (captured / "ws-market-v2-session-trimmed.jsonl").read_text().splitlines()]
    first = next(line["data"] for line in lines if line["dir"] == "recv" and line["data"] != "PONG")
    (event,) = decode(first.encode())
    assert isinstance(event, BookImage)
    (streamed,) = json.loads(first)
    assert hash_of(streamed | {"min_order_size": "5", "neg_risk": False}) == streamed["hash"]
