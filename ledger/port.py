"""What activities and ingest write into the ledger. Postgres keeps it, or a dict (`testing.ledger.memory`).

Every method is idempotent: repeating a call after a crash changes nothing, except that a repeated `begin_order`
records one more copy of the same bytes. All raise `Unavailable` when the ledger could not be asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from domain.admission import AtWork
from domain.claims import EquivalenceRecord
from domain.decisions import Suppression
from domain.evidence import Fill
from domain.halt import Halt
from domain.intent import Intent
from domain.market import Venue
from domain.operator import CommandRecord
from domain.orders import OrderTicket, SubmitResult
from domain.snapshot import Ended, OrderFacts, TradeFacts, VenueCapital
from domain.trade import TradeRecord
from domain.workflow_fault import FaultKind, WorkflowFault


@dataclass(frozen=True, slots=True)
class Decided:
    """An intent that is recorded here. `chain` names the first run of the workflow that opened its trade; empty if none
    has, or one of before that was recorded."""

    intent: Intent
    closed: bool
    chain: str = ""


STRANGERS = frozenset({"other_run", "closed", "never_opened"})
"""Codes by which `begin_order` denies what is not for that workflow to send."""


class OriginLedger(Protocol):
    """Whose an order is."""

    async def decided(self, intent_id: str) -> Decided | None:
        """What is recorded of an intent, or None."""
        ...

    async def take_over(self, intent_id: str, chain: str) -> bool:
        """From now on the orders of that trade are sent by another workflow, whose first run `chain` names. Only for a
        person who takes up a trade that has lost its workflow. False if no such trade is open."""
        ...


@dataclass(frozen=True, slots=True)
class InHand:
    """A trade's orders and fills as the ledger knows them, whoever told it. `commanded_at` is when a person last spoke
    to it (µs), 0 if nobody has."""

    orders: tuple[OrderFacts, ...] = ()
    fills: tuple[Fill, ...] = ()
    commanded_at: int = 0


class InHandLedger(Protocol):
    """Evidence that needs no asking."""

    async def in_hand(self, intent_id: str) -> InHand:
        """What is known of one trade's orders; nothing of it if there are none."""
        ...


class OrderLedger(OriginLedger, InHandLedger, Protocol):
    """What the activities of a trade call."""

    async def begin_order(
        self,
        run_id: str,
        intent: Intent | None,
        ticket: OrderTicket,
        body: bytes,
        at: int,
        *,
        order_id: str = "",
        chain: str = "",
    ) -> int:
        """Record, in one round trip and before they leave, the bytes of `ticket`; returns which copy this is (from 1).

        With `intent` (the first leg) the intent and its trade are recorded too, and its worst cost at each of its
        venues is reserved; asked again, what is reserved stays so. `at` is wall-clock microseconds, `order_id` the id
        the venue will give the order, where that is known beforehand. `chain` is the first run of the workflow that
        sends it: the one that opens a trade is recorded, and no other sends for it.

        Raises, with nothing recorded: `Halted` (`halted`) when a halt in force covers the intent; `Denied`
        (`above_balance`) when a venue with an opening balance has less free than the intent may need there, or
        (`released`) when the trade's capital was given back already, or (`claim_suspended`) when the intent's claim is
        not approved in the version it pins, or not the newest any more. Raises `Denied` (`other_run`) when another
        workflow opened the trade, (`closed`) when the trade is over and nobody knows which did, (`never_opened`) when a
        hedge or completion follows neither an opening nor an adopted order, and (`different_bytes`) when this order id
        has gone out with another body. Without `intent` only these four can happen.
        """
        ...

    async def finish_order(self, ticket: OrderTicket, result: SubmitResult) -> None:
        """Record how a submit ended. What the venue proved is never replaced by what it did not."""
        ...

    async def order_outcome(self, client_order_id: str) -> OrderFacts | None:
        """What is known of one order, or None if it was never begun."""
        ...

    async def order_at(self, venue: Venue, order_id: str) -> OrderFacts | None:
        """The same by the venue's own id, for venues that know orders by no other."""
        ...

    async def held_in(self, venue: Venue, market: str) -> dict[str, Decimal]:
        """Signed shares of one market by trade; "" for fills that are nobody's. Fills that are void do not count,
        shares counted without a fill do, and those that a market has paid for are gone. Who holds none is left out."""
        ...

    async def record_fills(self, fills: Iterable[Fill]) -> None:
        """Record fills and their cash, each once. A provisional fill may become final or void, never the reverse."""
        ...

    async def record_trade(self, run_id: str, intent: Intent, record: TradeRecord) -> None:
        """Record a trade with its orders, fills, steps, commands and redemptions in one transaction.

        Its capital follows its state: kept while it trades, lowered to what is locked in SETTLING, released in CLOSED.
        An older `revision` never replaces a newer one; its fills, commands and redemptions are recorded all the same.
        """
        ...


