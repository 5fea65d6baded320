"""All that a trade knows, as plain data: what a run is continued from, whatever the run before it raised.

Nothing here computes. `orders`, `commands`, `repair` and `tail` work on these objects in place, so at any moment the
state is whole and may be handed on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.evidence import Resolution
from domain.fees import FeeSchedule
from domain.intent import Way
from domain.market import Venue
from domain.operator import Action, CommandRecord, OperatorCommand
from domain.orders import OrderTicket, SubmitResult
from domain.trade import Entry, Outcome, Step, TradeState

EDITION = 4
"""Which decisions a trade makes. 1: those of before 2026-12, kept for trades that began then; 2: those of before orders
and commands were sealed; 3: those of before orders were held to bounds. A run learns its edition at its start."""

FIRST_BOUNDED = 4
"""The edition that holds orders to bounds, and asks two sources before anything is given back."""

_MOST_DIGITS = 60
_MOST = Decimal(10**12)

LATEST_STEPS = 300
FIRST_STEPS = 20


@dataclass(slots=True)
class OrderState:
    """One order. `filled` counts shares; `landed` says that the venue has it, `told` that the venue itself said so
    (it named the order, or called a copy a duplicate): then only evidence of the order, or a person, says otherwise.

    `sent_at` and `may_leave_until` are microseconds: when its last copy was sent, and until when one may still leave.
    `paid` and `fees_paid` are exact dollars as the venue stated them, `cash_known` the signed cash of its fills;
    `price` and `fee` are averages for people. `copies` counts what was sent, `refusals` equal refusals in a row whose
    words prove nothing (`refusal`).
    """

    ticket: OrderTicket
    fees: FeeSchedule
    rest_ms: int = 0
    result: SubmitResult | None = None
    order_id: str | None = None
    filled: Decimal = Decimal(0)
    settled: bool = False
    landed: bool = False
    final: bool = False  # the venue may void none of its fills any more
    sent_at: int = 0
    may_leave_until: int = 0
    price: Decimal | None = None
    fee: Decimal | None = None  # a share
    cash_known: Decimal | None = None
    paid: Decimal | None = None
    fees_paid: Decimal | None = None
    told: bool = False
    copies: int = 0
    refusal: str = ""
    refusals: int = 0
    absent: bool = False  # the last look proved that the venue's list lacks it
    cost_asked: bool = False
    doubted: bool = False  # its count is beyond what was signed, and the position did not bear it out
    commands: int = 0  # how many had been taken when it was decided
    borne_out: Decimal | None = None  # the count that the account's position bore out
    fewer_since: int = 0  # since when every list has counted less than is known, without a reason (µs)
    by_average: bool = False  # of a trade that began when averages were computed with


@dataclass(slots=True)
class RepairState:
    """One task of repairing with all of its time: begun anew when a person says something new (`wish`)."""

    deadline: int
    look_ms: int
    slowest_ms: int
    mode: Action | None = None
    retries: int = 0
    rung: int = 0
    parked: bool = False
    refused: list[tuple[Way, str]] = field(default_factory=list)  # a wider limit does not help
    fruitless: list[tuple[Way, str]] = field(default_factory=list)  # orders that brought nothing, one entry each
    rejected: bool = False  # the last order: its market trades no more, or what was to be sold was voided
    woken: bool = False  # by a message, which may be of any order
    lag_looks: int = 0
    sent: int = 0
    shut_since: int = 0  # what was refused: its market takes no orders (µs)
    refusals: dict[str, int] = field(default_factory=dict)  # "venue code" → how many orders
    lagging_since: int = 0  # a venue says that we lack what its fills say we have: its balance may lag (µs)


@dataclass(slots=True)
class Payment:
    """What one market paid this trade's leg."""

    venue: Venue
    market: str
    resolution: Resolution


@dataclass(slots=True)
class PendingCommand:
    """A command that was taken while the code that obeys it could not run; obeyed when the trade goes on."""

    action: Action
    command: OperatorCommand


_MODES = (Action.UNWIND, Action.FORCE_FLAT, Action.HOLD, Action.RETRY)


