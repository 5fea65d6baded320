"""Every outcome of an event at once: bought when all of them cost less than the one that wins will pay, or sold when
they bring more than that.

Equal shares of each, as only the matched share is certain. Each leg's limit is the worst level its size walks, its cost
the exact walk with the venue's rounded fees. Two outcomes are the strategy `pair`, more are `basket`: one code, two
names, so that people can halt and count them apart. The legs go out in the order that `domain.sequence` finds best.
"""

from __future__ import annotations

import hashlib
import math
import string
from collections.abc import Sequence

from domain.book import Book
from domain.depth import SetQuote, SetTerms, Walk, set_quote
from domain.intent import BookEvidence, Intent, IntentLeg, LegPolicy, canonical
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec
from domain.money import from_micros, from_picos, to_micros
from domain.orders import Side
from domain.sequence import best_order
from ingest.sets import OutcomeSet
from ingest.strategies.legging import risk_of

_LOGIC = "2"
"""Raised when the same books and parameters would give another intent."""


class BasketStrategy:
    """One set and one side of it, with its parameters in scaled integers. Books come in the order of the set."""

    def __init__(
        self, outcomes: OutcomeSet, params: SetParams, limits: GateLimits, policy: LegPolicy, side: Side = Side.BUY
    ) -> None:
        markets = outcomes.markets
        self.outcomes = outcomes
        self.name = "pair" if len(markets) == 2 else "basket"
        self.side = side
        self.version = version(params, limits)
        self.min_size = to_micros(max(params.min_size, *(spec.min_size for spec in markets)))
        self.terms = SetTerms(
            side=side,
            payoff=to_micros(markets[0].payoff),
            margin=to_micros(params.margin),
            max_size=to_micros(params.max_size),
            step=math.lcm(*(to_micros(spec.size_step) for spec in markets)),
            rates=tuple(to_micros(spec.fees.taker) for spec in markets),
            units=tuple(to_micros(spec.fees.unit) for spec in markets),
        )
        self._lasts = params.ttl_ms * 1000
        self._policy = policy
        sets = {spec.set_id for spec in markets}
        self._set_id = sets.pop() if side is Side.BUY and len(sets) == 1 else ""

    def quote(self, books: Sequence[Book]) -> SetQuote | None:
        """What could be had now at the parameters' margin, whatever state the books are in."""
        return set_quote(books, self.terms)

    def intent(self, books: Sequence[Book], quote: SetQuote, at: int) -> Intent:
        """The decision to take `quote`, made at `at` (exchange time of the deciding event, microseconds)."""
        sides = list(zip(self.outcomes.markets, books, quote.walks, strict=True))
        risks = [risk_of(book, walk, self.side, spec, at) for spec, book, walk in sides]
        sides = [sides[n] for n in best_order(risks, quote.edge)]
        named = zip(string.ascii_uppercase, sides, strict=False)
        return Intent(
            strategy=self.name,
            strategy_version=self.version,
            pair=self.outcomes.name,
            legs=tuple(self._leg(name, spec, walk) for name, (spec, _, walk) in named),
            payoff=from_micros(self.terms.signed_payoff),
            edge=from_picos(quote.edge),
            decided_at=at,
            expires_at=at + self._lasts,
            policy=self._policy,
            evidence=tuple(_evidence(book) for _, book, _ in sides),
            set_id=self._set_id,
        )

    def _leg(self, name: str, spec: MarketSpec, walk: Walk) -> IntentLeg:
        limit = from_micros(walk.worst)
        return IntentLeg(
            name=name,
            venue=spec.venue,
            market=spec.market,
            side=self.side,
            size=from_micros(walk.filled),
            limit=limit,
            expected_cost=from_picos(walk.cost if self.side is Side.BUY else -walk.proceeds),
            fees=spec.fees,
            tick=spec.step_at(limit),
            min_size=spec.min_size,
            lot=spec.size_step,
        )


def version(params: SetParams, limits: GateLimits) -> str:
    """The logic's number and eight hex digits over every parameter: equal versions decide alike on equal books."""
    content = canonical(params) + canonical(limits)
    return f"{_LOGIC}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def _evidence(book: Book) -> BookEvidence:
    return BookEvidence(
        market=book.market,
        bid=None if book.best_bid is None else from_micros(book.best_bid),
        ask=None if book.best_ask is None else from_micros(book.best_ask),
        version=book.version,
        exchange_at=book.exchange_at,
        received_at=book.received_at,
    )
