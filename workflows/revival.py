"""Take a trade up again whose workflow is gone: its memory as the ledger and the venues have it, and its first look.

    memory = revived(intent, Remembered(...), beyond, now=now, by="ada: temporal.db was lost")
    # the workflow is started with it; its life then asks for the evidence of every order before it sends anything

| what is known of an order             | taken up as                                                               |
|----------------------------------------|---------------------------------------------------------------------------|
| the ledger has it, and it is settled   | settled; its count is asked for once more, and the venue's word adopted   |
| the ledger has it, and it is open      | open: settled by evidence. No copy of it is sent, whatever that says      |
| the venue alone has it, under our name | open, with the size and limit that the venue lists                        |
| nobody has it                          | its attempt number is taken all the same: numbering goes on beyond it     |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.evidence import Fill, FillStatus, ForeignOrder, OrderStatus
from domain.fees import FeeSchedule
from domain.intent import Intent, IntentLeg
from domain.operator import Action, CommandRecord
from domain.orders import OrderTicket, Purpose, SubmitResult, TimeInForce, Verdict
from domain.snapshot import OrderFacts, TradeFacts
from domain.trade import Entry, Step
from workflows.at_hand import TradeAtHand
from workflows.orders import MOST_COPIES, MOST_REMEMBERED, SEND_WINDOW_US, Order
from workflows.state import OrderState, TradeMemory

_FIRST_LOOK_MS, _SLOWEST_LOOK_MS = 500, 5_000
_NONE = Decimal(0)
_BEFORE = -1  # orders of before a person's word, which a revival is: they count for no limit on orders since
_REFUSED = (Verdict.DENIED, Verdict.REJECTED)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the ledger has of a trade, oldest first."""

    trade: TradeFacts
    orders: Sequence[OrderFacts]
    fills: Sequence[Fill]
    steps: Sequence[Step]
    commands: Sequence[CommandRecord]


@dataclass(frozen=True, slots=True)
class Stray:
    """An order of the trade's that the ledger has no row of, as the venue lists it."""

    leg: str
    attempt: int
    found: ForeignOrder


def revived(
    intent: Intent, known: Remembered, strays: Sequence[Stray], taken: Mapping[str, int], *, now: int, by: str
) -> TradeMemory:
    """The memory to begin from. `taken` is, by leg, the highest attempt number that may have been used: the next order
    takes the one after it."""
    orders = [_known(intent, facts, known.fills, now) for facts in known.orders]
    orders += [_found(intent, stray, now) for stray in strays]
    memory = TradeMemory(
        orders=orders,
        state=known.trade.state,
        entered=_entered(known.steps) or [Entry(known.trade.state, now)],
        story=list(known.steps),
        revision=known.trade.revision + 1,
        reserved=max([intent.worst_cost, *(held.reserved for held in known.trade.reservations)]),
        pnl=known.trade.pnl,
        taken=list(known.commands),
        written=len(known.commands),
        merging=bool(intent.set_id),
        unrecorded=True,  # what evidence settles first, the ledger hears of before anything is sent
        revived=True,
    )
    _wish(memory, known.trade.residual)
    _number(memory, taken)
    numbers = ", ".join(f"{leg}{1 + taken[leg]}" for leg in sorted(taken))
    beyond = f", {len(strays)} more from the venue" if strays else ""
    memory.tell(
        f"Taken up again by {by}. Its workflow was gone: {len(known.orders)} orders are known from the ledger{beyond}. "
        f"Evidence of each is asked for first; new orders are numbered from {numbers}.",
        now,
    )
    return memory


def _known(intent: Intent, facts: OrderFacts, fills: Sequence[Fill], now: int) -> OrderState:
    own = [
        fill
        for fill in fills
        if fill.status is not FillStatus.VOID
        and (fill.client_order_id == facts.client_order_id or (facts.order_id and fill.order_id == facts.order_id))
    ]
    listed = sum((fill.size for fill in own if not fill.merged), _NONE)
    filled = max(facts.filled, listed)
    settled = facts.settled and filled == facts.filled
    answered = facts.verdict is Verdict.ACCEPTED or filled > 0
    return OrderState(
        ticket=facts.ticket,
        fees=_fees(intent, facts.ticket.leg),
        result=_answer(facts, settled=settled),
        # An id may be on record before anybody answered: only an answer or a fill says that the venue has the order.
        order_id=facts.order_id if answered else None,
        filled=filled,
        settled=settled,
        landed=answered,
        told=answered,
        sent_at=facts.last_sent_at,
        may_leave_until=0 if settled else now + SEND_WINDOW_US,
        commands=_BEFORE,
        copies=MOST_COPIES,  # nobody knows what else has been decided since: none is sent again
    )


