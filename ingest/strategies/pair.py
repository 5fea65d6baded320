"""The two-market pair: buy YES of both markets of a game when all of it together costs less than the certain payoff.

Equal shares on both legs, as only the matched share is certain. Each leg's limit is the worst level its size walks,
its cost the exact walk with the venue's rounded fees. The scarcer leg goes first: the one with fewer shares standing
at its limit or better, and between equals the busier book, whose levels go faster. (A leg that is gone by the time
it is asked for costs nothing when it is the first, and an unhedged position when it is the second.)
"""

from __future__ import annotations

import hashlib

from domain.book import Book
from domain.depth import PairQuote, PairTerms, Walk, pair_quote
from domain.intent import BookEvidence, Intent, IntentLeg, LegPolicy, canonical
from domain.limits import GateLimits, PairParams
from domain.market import MarketSpec
from domain.money import from_micros, from_picos, to_micros
from domain.orders import Side
from ingest.pairs import Pair

NAME = "pair"
_LOGIC = "1"
"""Raised when the same books and parameters would give another intent."""


class PairStrategy:
    """One pair's strategy, with its parameters in scaled integers."""

    def __init__(self, pair: Pair, params: PairParams, limits: GateLimits, policy: LegPolicy) -> None:
        self.pair = pair
        self.params = params
        self.policy = policy
        self.version = version(params, limits)
        self.payoff = to_micros(pair.a.payoff)
        self.min_size = to_micros(max(params.min_size, pair.a.min_size, pair.b.min_size))
        self.terms = PairTerms(
            payoff=self.payoff,
            margin=to_micros(params.margin),
            max_size=to_micros(params.max_size),
            step=to_micros(max(pair.a.size_step, pair.b.size_step)),
            rate_a=to_micros(pair.a.fees.taker),
            rate_b=to_micros(pair.b.fees.taker),
            unit_a=to_micros(pair.a.fees.unit),
            unit_b=to_micros(pair.b.fees.unit),
        )

    def quote(self, a: Book, b: Book) -> PairQuote | None:
        """What could be bought now at the parameters' margin, whatever state the books are in."""
        return pair_quote(a, b, self.terms)

    def intent(self, a: Book, b: Book, quote: PairQuote, at: int) -> Intent:
        """The decision to buy `quote`, made at `at` (exchange time of the deciding event, microseconds)."""
        sides = [(self.pair.a, a, quote.a), (self.pair.b, b, quote.b)]
        sides.sort(key=lambda side: (_available(side[1], side[2]), -side[1].version))
        return Intent(
            strategy=NAME,
            strategy_version=self.version,
            pair=self.pair.name,
            legs=tuple(self._leg(name, spec, walk) for name, (spec, _, walk) in zip(("A", "B"), sides, strict=True)),
            payoff=self.pair.a.payoff,
            edge=from_picos(quote.edge),
            decided_at=at,
            expires_at=at + self.params.ttl_ms * 1000,
            policy=self.policy,
            evidence=tuple(_evidence(book) for _, book, _ in sides),
        )

    def _leg(self, name: str, spec: MarketSpec, walk: Walk) -> IntentLeg:
        limit = from_micros(walk.worst)
        return IntentLeg(
            name=name,
            venue=spec.venue,
            market=spec.market,
            side=Side.BUY,
            size=from_micros(walk.filled),
            limit=limit,
            expected_cost=from_picos(walk.cost),
            fees=spec.fees,
            tick=spec.step_at(limit),
        )


def version(params: PairParams, limits: GateLimits) -> str:
    """The logic's number and eight hex digits over every parameter: equal versions decide alike on equal books."""
    content = canonical(params) + canonical(limits)
    return f"{_LOGIC}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def _available(book: Book, walk: Walk) -> int:
    return sum(size for price, size in book.ask_levels() if price <= walk.worst)


def _evidence(book: Book) -> BookEvidence:
    return BookEvidence(
        market=book.market,
        bid=None if book.best_bid is None else from_micros(book.best_bid),
        ask=None if book.best_ask is None else from_micros(book.best_ask),
        version=book.version,
        exchange_at=book.exchange_at,
        received_at=book.received_at,
    )