def still_kept(pending: list[PendingCommand], action: Action) -> list[PendingCommand]:
    """What of the commands kept so far a new one leaves: it replaces what was said before of selling, holding back and
    trying again."""
    return [one for one in pending if action not in _MODES or one.action not in _MODES]


@dataclass(slots=True)
class Fault:
    """What the life of a trade raised, in words; `build` is the version of the code that did."""

    text: str
    at: int
    build: str = ""
    told: bool = False  # in the story


@dataclass(slots=True)
class TradeMemory:
    """The whole of a trade. `reserved` is the capital held for it and is not lowered while it is parked; `fault` says
    why it is parked, None while it lives."""

    edition: int = EDITION
    orders: list[OrderState] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)  # by leg: refused orders that are in the ledger alone

    state: TradeState = TradeState.PLANNED
    outcome: Outcome | None = None
    entered: list[Entry] = field(default_factory=list)
    story: list[Step] = field(default_factory=list)
    revision: int = 0
    written: int = 0  # commands the ledger has heard of
    on_record: bool = True  # whether the last write reached the ledger
    reserved: Decimal = Decimal(0)
    pnl: Decimal = Decimal(0)  # as last computed; for people

    mode: Action | None = None
    budgeted: bool = False  # its unwind was asked for without our seal: within the loss budget only
    requests: list[str] = field(default_factory=list)  # sealed commands that were taken: a copy is none
    least: Decimal | None = None  # of an unwind: no share is given back for less
    accepted: Decimal = Decimal(0)
    accepted_by_rule: bool = False
    retries: int = 0
    adoptions: list[OperatorCommand] = field(default_factory=list)
    taken: list[CommandRecord] = field(default_factory=list)
    pending: list[PendingCommand] = field(default_factory=list)

    unrecorded: bool = False  # evidence has settled an order since the ledger last heard
    repair: RepairState | None = None
    voided: dict[str, int] = field(default_factory=dict)  # by leg: purchases of which the venue voided something
    payments: list[Payment] = field(default_factory=list)
    merging: bool = True
    fault: Fault | None = None
    faults: int = 0
    revived: bool = False  # made from the ledger: every count is asked for before anything is sent

    def tell(self, text: str, at: int) -> None:
        """Add a line to the story. It keeps its beginning and its latest lines."""
        self.story.append(Step(at=at, state=self.state, text=text))
        self.revision += 1
        if len(self.story) > FIRST_STEPS + LATEST_STEPS:
            del self.story[FIRST_STEPS]


def begun(now: int, reserved: Decimal, *, merging: bool) -> TradeMemory:
    """What a trade knows at its start."""
    return TradeMemory(entered=[Entry(TradeState.PLANNED, now)], reserved=reserved, merging=merging)


def carried(memory: TradeMemory) -> TradeMemory:
    """What is handed to the next run: without the books that answers came with, and with nothing that could not be read
    again there. A number that is none is forgotten, and its order asked for anew."""
    for order in memory.orders:
        if order.result is not None:
            order.result = replace(order.result, quote=None)
            if not all(map(_number, _amounts(order.result))):
                order.result = None
        if not _number(order.filled):
            order.filled, order.settled, order.final = Decimal(0), False, False
        for name in ("price", "fee", "cash_known", "paid", "fees_paid"):
            if not _number(getattr(order, name)):
                setattr(order, name, None)
    for name in ("pnl", "reserved", "accepted"):
        if not _number(getattr(memory, name)):
            setattr(memory, name, Decimal(0))
    memory.payments = [payment for payment in memory.payments if _number(payment.resolution.payout)]
    return memory


def _amounts(result: SubmitResult) -> tuple[Decimal | None, ...]:
    averages = (result.average_price, result.average_fee)
    return (result.filled, result.remaining, result.paid, result.fees_paid, *averages)


def count(value: Decimal) -> bool:
    """Whether it can be a count of shares, or a price."""
    return value.is_finite() and 0 <= value < _MOST


def _number(value: Decimal | None) -> bool:
    """Whether it is a number that a payload can hold, or none at all."""
    return value is None or (value.is_finite() and abs(value.adjusted()) < _MOST_DIGITS)
