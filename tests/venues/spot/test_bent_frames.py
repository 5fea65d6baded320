"""Frames bent in one place: a decoder answers with ticks that make sense, or says what is wrong, and nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.binance.ticks import BinanceTicks
from venues.coinbase.advanced import AdvancedTicks
from venues.coinbase.exchange import ExchangeTicks
from venues.polymarket.prices import PriceTicks
from venues.spot import AHEAD_US, OutOfStep, SpotDecoder, Unreadable

NOW = 1_795_262_400_000_000
TIME = "2026-11-21T12:00:00Z"

LEVELS = [
    {"side": "bid", "event_time": TIME, "price_level": "68900.00", "new_quantity": "1.5"},
    {"side": "offer", "event_time": TIME, "price_level": "68901.00", "new_quantity": "0.5"},
]
EXCHANGE: list[Any] = [
    {"type": "ticker", "sequence": 5, "product_id": "X", "price": "1.5", "best_bid": "1", "time": TIME, "trade_id": 9},
    {"type": "snapshot", "product_id": "X", "bids": [["1.4", "2"]], "asks": [["1.5", "2"]]},
    {"type": "l2update", "product_id": "X", "changes": [["buy", "1.41", "3"]], "time": TIME},
    {"type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "X", "time": TIME},
]
ADVANCED: list[Any] = [
    {
        "channel": "l2_data",
        "timestamp": TIME,
        "sequence_num": 0,
        "events": [{"type": "snapshot", "product_id": "X", "updates": LEVELS}],
    },
    {
        "channel": "ticker",
        "timestamp": TIME,
        "sequence_num": 1,
        "events": [{"type": "update", "tickers": [{"product_id": "X", "price": "2.5", "best_bid": "2.4"}]}],
    },
]
BINANCE: list[Any] = [
    {"stream": "x@bookTicker", "data": {"u": 4, "s": "X", "b": "1.5", "B": "2", "a": "1.6", "A": "3"}},
    {"e": "trade", "s": "X", "t": 7, "p": "1.5", "q": "0.02", "T": NOW // 1000},
]
POINT = {"full_accuracy_value": "1.5", "timestamp": NOW // 1000}
PRICES: list[Any] = [
    {
        "v": 1,
        "channel": "price.crypto",
        "seq": 1,
        "snapshot": True,
        "payload": {"symbol": "x", "source": "pyth", "data": [POINT]},
    },
    {"v": 1, "channel": "price.crypto", "seq": 2, "payload": {"symbol": "x", "source": "chainlink", **POINT}},
]

anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**25), 10**25),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
        st.sampled_from(["", "NaN", "-1", "0", "1e400", "1e-30", "٣.٥", "9" * 40, "0001-01-01T00:00:00Z", TIME, "buy"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [path] * bool(path) + [found for key, item in inside for found in places(item, (*path, key))]


@pytest.mark.parametrize(
    ("make", "frames"),
    [(ExchangeTicks, EXCHANGE), (AdvancedTicks, ADVANCED), (BinanceTicks, BINANCE), (PriceTicks, PRICES)],
)
@given(choice=st.data())
def test_a_frame_bent_anywhere_gives_sound_ticks_or_a_reason(
    make: Any, frames: list[Any], choice: st.DataObject
) -> None:
    bent = copy.deepcopy(frames)
    place = choice.draw(st.sampled_from(places(frames)))
    holder: Any = bent
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = choice.draw(anything)
    decoder: SpotDecoder = make()
    for frame in bent:
        try:
            ticks = decoder.take(json.dumps(frame, ensure_ascii=False).encode(), NOW)
        except (Unreadable, OutOfStep):
            continue
        for tick in ticks:
            assert tick.symbol
            assert tick.price > 0
            assert 0 < tick.exchange_at <= NOW + AHEAD_US
            assert min(tick.bid, tick.ask, tick.bid_size, tick.ask_size) >= 0
