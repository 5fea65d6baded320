"""The frozen decision to trade. Its id is a pure function of its content, so a decision made twice is one trade."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from domain.fees import FeeModel, FeeSchedule
from domain.later import LATER, later
from domain.market import PriceRange, Venue, floored, raised
from domain.money import plain
from domain.orders import Side, TimeInForce

_MOST_UNITS = 100  # levels whose rounding a worst cost allows for
_WORST_FEE_PRICE = Decimal("0.5")  # p(1 − p) is largest there


@dataclass(frozen=True, slots=True)
class BookEvidence:
    """The book a decision was made on: top of book, version, exchange and receive time in microseconds."""

    market: str
    bid: Decimal | None
    ask: Decimal | None
    version: int
    exchange_at: int
    received_at: int


@dataclass(frozen=True, slots=True)
class IntentLeg:
    """One side of the trade. `limit` is the worst price planned for; `expected_cost` all-in dollars for `size`.

    A leg that sells is held short: its cash is received at once and its payout given back at resolution.
    `tif`, `post_only` and `rest_ms` are the style of the leg's first order: one that rests (GTC) is left in the book
    for at most `rest_ms` milliseconds and then cancelled; every later order of the leg is IOC.
    `min_size` and `lot` are the venue's rules for any order on this market, in shares. `tick` is the step of its grid
    at the limit; `bands` is the whole grid where the step is not the same everywhere, empty where it is.
    """

    name: str
    venue: Venue
    market: str
    side: Side
    size: Decimal
    limit: Decimal
    expected_cost: Decimal
    fees: FeeSchedule
    tick: Decimal = Decimal("0.01")
    tif: TimeInForce = TimeInForce.IOC
    post_only: bool = False
    rest_ms: int = 0
    min_size: Decimal = Decimal("0.01")
    lot: Decimal = Decimal("0.01")
    bands: tuple[PriceRange, ...] = later(())

    def worst_outlay(self, slack: Decimal) -> Decimal:
        """Dollars that filling this leg can lock at most: price or collateral, never above one a share, and fees.

        An order sized in collateral buys more shares at a better price: dearest in fees where they cost least.
        """
        price = min(self.limit + slack if self.side is Side.BUY else 1 - self.limit + slack, Decimal(1))
        fees = self.fees.trade_fee(_WORST_FEE_PRICE, self.size)
        if self.fees.model is FeeModel.POLYMARKET and self.side is Side.BUY:
            fees = max(fees, self.fees.taker * price * self.size)
        return price * self.size + fees + self.fees.unit * _MOST_UNITS

    def within(self, slack: Decimal) -> Decimal:
        """The limit, worse by `slack` dollars at most, on the market's grid."""
        if self.bands:
            buying = self.side is Side.BUY
            price = floored(self.bands, self.limit + slack) if buying else raised(self.bands, self.limit - slack)
            return self.limit if price is None else price
        slack -= slack % self.tick
        if self.side is Side.BUY:
            return min(self.limit + slack, 1 - self.tick)
        return max(self.limit - slack, self.tick)


class Way(StrEnum):
    """What may be done with shares that stand alone."""

    COMPLETE = "complete"  # take what is missing on the other legs
    UNWIND = "unwind"  # give back what stands
    HOLD = "hold"  # keep it to the market's resolution


@dataclass(frozen=True, slots=True)
class LegPolicy:
    """What the lifecycle may do, pinned by the intent. Times in milliseconds, money in dollars.

    `leg_b_slack` is how many dollars a share the limit of a later leg may be worse than planned; `loss_budget` how
    much the whole repair of a residual may lose against break-even before the trade is parked as STUCK.
    `ways` are the repairs allowed. Holding is worth the book's middle less `hold_discount` dollars a share, and is
    taken only if the loss stays within the budget even if every held share ends worthless.
    A resting order is cancelled as soon as `rest_fill` shares of it have filled (0: with the first), or after its
    `rest_ms`. `settle_poll_ms` is the first, `settle_slowest_ms` the slowest pace of asking whether a market has paid.
    `most_orders` may leave without a person, those left out that the venue refused; any command renews them.
    """

    max_quote_age_ms: int = 500
    max_leg_delay_ms: int = 2_000
    leg_b_slack: Decimal = Decimal("0")
    loss_budget: Decimal = Decimal("5")
    ladder_ticks: tuple[int, ...] = (0, 1, 2, 4, 8)
    ladder_wait_ms: int = 250
    repair_deadline_ms: int = 60_000
    evidence_poll_ms: int = 100
    absence_grace_ms: int = 3_000
    unknown_deadline_ms: int = 600_000
    dust: Decimal = Decimal("0")
    ways: tuple[Way, ...] = (Way.COMPLETE, Way.UNWIND)
    hold_discount: Decimal = Decimal("0.05")
    rest_fill: Decimal = Decimal("0")
    settle_poll_ms: int = 5_000
    settle_slowest_ms: int = 900_000
    most_orders: int = later(40)