def _answer(facts: OrderFacts, *, settled: bool) -> SubmitResult | None:
    if facts.verdict is None:
        return None
    # A refusal of one copy says nothing of another: what is not settled is open.
    verdict = Verdict.UNKNOWN if facts.verdict in _REFUSED and not settled else facts.verdict
    return SubmitResult(
        verdict,
        facts.code,
        facts.detail,
        order_id=facts.order_id if facts.verdict is Verdict.ACCEPTED else None,
        filled=facts.filled,
        sent=facts.sends > 0 and facts.verdict is not Verdict.DENIED,
        at=facts.last_sent_at,
    )


def _found(intent: Intent, stray: Stray, now: int) -> OrderState:
    leg = next(leg for leg in intent.legs if leg.name == stray.leg)
    return OrderState(
        ticket=ticket_of(intent, leg, stray.attempt, stray.found),
        fees=leg.fees,
        order_id=stray.found.order_id,
        filled=stray.found.evidence.filled,
        landed=True,
        told=True,
        sent_at=now,
        may_leave_until=now + SEND_WINDOW_US,
        commands=_BEFORE,
        copies=MOST_COPIES,
    )


def ticket_of(intent: Intent, leg: IntentLeg, attempt: int, found: ForeignOrder) -> OrderTicket:
    """The ticket that an order was sent by, as far as its venue tells: the first of a later leg is its hedge, in the
    leg's own style; every other one takes or gives at once."""
    hedge = attempt == 1 and leg is not intent.legs[0] and found.side is leg.side
    repair = Purpose.COMPLETE if found.side is leg.side else Purpose.UNWIND
    return OrderTicket(
        intent_id=intent.id,
        leg=leg.name,
        attempt=attempt,
        purpose=Purpose.HEDGE if hedge else repair,
        venue=leg.venue,
        market=leg.market,
        side=found.side,
        size=found.size,
        limit=found.limit,
        tif=leg.tif if hedge else TimeInForce.IOC,
        post_only=leg.post_only and hedge,
        decided_at=intent.decided_at,
    )


def _fees(intent: Intent, leg: str) -> FeeSchedule:
    return next((one.fees for one in intent.legs if one.name == leg), intent.legs[0].fees)


def _entered(steps: Sequence[Step]) -> list[Entry]:
    entered: list[Entry] = []
    for step in steps:
        if not entered or entered[-1].state is not step.state:
            entered.append(Entry(step.state, step.at))
    return entered


def _wish(memory: TradeMemory, residual: Decimal) -> None:
    """What people asked last still holds."""
    for command in memory.taken:
        if command.action in (Action.ADOPT, Action.REVIVE) or command.author.endswith("(unsealed)"):
            continue
        unwinding = command.action in (Action.UNWIND, Action.FORCE_FLAT)
        memory.mode = Action.UNWIND if unwinding else Action.HOLD if command.action is Action.HOLD else None
        memory.accepted = residual if command.action is Action.ACCEPT else _NONE


def _number(memory: TradeMemory, taken: Mapping[str, int]) -> None:
    """Every number up to `taken` counts as used. Orders that were refused without effect are in the ledger alone where
    there are too many to be carried."""
    spare = len(memory.orders) - MOST_REMEMBERED
    for order in list(memory.orders):
        if spare > 0 and order.settled and not order.filled and _refused(order):
            memory.orders.remove(order)
            spare -= 1
    for leg, highest in taken.items():
        memory.dropped[leg] = highest - sum(order.ticket.leg == leg for order in memory.orders)


def _refused(order: OrderState) -> bool:
    return order.result is not None and order.result.verdict in _REFUSED


async def confirm(trade: TradeAtHand) -> None:
    """Ask for the count of every order that the ledger has settled, before anything is decided on it: the ledger may
    have been told less than the trade knew. Without end, and people are heard in between."""
    trade.memory.revived = False
    waiting = [o for o in trade.orders.orders if o.settled and o.may_have_filled and o.ticket.purpose not in _BY_OTHERS]
    look_ms = _FIRST_LOOK_MS
    while waiting:
        waiting = [order for order in waiting if not await _confirmed(trade, order)]
        if waiting:
            await trade.wait(look_ms)
            look_ms = min(look_ms * 2, _SLOWEST_LOOK_MS)


_BY_OTHERS = (Purpose.ADOPTED, Purpose.MERGE)  # found by no name of ours, or by a hand-back; the tail asks for both


async def _confirmed(trade: TradeAtHand, order: Order) -> bool:
    """Whether the venue could be asked. What it does not list, or what is beyond what was signed, is left for the
    repairs and the tail, which ask again."""
    grace_ms = trade.intent.policy.absence_grace_ms
    seen = await trade.desk.evidence(order.ticket, order.order_id, order.sent_at, grace_ms)
    if seen is None:
        return False
    if seen.status is OrderStatus.DONE and seen.complete and not seen.beyond:
        trade.adopt(order, seen)
    elif seen.status is OrderStatus.RESTING:
        order.settled = False
    return True
