"""What recordings of Polymarket prove: the rebuilt book is the venue's own, and two views of one market are no edge."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby, pairwise

import pytest

from domain.book import Book
from domain.decisions import Gate, Suppression
from domain.fees import FeeModel, FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from domain.money import to_micros
from ingest.engine import Engine
from ingest.gates import mirrored
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from tests.places import SHARED_FOLDER
from venues.market_events import Doubt
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange

SHARED = SHARED_FOLDER / "data"
CONDITION = "0x" + "ab" * 32
HOUR = 3_600_000_000

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="recordings are not in ../shared/data"),
]


@dataclass(frozen=True)
class Row:
    at: int
    kind: str
    bid: bool
    price: int
    size: int
    best_bid: int
    best_ask: int


def rows(name: str) -> Iterator[Row]:
    """The book rows of one token, in the order of the file."""
    path = SHARED / "polymarket_nba_mvp" / f"Polymarket_{name}.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for said in csv.DictReader(lines):
            if said["event_type"] == "last_trade_price":
                continue
            at = round(datetime.fromisoformat(said["timestamp"]).timestamp() * 1000) * 1000
            figures = [to_micros(said[name]) for name in ("price", "size", "best_bid", "best_ask")]
            yield Row(at, said["event_type"], said["side"] == "BUY", *figures)


class Rebuilt:
    """The engine's book of one recorded token. The recorder cut snapshots to the top, so one is sent as the believed
    levels behind that top; a snapshot asked for is sent with the best prices the venue carried."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.doubts: list[Doubt] = []
        spec = MarketSpec(Venue.POLYMARKET, name, CONDITION, name, FeeSchedule(model=FeeModel.POLYMARKET), outcomes=2)
        other = MarketSpec(Venue.POLYMARKET, name + "-other", CONDITION, "", spec.fees, outcomes=2)
        self.engine = Engine(
            baskets([OutcomeSet((spec, other))], SetParams(), GateLimits(), LegPolicy()),
            GateLimits(),
            lambda intent: None,
            lambda suppression: None,
            on_gapped=lambda venue, markets, doubt: self.doubts.append(doubt),
        )

    @property
    def book(self) -> Book:
        return self.engine.feed(Venue.POLYMARKET).books[self.name]

    def play(self) -> tuple[int, int, int]:
        """(frames of changes that came on a believed book, those among them after which its best prices were not yet
        the carried ones and a snapshot of the same instant made them so, those that nothing made so)."""
        believed = late = wrong = last = 0
        for (at, kind), group in groupby(rows(self.name), key=lambda row: (row.at, row.kind)):
            together = list(group)
            waiting = self.book.unsettled
            if waiting and kind == "book":
                assert at == last, "a snapshot of a later instant would hide that the one before was never settled"
            if at - last > HOUR:
                self.engine.on_state(False, "a gap of the recording", Venue.POLYMARKET)
                self.engine.on_state(True, "after it", Venue.POLYMARKET)
                waiting = False
            if kind == "book":
                for one, other in pairwise([*together, None]):
                    if one is not None and (other is None or other.bid):
                        self._snapshot(one)
                        assert self._agrees(one)
                        assert not self.book.unsettled
                        assert not self.book.gapped
                late += waiting
            elif self.book.ready:
                believed += 1
                changes = [LevelChange(self.name, r.bid, r.price, r.size, r.best_bid, r.best_ask) for r in together]
                self.engine.on_frame(frames.price_change(CONDITION, changes, at), at, Venue.POLYMARKET)
                assert self.book.gapped == (waiting and at > last), "doubted when its instant is over, and only then"
                if self.book.gapped:
                    wrong += 1
                    self._snapshot(together[-1])
                assert self.book.unsettled != self._agrees(together[-1])
            last = at
        return believed, late, wrong

    def _agrees(self, row: Row) -> bool:
        return (self.book.best_bid, self.book.best_ask) == (row.best_bid, row.best_ask)

    def _snapshot(self, row: Row) -> None:
        bids = {price: size for price, size in self.book.bids.items() if price < row.best_bid}
        asks = {price: size for price, size in self.book.asks.items() if price > row.best_ask}
        bids[row.best_bid] = self.book.bids.get(row.best_bid, 1_000_000)
        asks[row.best_ask] = self.book.asks.get(row.best_ask, 1_000_000)
        if not self.book.ready:
            bids, asks = {row.best_bid: 1_000_000}, {row.best_ask: 1_000_000}
        raw = frames.book(CONDITION, self.name, bids.items(), asks.items(), row.at)
        self.engine.on_frame(raw, row.at, Venue.POLYMARKET)


