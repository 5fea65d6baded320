"""Today's decoders on yesterday's dead letters."""

from __future__ import annotations

import json

import pytest

from ingest.read_again import says_now
from venues.kalshi import frames
from venues.market_events import Malformed

AT = 1_780_000_000_000_000
DELTA = frames.delta(1, 2, "KX-A", "yes", 470_000, 10_000, AT, yes_price=True)
BOOK = {
    "event_type": "book", "asset_id": "1", "market": "0xc", "timestamp": "1780000000000", "hash": "",
    "bids": [{"price": "0.40", "size": "5"}], "asks": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "raw", "said"),
    [
        ("kalshi", DELTA, "1 Delta"),
        ("polymarket", json.dumps(BOOK).encode(), "1 BookImage"),
        ("polymarket", json.dumps([BOOK, BOOK]).encode(), "2 BookImage"),
        ("polymarket", b'{"event_type":"order","id":"0x1","type":"UPDATE"}', "on the user channel: 1 UserOrder"),
        ("coinbase", b'{"type":"subscriptions","channels":[]}', "read; it brings no price"),
    ],
)
def test_a_frame_that_is_readable_now_says_what_it_holds(source: str, raw: bytes, said: str) -> None:
    assert says_now(source, raw, AT) == said


@pytest.mark.parametrize(
    ("source", "raw", "why"),
    [
        ("kalshi", b"{", "not a message"),
        ("kalshi", b'{"type":"news_of_tomorrow"}', "unknown message type"),
        ("polymarket", b"\xff", "not a message"),
        ("polymarket", b'{"event_type":"news_of_tomorrow"}', "unknown event_type"),
        ("coinbase", b"{", "not a frame"),
        ("binance", b"[]", "rray"),
        ("a venue of the past", b"{}", "nobody reads frames of 'a venue of the past'; expected one of kalshi"),
    ],
)
def test_one_that_is_not_says_why(source: str, raw: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        says_now(source, raw, AT)
