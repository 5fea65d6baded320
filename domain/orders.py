"""Orders: the ticket that fully determines the bytes sent, and the four ways a submit can end."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from domain.market import Venue

SETS = "*"
"""The leg name of orders on whole sets."""

# A fixed namespace makes ids a pure function of (intent, leg, attempt). Never change it: venues remember ids.
_ORDER_NAMESPACE = uuid.UUID("7d0c9c1e-52a0-5d6b-9f27-1f6f4f2d7a11")


class Side(StrEnum):
    """Direction on the YES instrument."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class TimeInForce(StrEnum):
    IOC = "immediate_or_cancel"
    FOK = "fill_or_kill"
    GTC = "good_till_canceled"
    GTD = "good_till_date"  # as GTC, and the venue itself ends it at the ticket's `expires_at`


class Purpose(StrEnum):
    """Why the order exists; part of the story, and of nothing the venue sees."""

    OPEN = "open"  # leg A
    HEDGE = "hedge"  # leg B as planned
    COMPLETE = "complete"  # take what is still missing on another leg
    UNWIND = "unwind"  # give back what stands alone
    MERGE = "merge"  # hand complete sets back to the venue for their payoff
    ADOPTED = "adopted"  # placed by a person elsewhere, and taken over as a leg's own

    @property
    def entry(self) -> bool:
        """Whether it opens exposure. All others close or bound what is open, and pass a halt."""
        return self is Purpose.OPEN


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """One order, complete: the venue's body is a pure function of this.

    `leg` is the leg's name in the intent ("A", "B"), or `SETS` for a merge, whose `market` is the set's id and whose
    `limit` is the payoff of one set. `attempt` counts orders of that leg from 1. An attempt number is used again only
    to send the same ticket again; a different order takes the next number. `foreign_id` is the client order id of an
    order that somebody else placed and the trade adopted: it was never sent from here. `decided_at` is the intent's
    (microseconds), for venues whose orders carry a time; `expires_at` (wall-clock microseconds) is set for GTD alone.
    """

    intent_id: str
    leg: str
    attempt: int
    purpose: Purpose
    venue: Venue
    market: str
    side: Side
    size: Decimal
    limit: Decimal
    tif: TimeInForce = TimeInForce.IOC
    post_only: bool = False
    foreign_id: str = ""
    decided_at: int = 0
    expires_at: int = 0

    @property
    def client_order_id(self) -> str:
        return self.foreign_id or client_order_id(self.intent_id, self.leg, self.attempt)

    @property
    def rests(self) -> bool:
        """Whether what does not fill at once stays in the book until it is cancelled."""
        return self.tif in (TimeInForce.GTC, TimeInForce.GTD)


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """The exact bytes of an order, and the id the venue will know it by where that follows from them; else empty."""

    body: bytes
    order_id: str = ""


@lru_cache(maxsize=65_536)  # asked for a dozen times an order
def client_order_id(intent_id: str, leg: str, attempt: int) -> str:
    """UUIDv5 of intent, leg and attempt: letters, digits and dashes only (a dot is refused by Kalshi)."""
    return str(uuid.uuid5(_ORDER_NAMESPACE, f"{intent_id}/{leg}/{attempt}"))


class Verdict(StrEnum):
    ACCEPTED = "accepted"  # the venue has it; `filled` says how much traded at once
    REJECTED = "rejected"  # the venue refused, provably without effect
    DENIED = "denied"  # we refused; nothing was sent
    UNKNOWN = "unknown"  # only evidence can tell


ALREADY_THERE = frozenset({"order_already_exists", "duplicated"})
"""Codes of an UNKNOWN result by which the venue itself says that an earlier copy of the order arrived."""

NO_ANSWER = frozenset({"no_answer", "timeout", "disconnected", "refused"})
"""Codes of an UNKNOWN result that nobody said anything: equal ones are no equal refusals."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The top of one market's book as the venue gave it: levels best first, (price, size) in dollars and shares.

    `asked_at` / `answered_at` are our wall clock in microseconds around the read.
    """

    market: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    asked_at: int
    answered_at: int


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """How one submit ended.

    `code` is a stable word (`stale`, `moved`, `late`, `order_already_exists`, `insufficient_balance`, `timeout`, …),
    `detail` a sentence for people. `landed` is set on UNKNOWN when the venue proved the order arrived (a duplicate
    answer) without saying what became of it: absence must then never be concluded.
    `sent` says whether bytes may have left. `quote` is what the recheck saw, if there was one.

    `paid` is what changed hands for `filled`, in dollars before fees and without a sign, and `fees_paid` what was
    charged for it: exactly as the venue states them, None where it does not. `average_price` and `average_fee` are
    shown to people; nothing is computed from them.
    """

    verdict: Verdict
    code: str = ""
    detail: str = ""
    order_id: str | None = None
    filled: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    average_price: Decimal | None = None
    average_fee: Decimal | None = None
    landed: bool = False
    sent: bool = True
    quote: Quote | None = None
    at: int = 0
    paid: Decimal | None = None
    fees_paid: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """Conditions checked in the same step that sends the order.

    `not_after` is a deadline in wall-clock microseconds. With `recheck`, the venue's book is read first and the
    order goes out only if the read took no longer than `max_quote_age_ms` and `min_depth` shares stand at the
    ticket's limit or better.
    """

    not_after: int
    recheck: bool = False
    max_quote_age_ms: int = 500
    min_depth: Decimal = Decimal(0)
