"""What the firewall refuses of recorded five- and fifteen-minute markets, and that no false edge gets through it."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from domain.decisions import Gate
from domain.features.touch import Touch
from domain.money import MICRO, to_micros
from ingest.firewall import PairFirewall, QuoteLimits
from tests.places import SHARED_FOLDER

SHARED = SHARED_FOLDER / "data"
CENT = 10_000

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="recordings are not in ../shared/data"),
]

Pair = tuple[str, Touch, Touch]


def touch(bid: str, bid_size: str, ask: str, ask_size: str, at: int) -> Touch:
    """A side of price 0 was empty, or its request failed."""
    bid_price, ask_price = to_micros(bid or "0"), to_micros(ask or "0")
    sizes = (to_micros(bid_size or "0"), to_micros(ask_size or "0"))
    return Touch(bid_price or None, sizes[0] if bid_price else 0, ask_price or None, sizes[1] if ask_price else 0, at)


def micros(time: str) -> int:
    return round(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1e6)


def fifteen_minutes() -> Iterator[Pair]:
    for path in sorted((SHARED / "polymarket_updown_15m").glob("market_data_*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                at = micros(row["Timestamp"])
                up, down = (
                    touch(row[f"{s}Bid"], row[f"{s}BidLiquidity"], row[f"{s}Ask"], row[f"{s}AskLiquidity"], at)
                    for s in ("Up", "Down")
                )
                yield path.name + row["TargetTime"], up, down


def five_minutes() -> Iterator[Pair]:
    path = SHARED / "polymarket_btc_5m" / "polymarket_data.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            at = micros(row["timestamp"])
            up, down = (
                touch(row[f"bid_{s}"], row[f"bid_depth_{s}"], row[f"ask_{s}"], row[f"ask_depth_{s}"], at)
                for s in ("up", "down")
            )
            yield row["market_slug"], up, down


def judged(rows: Iterator[Pair]) -> tuple[int, int, Counter[Gate]]:
    """Rows, false edges among them, refusals by gate. An edge that is believed fails."""
    walls: dict[str, PairFirewall] = {}
    seen = edges = 0
    refusals: Counter[Gate] = Counter()
    for market, up, down in rows:
        seen += 1
        wall = walls.setdefault(market, PairFirewall(CENT, QuoteLimits()))
        prices = (up.best_bid, up.best_ask, down.best_bid, down.best_ask)
        if any((price or 0) % CENT for price in prices):
            # Near 0 and 1 the venue makes the grid finer and says so; these recordings only show it.
            wall.yes.tick = wall.no.tick = CENT // 10
        refused = wall.update(up, down)
        if refused is not None:
            refusals[refused.gate] += 1
        if up.best_ask and down.best_ask and up.best_ask + down.best_ask < MICRO:
            edges += 1
            assert refused is not None, (market, up, down)
    return seen, edges, refusals


def test_no_edge_between_two_tokens_polled_in_turn_is_believed() -> None:
    seen, edges, refusals = judged(fifteen_minutes())
    assert seen > 60_000
    assert edges > 3_000
    assert 0.55 < sum(refusals.values()) / seen < 0.65  # half of the rows are two views of two instants
    assert refusals[Gate.MIRRORED] > 0.4 * seen
    assert refusals[Gate.DEGENERATE] > 0.1 * seen  # a side that is empty, mostly at a window's end
    assert 0 < refusals[Gate.IMPOSSIBLE] < 0.01 * seen  # rows in no order
    assert 0 < refusals[Gate.JUMP] + refusals[Gate.ARTEFACT] < 0.02 * seen


def test_rows_of_a_recorder_that_asks_for_both_tokens_at_once_are_mostly_believed() -> None:
    seen, edges, refusals = judged(five_minutes())
    assert (seen, edges) == (378, 0)
    assert sum(refusals.values()) < 0.12 * seen
    assert set(refusals) <= {Gate.MIRRORED, Gate.JUMP, Gate.ARTEFACT, Gate.DEGENERATE}
