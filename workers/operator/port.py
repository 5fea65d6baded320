"""The operator port: all that a front end may ask of trades, halts, claims and the reconciliation in a person's name.

    operator: Operator = StackOperator(stack)
    answer = await operator.trades.tell("i-7f3a…", Action.UNWIND, Person("Ada", "books are thin"))

Every act carries a `Person`: the front end proves who it is, the port puts it on record. Nothing here prints, asks for
confirmation or knows of flags. Every method raises `Unavailable` for what cannot be asked now, `BadInput` for what
names nothing, and `Denied` for what is refused in the system's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from domain.claims import ClaimStatus, EquivalenceRecord
from domain.errors import BadInput
from domain.halt import Halt, Scope
from domain.market import Venue
from domain.operator import Action
from domain.outlook import Outlook
from domain.reconcile import Finding, Reconciliation
from domain.workflow_fault import WorkflowFault

if TYPE_CHECKING:
    from ledger.halts import HaltRecord
    from workers.operator.targets import Watched
    from workers.revival import Revived


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and why: both go on record. Raises `BadInput` (`operator`) if either is empty."""

    author: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("author", "reason"):
            if not getattr(self, name).strip():
                raise BadInput(f"{name} is empty; say in a few words what goes on record", "operator")


# ---------------------------------------------------------------------- trades


@dataclass(frozen=True, slots=True)
class TradeAnswer:
    """What a trade answered to a command. `stored`: it has not answered for itself, the command is left with it, and
    `faults` are what is known to be wrong with it. `bids`: what an unwind would bring at the books of that moment, None
    where they could not be had soon. `notes` are for the person."""

    trade: str
    answer: str
    stored: bool = False
    faults: tuple[WorkflowFault, ...] = ()
    bids: Outlook | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnwindPreview:
    """What unwinding, and what completing, would bring at the live books. Nothing was asked of the trade."""

    trade: str
    ways: tuple[Outlook, ...]


@dataclass(frozen=True, slots=True)
class NotRevived:
    """A trade that could not be taken up now, and why; the same may be asked again."""

    trade: str
    error: str


@dataclass(frozen=True, slots=True)
class Revivals:
    """The trades that were taken up again, and those that could not be."""

    done: tuple[Revived, ...]
    failed: tuple[NotRevived, ...] = ()


class TradeOperator(Protocol):
    """A person's word to one trade. A trade is named by its id or a beginning of it that no other shares."""

    async def tell(
        self,
        trade: str,
        action: Action,
        person: Person,
        *,
        order_id: str = "",
        venue: str = "",
        min_price: Decimal | None = None,
    ) -> TradeAnswer:
        """Give a command. One that no worker answers within five seconds is stored, and obeyed once a worker is up.

        `order_id` and `venue` name the order to adopt; `min_price` (dollars a share) bounds an unwind. Raises `Denied`:
        `refused` with the trade's own words, `not_running` if no workflow carries it.
        """
        ...

    async def preview_unwind(self, trade: str, min_price: Decimal | None = None) -> UnwindPreview: ...

    async def revive(self, trade: str, person: Person) -> Revivals:
        """Take up a trade whose workflow is gone; with an empty `trade` every open one that no workflow carries. Raises
        `Denied` for one named that a workflow carries."""
        ...


# ---------------------------------------------------------------------- halts


@dataclass(frozen=True, slots=True)
class HaltStands:
    """The halt in force after it was asked for. `known`: such a one stood already, and stays as it was."""

    halt: Halt
    known: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WouldStop:
    """The pairs that a halt would stop, of all that ingest watches; None where ingest does not answer."""

    watched: int | None
    stopped: tuple[Watched, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HaltLifted:
    """The halt that was lifted, and those still in force."""

    halt: Halt
    left: tuple[Halt, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HaltList:
    """Halts, oldest first. `unread` says why the ledger's are not among them; empty if they are."""

    records: tuple[HaltRecord, ...]
    unread: str = ""


class HaltOperator(Protocol):
    """The brake. A halt stops openings; hedges, unwinds and cancels of open trades still pass."""

    async def place(self, scope: Scope, target: str, person: Person, *, anyway: bool = False) -> HaltStands:
        """Halt, in the ledger, or in the file HALT where the ledger cannot be reached and something may trade.

        `anyway` takes a target that is not known yet. Raises `BadInput` (`unknown_target`) with the nearest names,
        `Unavailable` (`no_halt`) only if neither ledger nor disk takes it.
        """
        ...

    async def would_stop(self, scope: Scope, target: str) -> WouldStop: ...

    async def lift(self, halt_id: str, person: Person) -> HaltLifted:
        """Lift one halt, named by its id or a beginning. Raises `Denied` (`workflow_fault`) for one that ends by
        itself."""
        ...

    async def listed(self, *, lifted_too: bool = False) -> HaltList:
        """Raises `Unavailable` if there is nothing to show and the ledger cannot be asked."""
        ...


# ---------------------------------------------------------------------- claims


@dataclass(frozen=True, slots=True)
class ClaimStory:
    """Every version of one claim, oldest first, and the rule texts of the newest by their SHA-256."""

    versions: tuple[EquivalenceRecord, ...]
    texts: dict[str, str]


class ClaimOperator(Protocol):
    """Which markets are one claim, and who says so. A claim is named by its id or a beginning, with or without `c-`."""

    async def newest(self) -> tuple[EquivalenceRecord, ...]: ...

    async def story(self, claim: str) -> ClaimStory: ...

    async def propose(self, record: EquivalenceRecord, texts: Sequence[str]) -> EquivalenceRecord:
        """Record a proposal as the first version of its claim, or the next one. Nothing trades on it before a person
        approves it."""
        ...

    async def decide(
        self, claim: str, status: ClaimStatus, person: Person, version: int | None = None
    ) -> EquivalenceRecord:
        """Approve, suspend or withdraw. Raises `BadInput` (`claim_changed`) if `version` is not the newest any more,
        (`paper`) for the approval of a claim that a recording declared."""
        ...


# ---------------------------------------------------------------------- reconciliation


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The findings that are known from now on, the halts that were lifted for them, and those that stay."""

    findings: tuple[Finding, ...]
    lifted: tuple[Halt, ...]
    left: tuple[Halt, ...]


class ReconciliationOperator(Protocol):
    """Venue accounts compared with the ledger, and what a person says of the difference."""

    async def run(self) -> Reconciliation:
        """Compare now, and act on what differs."""
        ...

    async def last(self) -> Reconciliation: ...

    async def acknowledge(self, person: Person) -> Acknowledged:
        """Declare known what the last run found that no trade owns; lift safe mode and the halts set for it. Raises
        `Denied` (`nothing_to_acknowledge`)."""
        ...

    async def declare_transfer(self, venue: Venue, dollars: Decimal, person: Person) -> None:
        """Say that money was moved to (positive) or from (negative) a venue's account. It is booked once the balance
        shows it."""
        ...


class Operator(Protocol):
    """The four together."""

    @property
    def trades(self) -> TradeOperator: ...

    @property
    def halts(self) -> HaltOperator: ...

    @property
    def claims(self) -> ClaimOperator: ...

    @property
    def reconciliation(self) -> ReconciliationOperator: ...
