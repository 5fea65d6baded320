"""Why one strategy trades nothing now: found by asking it, and the gates, as if one of its books had just changed."""

from __future__ import annotations

from collections.abc import Mapping

from domain.market import Venue
from ingest.gates import explain, shut_gates
from ingest.guard import Guard
from ingest.readiness import Phase, Readiness, market_phase
from ingest.watched import Event, Watch
from ingest.why import LASTING, ONLY_WITH_AN_EDGE, MarketState, Reason
from venues.book_feed import Feed


def reason_of(
    watch: Watch, feeds: Mapping[Venue, Feed], guard: Guard, readiness: Readiness, now: int, *, busy: str = ""
) -> Reason:
    """The answer at `now` (our clock, µs). Changes nothing that a decision rests on."""
    strategy = watch.strategy
    cost = _cost(watch)
    watch.view.at = now
    proposal = strategy.on_event(watch.view) if cost is not None and cost < watch.ceiling else None
    quote, against = (proposal.quote, proposal.against) if proposal is not None else (None, "")
    event = Event(strategy.markets[0].venue, now, now)
    size = quote.size if quote is not None else strategy.min_size
    moment = watch.moment(event, size, guard, readiness, against, busy=busy)
    asked = [gate for gate in shut_gates(moment, watch.bounds) if quote is not None or gate not in ONLY_WITH_AN_EDGE]
    asked.sort(key=lambda gate: LASTING.index(gate) if gate in LASTING else len(LASTING))
    gates = tuple((gate, explain(gate, moment, watch.bounds)) for gate in asked)
    edge = quote.edge if quote is not None else None
    states = _states(watch, feeds, readiness, now)
    return Reason(strategy.name, strategy.pair, gates, cost, strategy.ceiling, edge, states)


def _cost(watch: Watch) -> int | None:
    """A share of each leg at the best prices, in micros; None where a side is empty."""
    asks = [book.best_ask for book in watch.buys]
    bids = [book.best_bid for book in watch.sells]
    if None in asks or None in bids:
        return None
    return sum(ask or 0 for ask in asks) - sum(bid or 0 for bid in bids)


def _states(watch: Watch, feeds: Mapping[Venue, Feed], readiness: Readiness, now: int) -> tuple[MarketState, ...]:
    stopping = readiness.phase is Phase.STOPPING
    return tuple(
        MarketState(
            spec,
            book.best_bid,
            book.best_ask,
            book.exchange_at,
            *market_phase(book, feeds[spec.venue], readiness.settle, now, stopping=stopping),
        )
        for spec, book in zip(watch.strategy.markets, watch.books, strict=True)
    )
