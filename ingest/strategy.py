"""What the engine asks of a strategy: the seam between books that are believed and decisions made on them.

A strategy proposes; whether a proposal is taken is decided by the gates. It is pure: equal views give equal proposals
and intents, on any machine, in whatever order strategies are asked. It has no clock, does no I/O, draws no lots, and
keeps nothing but what it could compute again from the view it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from domain.claims import EquivalenceRecord
from domain.depth import SetQuote
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits
from domain.market import MarketSpec
from domain.orders import Side
from ingest.sets import OutcomeSet
from ingest.view import View


class Proposal(msgspec.Struct, frozen=True):
    """What could be had now: size, profit after all fees, and each leg's exact cost, in the order of the strategy's
    markets. `against` says what in its features the strategy holds against taking it now, for people; empty for
    nothing."""

    quote: SetQuote
    against: str = ""


class Strategy(Protocol):
    """One trade to look for: legs in `markets`, of one venue or of several, each taken on its side in `sides`.

    `name` is what halts and reports call it, `version` what its intents pin: equal versions decide alike. `pair` is
    what its trades are filed under: strategies of the same pair share its count of open trades. `min_size` is the least
    size worth an order, in micro-shares.

    `ceiling` spares work: where asks of what is bought less bids of what is sold are not below it (micros), or a side
    that is needed is empty, `on_event` is not called. None asks for every event of its markets.

    `features` names what of the first market's features the strategy stands on: while one of them is not valid, its
    proposals are seen, counted under the gate `features`, and not taken. All legs follow one spot, so one vector is
    enough.
    """

    name: str
    version: str
    pair: str
    markets: tuple[MarketSpec, ...]
    sides: tuple[Side, ...]
    min_size: int
    ceiling: int | None
    features: tuple[str, ...]

    def on_event(self, view: View) -> Proposal | None:
        """What could be had now, books in the order of `markets`, whatever state they are in; None for nothing."""
        ...

    def intent(self, view: View, proposal: Proposal) -> Intent:
        """The decision to take what `on_event` proposed on this very view; asked for when every gate is open."""
        ...


@dataclass(frozen=True, slots=True)
class Ground:
    """What there is to make strategies on: complete sets of outcomes, claims that may be traded (those that a recording
    declares count only if `paper`), and the rules of every instrument of either. `limits` are the gates' and part of
    every version, `policy` is pinned into every intent."""

    sets: tuple[OutcomeSet, ...]
    specs: tuple[MarketSpec, ...]
    claims: tuple[EquivalenceRecord, ...]
    limits: GateLimits
    policy: LegPolicy
    paper: bool = False