@dataclass(frozen=True, slots=True)
class Intent:
    """Two or more legs in the order they are to be sent: the scarcer one first. All legs have equal size.

    `decided_at` and `expires_at` are exchange time in microseconds since the epoch. `payoff` is what one share of
    every leg together pays for certain, shares held short paying the negative of theirs. `edge` is the expected
    profit in dollars after all fees. `set_id` is the venue's id of the complete set that the legs form, if it takes
    such sets back for their payoff; empty otherwise. `claim` is the id of the equivalence record the payoff rests on,
    where the legs' markets are the same claim only because a person has said so; empty otherwise.
    """

    strategy: str
    strategy_version: str
    pair: str
    legs: tuple[IntentLeg, ...]
    payoff: Decimal
    edge: Decimal
    decided_at: int
    expires_at: int
    policy: LegPolicy
    evidence: tuple[BookEvidence, ...]
    set_id: str = ""
    claim: str = later("")

    def __hash__(self) -> int:
        """Of a few fields that tell intents apart: what is derived from an intent is looked up many times a trade."""
        return hash((self.strategy, self.pair, self.decided_at))

    @property
    def id(self) -> str:
        """`i-` and 32 hex digits: SHA-256 over the canonical content."""
        return _id_of(self)

    @property
    def size(self) -> Decimal:
        return self.legs[0].size

    @property
    def planned_cost(self) -> Decimal:
        """All-in dollars the legs cost as planned."""
        return sum((leg.expected_cost for leg in self.legs), Decimal(0))

    @property
    def worst_cost(self) -> Decimal:
        """The most this trade may ever have out at once.

        As planned, limits with slack and fees. A repair may pay more than planned, up to break-even (the payoff)
        and the loss budget beyond it: the edge is not a cushion, it is the first thing a repair spends.
        """
        return _worst_cost_of(self)

    @property
    def venues(self) -> tuple[Venue, ...]:
        """Each venue once, in the order of the legs."""
        return tuple(dict.fromkeys(leg.venue for leg in self.legs))

    def worst_cost_at(self, venue: Venue) -> Decimal:
        """The most this trade may ever have out at one venue: a leg never costs more than a dollar a share and fees."""
        return self.worst_cost_of([leg for leg in self.legs if leg.venue is venue])

    def worst_cost_of(self, legs: Sequence[IntentLeg]) -> Decimal:
        """The most this trade may ever have out on some of its legs."""
        if len(legs) == len(self.legs):
            return self.worst_cost
        return min(self.worst_cost, sum((leg.worst_outlay(Decimal(1)) for leg in legs), Decimal(0)))


@lru_cache(maxsize=4096)
def _id_of(intent: Intent) -> str:
    """Asked for a dozen times a trade; equal intents have equal content, so one answer serves all."""
    return id_of(canonical(intent))


@lru_cache(maxsize=4096)
def _worst_cost_of(intent: Intent) -> Decimal:
    planned = sum((leg.worst_outlay(intent.policy.leg_b_slack) for leg in intent.legs), Decimal(0))
    shorts = sum(leg.side is Side.SELL for leg in intent.legs)  # each gives back a dollar of collateral
    return max(planned, (intent.payoff + shorts) * intent.size) + intent.policy.loss_budget


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, and plain, normalised decimals: equal content, equal text.

    A field that came later (`domain.later`) is left out while it holds its default: ids of older intents stay theirs.
    """
    return json.dumps(_simple(value), sort_keys=True, separators=(",", ":"))


def _simple(item: Any) -> Any:
    if is_dataclass(item):
        return {
            field.name: _simple(value)
            for field in fields(item)
            if (value := getattr(item, field.name)) != field.default or LATER not in field.metadata
        }
    if isinstance(item, Decimal):
        return plain(item.normalize() if item else Decimal(0))  # −0 equals 0
    if isinstance(item, (tuple, list)):
        return [_simple(one) for one in item]
    if item is None or isinstance(item, (str, int, bool)):
        return item
    raise TypeError(f"{type(item).__name__} has no canonical form")


def id_of(text: str) -> str:
    """The id of the intent whose canonical text this is."""
    return "i-" + hashlib.sha256(text.encode()).hexdigest()[:32]
