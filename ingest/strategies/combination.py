"""Legs that together pay a known amount whatever happens: taken when they cost less than that, each on its own side.

Equal shares of each, as only the matched share is certain. Each leg's limit is the worst level its size walks, its cost
the exact walk with its own venue's rounded fees. The legs go out in the order that `domain.sequence` finds best.

Where the best prices alone cost no less than the payoff there is nothing to have: `ceiling` says so to the engine,
which then does not ask.

What a dollar could have earned elsewhere until the legs pay is a cost too: `Carry` says what each dollar locked must
earn besides the margin. It rises with the time until the market's result, which is known to the day at best, so it is
counted in whole hours.
"""

from __future__ import annotations

import hashlib
import math
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from domain.book import Book
from domain.depth import SetTerms, TakerFees, Walk, set_quote
from domain.intent import BookEvidence, Intent, IntentLeg, LegPolicy, canonical
from domain.market import MarketSpec
from domain.money import MICRO, ceil_div, from_micros, from_picos, to_micros
from domain.orders import Side
from domain.sequence import best_order
from ingest.strategies.legging import risk_of
from ingest.strategy import Proposal
from ingest.view import View
from venues.registry import adapter_of

_HOUR_US = 3_600 * MICRO
_YEAR_HOURS = 8_760


@dataclass(frozen=True, slots=True)
class Combination:
    """One share of each market, bought or sold, pays `payoff` dollars at least, shares sold paying the negative.

    `pair` names it: intents, halts and the count of open trades go by that. `set_id` is the venue's id of the complete
    set that the legs form, `claim` the version of the equivalence record that the payoff rests on; empty for none.
    """

    pair: str
    markets: tuple[MarketSpec, ...]
    sides: tuple[Side, ...]
    payoff: Decimal
    set_id: str = ""
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Carry:
    """What money that is locked must earn: `hurdle` a year as a fraction of itself, for `lock_days` where no market of
    the combination says when its result is known."""

    hurdle: Decimal = Decimal(0)
    lock_days: Decimal = Decimal(0)

    def ppm(self, markets: Sequence[MarketSpec], at: int) -> int:
        """Millionths of each dollar locked at `at` (microseconds) until the last of `markets` pays, rounded up."""
        resolves = max(spec.resolves_at for spec in markets)
        known = resolves and all(spec.resolves_at for spec in markets)
        hours = ceil_div(max(resolves - at, 0), _HOUR_US) if known else int(self.lock_days * 24)
        return ceil_div(to_micros(self.hurdle) * hours, _YEAR_HOURS)


@dataclass(frozen=True, slots=True)
class Sizing:
    """How much of a combination is taken, and what it must leave: see `domain.limits`."""

    margin: Decimal
    min_size: Decimal
    max_size: Decimal
    ttl_ms: int


class CombinationStrategy:
    """One combination, with its parameters in scaled integers. Views show its books in the order of its markets."""

    features: tuple[str, ...] = ()
    """None: only books are looked at."""

    def __init__(  # noqa: PLR0917 - what is taken, by which rules, and under which name and version
        self, what: Combination, sizing: Sizing, policy: LegPolicy, name: str, version: str, carry: Carry | None = None
    ) -> None:
        markets = what.markets
        self.what = what
        self.name = name
        self.version = version
        self.pair = what.pair
        self.markets = markets
        self.sides = what.sides
        self.min_size = to_micros(max(sizing.min_size, *(spec.min_size for spec in markets)))
        self.terms = SetTerms(
            payoff=to_micros(what.payoff),
            margin=to_micros(sizing.margin),
            max_size=to_micros(sizing.max_size),
            step=math.lcm(*(to_micros(spec.size_step) for spec in markets)),
            sides=what.sides,
            fees=tuple(TakerFees.of(spec.fees) for spec in markets),
            notionals=_notionals(markets),
        )
        self.ceiling: int | None = self.terms.payoff
        self._lasts = sizing.ttl_ms * 1000
        self._policy = replace(policy, dust=max(policy.dust, least_dust(markets)))
        self._carry = carry if carry is not None and carry.hurdle else None
        self._carried_at = -1

    def on_event(self, view: View) -> Proposal | None:
        """What could be had now at the parameters' margin, whatever state the books are in. The time matters only where
        money that is locked must earn something."""
        if self._carry is not None and view.at // _HOUR_US != self._carried_at:
            self._carried_at = view.at // _HOUR_US
            self.terms = replace(self.terms, carry=self._carry.ppm(self.markets, view.at))
        quote = set_quote(view.books, self.terms, view.walk)
        return None if quote is None else Proposal(quote)

    def intent(self, view: View, proposal: Proposal) -> Intent:
        """The decision to take what `on_event` proposed on this view."""
        at, quote = view.at, proposal.quote
        legs = list(zip(self.markets, self.sides, view.books, quote.walks, strict=True))
        risks = [risk_of(book, walk, side, spec, at) for spec, side, book, walk in legs]
        legs = [legs[n] for n in best_order(risks, quote.edge)]
        named = zip(string.ascii_uppercase, legs, strict=False)
        return Intent(
            strategy=self.name,
            strategy_version=self.version,
            pair=self.pair,
            legs=tuple(_leg(name, spec, side, walk) for name, (spec, side, _, walk) in named),
            payoff=from_micros(self.terms.payoff),
            edge=from_picos(quote.edge),
            decided_at=at,
            expires_at=at + self._lasts,
            policy=self._policy,
            evidence=tuple(_evidence(book) for _, _, book, _ in legs),
            set_id=self.what.set_id,
            claim=self.what.claim,
        )


def least_dust(markets: Sequence[MarketSpec]) -> Decimal:
    """Shares of these markets that no order can ever be for: less than a lot a leg beyond what all legs have, where a
    venue fills in finer parts than its lots, as Polymarket does in millionths. Zero where none does."""
    lots = [spec.size_step for spec in markets]
    finer = any(adapter_of(spec.venue).fills_finer for spec in markets)
    return max(lots) * (len(lots) - 1) if finer else Decimal(0)


def version_of(logic: str, *parameters: Any) -> str:
    """The logic's number and eight hex digits over every parameter: equal versions decide alike on equal books."""
    content = "".join(canonical(one) for one in parameters)
    return f"{logic}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def _notionals(markets: Sequence[MarketSpec]) -> tuple[int, ...]:
    """Each leg's least worth in micros of a dollar; empty where no venue asks for any."""
    least = tuple(to_micros(spec.min_notional) for spec in markets)
    return least if any(least) else ()


def _leg(name: str, spec: MarketSpec, side: Side, walk: Walk) -> IntentLeg:
    limit = from_micros(walk.worst)
    return IntentLeg(
        name=name,
        venue=spec.venue,
        market=spec.market,
        side=side,
        size=from_micros(walk.filled),
        limit=limit,
        expected_cost=from_picos(walk.outlay(side)),
        fees=spec.fees,
        tick=spec.step_at(limit),
        bands=spec.price_ranges if len(spec.price_ranges) > 1 else (),
        min_size=spec.min_size,
        lot=spec.size_step,
    )


def _evidence(book: Book) -> BookEvidence:
    return BookEvidence(
        market=book.market,
        bid=None if book.best_bid is None else from_micros(book.best_bid),
        ask=None if book.best_ask is None else from_micros(book.best_ask),
        version=book.version,
        exchange_at=book.exchange_at,
        received_at=book.received_at,
    )