@pytest.mark.parametrize(
    ("name", "least", "most_late", "most_wrong"),
    [
        ("Shai_YES", 11_000, 1, 0),
        ("Shai_NO", 11_000, 1, 0),
        ("Luka_YES", 3_400, 0, 2),
        ("Luka_NO", 3_400, 0, 2),
    ],
)
def test_our_best_prices_agree_with_those_the_venue_carries(
    name: str, least: int, most_late: int, most_wrong: int
) -> None:
    rebuilt = Rebuilt(name)
    believed, late, wrong = rebuilt.play()
    assert believed >= least
    assert late <= most_late
    assert wrong <= most_wrong
    assert rebuilt.doubts == [Doubt.BEST] * wrong


def quotes() -> Iterator[tuple[str, int, dict[str, tuple[int | None, int | None]]]]:
    """(window, second, best prices by side) of the recorder that polled one token after the other, in order of time."""
    seen: list[tuple[int, str, dict[str, tuple[int | None, int | None]]]] = []
    for path in sorted((SHARED / "polymarket_updown_15m").glob("market_data_*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for said in csv.DictReader(lines):
                at = datetime.strptime(said["Timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
                tops = {side: (price(said[f"{side}Bid"]), price(said[f"{side}Ask"])) for side in ("Up", "Down")}
                seen.append((int(at) * 1_000_000, said["TargetTime"], tops))
    for at, window, tops in sorted(seen, key=lambda item: item[0]):
        yield window, at, tops


def price(text: str) -> int | None:
    """Zero stands for an empty side or a request that failed."""
    return to_micros(text) if text and to_micros(text) else None


def test_two_views_of_one_market_polled_one_after_the_other_yield_nothing() -> None:
    intents: list[Intent] = []
    suppressed: list[Suppression] = []
    false_edges = 0
    engines: dict[str, Engine] = {}
    patient = GateLimits(max_book_age_ms=60_000, max_skew_ms=60_000)
    free = FeeSchedule(taker=Decimal(0), model=FeeModel.POLYMARKET)
    for window, at, tops in quotes():
        if window not in engines:
            specs = tuple(
                MarketSpec(Venue.POLYMARKET, mine, window, mine, free, outcomes=2, complement=other)
                for mine, other in (("Up", "Down"), ("Down", "Up"))
            )
            engines[window] = Engine(
                baskets([OutcomeSet(specs)], SetParams(), patient, LegPolicy()),
                patient,
                intents.append,
                suppressed.append,
            )
        images = []
        for side, (bid, ask) in tops.items():
            low = [(bid, 100_000_000)] if bid else []
            high = [(ask, 100_000_000)] if ask else []
            images.append(frames.book(window, side, low, high, at))
        engine = engines[window]
        engine.on_frame(frames.array(*images), at, Venue.POLYMARKET)
        books = engine.feed(Venue.POLYMARKET).books
        asks = books["Up"].best_ask, books["Down"].best_ask
        if asks[0] and asks[1] and asks[0] + asks[1] < 1_000_000:
            false_edges += 1
            assert not mirrored(books["Up"], books["Down"])
    for engine in engines.values():
        engine.finish()
    assert false_edges > 2_000
    assert intents == []
    assert {suppression.gate for suppression in suppressed} <= {Gate.MIRRORED, Gate.CROSSED}
    assert sum(suppression.gate is Gate.MIRRORED for suppression in suppressed) > 500
