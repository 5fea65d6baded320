"""What a day of Chainlink's BTC/USD proves: exact ticks settle every market, and one-second returns mislead."""

from __future__ import annotations

import csv
import gzip
import json

import pytest

from domain.features.volatility import Sampling, realised_volatility
from domain.spot import ATTO
from tests.places import SHARED_FOLDER

SHARED = SHARED_FOLDER / "data" / "chainlink_btc"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="recordings are not in ../shared/data"),
]


@pytest.fixture(scope="module")
def ticks() -> dict[int, int]:
    """Exchange time in microseconds to attos; the last of equal times."""
    with gzip.open(SHARED / "BTCUSD-prices-2026-06-08.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return {int(row["feed_ts_ms"]) * 1000: int(row["full_accuracy_value"]) for row in csv.DictReader(lines)}


def test_the_tick_at_the_end_against_the_strike_gives_every_official_outcome(ticks: dict[int, int]) -> None:
    agreed = checked = 0
    with gzip.open(SHARED / "BTC-5m-markets-2026-06-08.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            market = json.loads(line)
            if not market["resolved"] or not market["strike_value"]:
                continue
            closing = ticks.get(market["end_sec"] * 1_000_000)
            if closing is None:
                continue
            checked += 1
            up = closing >= int(market["strike_value"])
            agreed += market["outcome_prices"] == (["1", "0"] if up else ["0", "1"])
    assert (agreed, checked) == (280, 280)


def test_returns_of_one_second_show_half_of_the_variance(ticks: dict[int, int]) -> None:
    times = sorted(ticks)
    prices = [ticks[at] / ATTO for at in times]
    window = 86_000_000_000
    sigmas = []
    for seconds in (1, 30, 300):
        sampling = Sampling(horizon=seconds * 1_000_000, window=window)
        sigma = realised_volatility(times, prices, sampling)
        assert sigma.valid
        sigmas.append(sigma.value)
    second, half_minute, five_minutes = sigmas
    # Seen on this day: 2.14 and 1.90 times the variance.
    assert (half_minute / second) ** 2 > 2.0
    assert (five_minutes / second) ** 2 > 1.8
