"""What a workflow hands to an activity: one frozen message per question, so histories stay readable and stable."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.evidence import ForeignOrder, OrderEvidence
from domain.intent import Intent
from domain.operator import Action, OperatorCommand
from domain.orders import Guard, OrderTicket
from domain.seal import Seal
from domain.trade import TradeRecord


@dataclass(frozen=True, slots=True)
class Origin:
    """By what right a trade asks. `chain` is Temporal's id of its workflow's first run, the same in all runs that
    continue it; `seal` that of the intent, None for a trade that began before there were any; `intent` is left out
    where the request carries it anyway."""

    chain: str = ""
    seal: Seal | None = None
    intent: Intent | None = None


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """Send one order. `opening` carries the intent with the first order of a trade: all legs are validated first."""

    ticket: OrderTicket
    guard: Guard
    opening: Intent | None = None
    origin: Origin = Origin()

    @property
    def intent(self) -> Intent | None:
        """The intent it belongs to, if it came along: not with what was asked before there were seals."""
        return self.opening if self.opening is not None else self.origin.intent


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """Ask the venue what became of one order; see `venues.port.VenueClient.evidence` for `sent_at` and `grace_ms`."""

    ticket: OrderTicket
    order_id: str | None
    sent_at: int
    grace_ms: int


@dataclass(frozen=True, slots=True)
class CancelRequest:
    ticket: OrderTicket
    order_id: str
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    venue: str
    market: str


@dataclass(frozen=True, slots=True)
class ResolutionRequest:
    """Ask the venue what a market has paid."""

    venue: str
    market: str


@dataclass(frozen=True, slots=True)
class LookUpRequest:
    """Ask the venue for an order of our account by its own id, for `intent_id` to adopt."""

    venue: str
    order_id: str
    intent_id: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """The order found, or why it cannot be adopted."""

    order: ForeignOrder | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class PositionRequest:
    """Ask what the account holds in one market, and whose that is, for `intent_id` to judge a count by."""

    venue: str
    market: str
    intent_id: str


@dataclass(frozen=True, slots=True)
class Position:
    """Signed shares of one market, at `at` (our clock, µs; asked before, so never fresher than that).

    `account` is what the venue says the account holds. `own` and `others` are what the ledger knows of it: this trade's
    fills and counts so far, and those of all other trades, fills that are nobody's included; paid-out shares are gone
    from all three. What this trade holds by the account's word is `account` − `others`. Neither side is the newest:
    a venue may cache a balance, and a trade under way may not have written its last fill.
    """

    venue: str
    market: str
    account: Decimal
    own: Decimal
    others: Decimal
    at: int = 0

    @property
    def left(self) -> Decimal:
        """What is left for this trade once all others have theirs."""
        return self.account - self.others


@dataclass(frozen=True, slots=True)
class SettleRequest:
    """Read the final word on every order of a trade at rest, and write the trade into the ledger.

    `record.state` says where it would rest: SETTLING while shares are held, CLOSED otherwise.
    """

    intent: Intent
    record: TradeRecord
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class Settlement:
    """The evidence behind a trade, order by order; `record` is what the ledger now holds.

    `agrees` is false when the venue counts other fills than the trade did: nothing was closed, the trade adopts
    the venue's counts and goes on. `final` is false while the venue may still void a fill: the trade was recorded as
    HEDGED and asks again.
    """

    agrees: bool
    evidence: tuple[OrderEvidence, ...]
    record: TradeRecord
    final: bool = True
    unsettled: str = ""  # why venue and ledger did not answer in time: nothing was compared; ask again


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """Write a trade that is not about to close (parked, waiting for a person) into the ledger."""

    intent: Intent
    record: TradeRecord
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Ask whether a command that came as a signal, or as a cancel of the workflow, carries our seal."""

    intent_id: str
    action: Action
    command: OperatorCommand
