"""Captured frames of Coinbase and Binance: every one is read, and what comes out agrees with what the frames say."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from domain.spot import SpotKind, SpotSource, to_attos
from tests.places import SHARED_FOLDER
from venues.binance.ticks import BinanceTicks
from venues.coinbase.exchange import ExchangeTicks

SHARED = SHARED_FOLDER

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="recordings are not in ../shared"),
]


def test_every_captured_frame_of_the_exchange_feed_is_read() -> None:
    ticks = ExchangeTicks()
    kinds: Counter[str] = Counter()
    said: Counter[SpotKind] = Counter()
    (path,) = (SHARED / "fixtures" / "coinbase" / "cryptofeed_exchange_2021").glob("*.jsonl")
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kinds[row["msg"]["type"]] += 1
        received_at = round(row["recv_ts"] * 1e6)
        for tick in ticks.take(json.dumps(row["msg"]).encode(), received_at):
            said[tick.kind] += 1
            assert tick.source is SpotSource.COINBASE
            assert tick.bid < tick.ask
            if tick.kind is SpotKind.TRADE:
                assert tick.price == to_attos(row["msg"]["price"])
    assert kinds.total() == 129
    assert not ticks.unknown
    assert said[SpotKind.TRADE] == kinds["ticker"] - ticks.late
    assert said[SpotKind.QUOTE] >= kinds["snapshot"] > 0


def test_every_captured_quote_of_binance_is_read() -> None:
    ticks = BinanceTicks()
    folder = SHARED / "fixtures" / "coinbase" / "binance"
    frames = [line.encode() for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]
    found = [tick for frame in frames for tick in ticks.take(frame, 1)]
    assert len(found) + ticks.late == len(frames) == 85
    assert not ticks.unknown


def test_a_recording_of_binance_gives_quotes_and_trades_that_agree() -> None:
    ticks = BinanceTicks()
    streams: Counter[str] = Counter()
    said: Counter[SpotKind] = Counter()
    bid = ask = outside = 0
    with gzip.open(SHARED / "data" / "binance_btcusdt" / "btcusdt_20240808.gz", "rb") as lines:
        for line in lines:
            received_ns, _, raw = line.partition(b" ")
            streams[json.loads(raw).get("stream", "@answer").partition("@")[2]] += 1
            for tick in ticks.take(raw, int(received_ns) // 1000):
                said[tick.kind] += 1
                if tick.kind is SpotKind.QUOTE:
                    bid, ask = tick.bid, tick.ask
                elif bid:
                    outside += not bid * 0.999 < tick.price < ask * 1.001
    assert streams.total() == 41_249
    assert dict(ticks.unknown) == {"answer": streams["answer"]} == {"answer": 1}  # one REST book among them
    assert said == {SpotKind.QUOTE: streams["bookTicker"], SpotKind.TRADE: streams["trade"]}
    assert ticks.late == 0
    assert outside == 0
