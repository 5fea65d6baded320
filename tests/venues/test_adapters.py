"""What every venue's adapter promises, asked of each, and of the template that a new one begins from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pytest

from domain.errors import BadInput
from domain.fees import FeeSchedule
from domain.market import MarketSpec, Venue
from testing.template.adapter import ADAPTER as TEMPLATE
from testing.venue.exchange import FakeVenue
from venues.adapter import Account, VenueAdapter
from venues.book_feed import Counters, Told
from venues.kalshi import frames as kalshi
from venues.market_events import Doubt, Malformed
from venues.polymarket import frames as polymarket
from venues.registry import ADAPTERS, adapter_of

NOW = 1_780_000_000_000_000
CENT, SHARE = 10_000, 1_000_000
TOKEN = "1" * 70
CONDITION = "0x" + "ab" * 32
BIDS, ASKS = [(47 * CENT, 100 * SHARE)], [(49 * CENT, 100 * SHARE)]


@dataclass(frozen=True)
class Sample:
    """An adapter, one of its markets, and a frame that is the whole book of it: 0.47 bid, 0.49 asked."""

    adapter: VenueAdapter
    market: str
    snapshot: bytes


SAMPLES = [
    Sample(
        adapter_of(Venue.KALSHI),
        "KXGAME-A",
        kalshi.snapshot(1, 1, "KXGAME-A", BIDS, [(51 * CENT, 100 * SHARE)], yes_price=False),
    ),
    Sample(adapter_of(Venue.POLYMARKET), TOKEN, polymarket.book(CONDITION, TOKEN, BIDS, ASKS, NOW)),
    Sample(
        TEMPLATE,
        "T-A",
        b'{"market":"T-A","seq":1,"at_ms":1780000000000,"bids":[["0.47","100"]],"asks":[["0.49","100"]]}',
    ),
]

every_venue = pytest.mark.parametrize("sample", SAMPLES, ids=[str(each.adapter.venue) for each in SAMPLES])


def told(doubts: list[Doubt] | None = None) -> Told:
    def doubt(markets: object, venue: Venue, why: Doubt) -> None:
        if doubts is not None:
            doubts.append(why)

    return Told(doubt=doubt, news=lambda news: None, dead=lambda raw, why: None)


def fake(sample: Sample) -> FakeVenue:
    spec = MarketSpec(sample.adapter.venue, sample.market, "E", "A wins", FeeSchedule())
    return FakeVenue(lambda: NOW, {sample.market: spec}, Decimal(10), venue=sample.adapter.venue)


def test_an_adapter_is_found_by_its_venue_and_each_is_tried_here() -> None:
    assert [adapter_of(one.venue) for one in ADAPTERS] == list(ADAPTERS)
    assert {sample.adapter.venue for sample in SAMPLES} >= {one.venue for one in ADAPTERS}


@pytest.mark.parametrize("venue", [venue for venue in Venue if venue not in {one.venue for one in ADAPTERS}])
def test_a_venue_without_an_adapter_is_refused_by_its_name(venue: Venue) -> None:
    with pytest.raises(BadInput, match=venue.value):
        adapter_of(venue)


@every_venue
def test_a_snapshot_is_a_book_that_may_be_traded_on(sample: Sample) -> None:
    feed = sample.adapter.book_feed(Counters(), told(), yes_price=False)
    book = feed.watch(sample.market)
    assert not book.ready
    assert list(feed.take(sample.snapshot, NOW, 1)) == [book]
    assert (book.best_bid, book.best_ask, book.ready) == (47 * CENT, 49 * CENT, True)
    assert feed.venue is sample.adapter.venue


@every_venue
def test_a_market_nobody_watches_is_passed_over(sample: Sample) -> None:
    feed = sample.adapter.book_feed(Counters(), told(), yes_price=False)
    assert list(feed.take(sample.snapshot, NOW, 1)) == []
    assert feed.counters.passed_over == 1


@every_venue
@pytest.mark.parametrize("raw", [b"", b"\xff", b"{", b"[[[", b"null", b'"word"'])
def test_what_cannot_be_read_is_malformed_and_touches_no_book(sample: Sample, raw: bytes) -> None:
    feed = sample.adapter.book_feed(Counters(), told(), yes_price=False)
    book = feed.watch(sample.market)
    feed.take(sample.snapshot, NOW, 1)
    with pytest.raises(Malformed):
        feed.take(raw, NOW, 1)
    assert (book.best_bid, book.best_ask) == (47 * CENT, 49 * CENT)
    assert feed.damaged(raw, 1) == [sample.market]


@every_venue
def test_books_wait_for_a_snapshot_after_the_feed_was_down(sample: Sample) -> None:
    feed = sample.adapter.book_feed(Counters(), told(), yes_price=False)
    book = feed.watch(sample.market)
    feed.take(sample.snapshot, NOW, 1)
    feed.down()
    assert (feed.up, book.ready) == (False, False)
    feed.take(sample.snapshot, NOW, 2)
    assert book.ready


@every_venue
def test_a_lost_connection_and_time_are_taken_by_every_feed(sample: Sample) -> None:
    feed = sample.adapter.book_feed(Counters(), told(), yes_price=False)
    feed.watch(sample.market)
    feed.take(sample.snapshot, NOW, 1)
    feed.on_time(NOW + 1)
    feed.link_lost(1)


@every_venue
def test_a_frame_is_labelled_with_its_market(sample: Sample) -> None:
    assert sample.adapter.label(sample.snapshot).market == sample.market


@every_venue
def test_a_frame_without_a_label_raises_what_the_recorder_expects(sample: Sample) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError)):
        sample.adapter.label(b"[[[")


@every_venue
def test_a_dead_letter_is_read_again_by_todays_decoder(sample: Sample) -> None:
    assert sample.adapter.read_again(sample.snapshot, NOW).startswith("1 ")
    with pytest.raises(Malformed):
        sample.adapter.read_again(b"{", NOW)


@every_venue
def test_a_name_is_one_venues_alone(sample: Sample) -> None:
    assert sample.adapter.names(sample.market)
    if sample.adapter in ADAPTERS:
        assert [one for one in ADAPTERS if one.names(sample.market)] == [sample.adapter]


@every_venue
async def test_a_client_that_answers_the_port_alone_is_enough(sample: Sample) -> None:
    adapter, client = sample.adapter, fake(sample)
    checks = await adapter.checklist(client, Account(), [sample.market])
    assert all(check.verdict == "ok" for check in checks)
    assert isinstance(await adapter.rule_text(client, sample.market), str)
    permits = adapter.permits(client, lambda: NOW)
    found: Sequence[object] = [*await permits.missing([sample.market]), *await permits.early(sample.market)]
    assert found == []


@every_venue
def test_a_pause_is_known_without_asking(sample: Sample) -> None:
    known = [sample.adapter.known_pause(client, NOW) for client in (None, fake(sample))]
    assert known[0] == known[1]
