"""The bench's own arithmetic and input; its figures are measured, never asserted."""

from __future__ import annotations

from decimal import Decimal

from domain.book import Book
from domain.decisions import Gate
from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from ingest.sets import OutcomeSet
from ingest.strategies.basket import BasketStrategy
from ingest.view import View
from proof.bench.figures import percentiles
from proof.bench.sessions import deep, waves
from recording.replay import replay
from recording.sources.session import BookReset


def test_percentiles_are_samples_by_nearest_rank_and_the_last_permille_needs_a_thousand() -> None:
    assert percentiles([3.0, 1.0, 2.0]) == {"p50": 2.0, "p99": 3.0, "max": 3.0, "n": 3}
    thousand = percentiles([float(n) for n in range(1000)])
    assert (thousand["p50"], thousand["p99"], thousand["p99.9"]) == (500.0, 990.0, 999.0)
    assert percentiles([]) == {"n": 0}


def test_the_deep_books_offer_the_largest_trade_the_strategy_may_make() -> None:
    session = deep()
    books = []
    for event in session.events():
        assert isinstance(event, BookReset)
        book = Book(event.market)
        book.reset(event.yes, event.no, event.at, event.at)
        books.append(book)
    params = SetParams()
    strategy = BasketStrategy(OutcomeSet(session.markets), params, GateLimits(), LegPolicy())
    view = View(books, session.start)
    seen = strategy.on_event(view)
    assert seen is not None
    intent = strategy.intent(view, seen)
    assert intent.size == params.max_size
    assert sum((leg.limit for leg in intent.legs), Decimal(0)) == Decimal("0.94")


def test_every_wave_is_decided_on_and_no_book_is_ever_too_old() -> None:
    result = replay(waves(10), trade_ms=100)
    assert len(result.intents) >= 10
    assert set(result.suppressed) <= {Gate.OPEN_TRADE}