class DecisionLedger(Protocol):
    """What ingest calls."""

    async def record_intent(self, intent: Intent, run_id: str) -> None: ...

    async def record_suppressions(self, run_id: str, items: Iterable[Suppression]) -> None:
        """Keyed (run, strategy, pair, gate, at)."""
        ...


class LoadLedger(Protocol):
    """What admission asks, several times a second."""

    async def at_work(self) -> list[AtWork]:
        """The trades that neither rest nor are STUCK, of every process. One that has written no record since it began
        counts by its orders."""
        ...


class HaltLedger(Protocol):
    """Durable stops. Reads raise `Unavailable` when the ledger is away: whoever enforces a halt then fails closed."""

    async def set_halt(self, halt: Halt) -> Halt:
        """Record a halt; the one in force if one with this scope, target and rule already stands.

        An empty `id` is replaced by a new one, short enough to type.
        """
        ...

    async def clear_halt(self, halt_id: str, author: str, reason: str, at: int) -> Halt:
        """End a halt in force. Raises `BadInput` when there is none with this id, or no author or reason is given."""
        ...

    async def halts(self) -> tuple[Halt, ...]:
        """The halts in force, oldest first."""
        ...


class FaultLedger(Protocol):
    """Trades whose workflow cannot go on. While one stands, `halts` holds a halt for each of its markets, and
    `begin_order` refuses another trade that would open there."""

    async def record_fault(self, fault: WorkflowFault) -> bool:
        """True if it is new. One of its trade and kind that stands already is brought up to date instead; an empty
        text, attempt 0 and no markets leave what was known."""
        ...

    async def clear_fault(self, intent_id: str, kind: FaultKind, at: int) -> bool:
        """The trade moves again; whether one stood."""
        ...

    async def workflow_faults(self) -> tuple[WorkflowFault, ...]:
        """Those that stand, oldest first."""
        ...


class ClaimLedger(Protocol):
    """Equivalence records, every version of them. A version is never changed."""

    async def add_claim(self, record: EquivalenceRecord, texts: Iterable[str] = ()) -> EquivalenceRecord:
        """Record a version that follows the newest, and the rule texts that were read; the same one again is no error.

        Raises `BadInput` (`claim_changed`) when another version was decided meanwhile: look at it and decide anew.
        """
        ...

    async def claims(self) -> tuple[EquivalenceRecord, ...]:
        """The newest version of every claim, by id."""
        ...

    async def claim_history(self, claim_id: str) -> tuple[EquivalenceRecord, ...]:
        """Every version of one claim, oldest first; empty if there is none."""
        ...

    async def rule_texts(self, hashes: Iterable[str]) -> dict[str, str]:
        """The texts kept under these hashes; those never read are left out."""
        ...


class CapitalLedger(Protocol):
    """What open trades hold, and the money that moves without them."""

    async def capital(self) -> tuple[VenueCapital, ...]:
        """Each venue's cash, what is reserved and free, and which trade holds what; by name of the venue."""
        ...

    async def release(self, intent_id: str, at: int) -> bool:
        """Give back the capital of a trade that nothing holds any more; whether it held any. Never asks why."""
        ...

    async def record_transfer(self, venue: Venue, amount: Decimal, ref: str, at: int) -> None:
        """Dollars moved to (negative: from) the venue's account by hand; `ref` names the movement, once each."""
        ...


class TradeReads(Protocol):
    """Where trades stand, asked by those who wait for them and by those who compare."""

    async def done_trading(self, ids: Iterable[str]) -> set[str]:
        """Which of these trades buy and sell nothing more (SETTLING or CLOSED). Cheap: asked several times a second."""
        ...

    async def open_trades(self) -> tuple[TradeFacts, ...]:
        """All trades that are not CLOSED, without their reservations; oldest decision first."""
        ...

    async def outcomes_since(self, at: int) -> tuple[Ended, ...]:
        """Trades that came to rest, or closed, at `at` (microseconds) or later; oldest first."""
        ...

    async def realised_since(self, at: int) -> Decimal:
        """Realised P&L in dollars of the trades closed at `at` or later."""
        ...

    async def unsettled_orders(self) -> tuple[OrderFacts, ...]:
        """Orders of which bytes may have left and whose end no evidence has shown; oldest first."""
        ...

    async def record_command(self, intent_id: str, command: CommandRecord) -> None:
        """A command given while its trade could not take it; the same content is recorded once."""
        ...
