"""A trade whose life raised what its tables do not know: parked, with open ears, until mended code carries it on.

This run shares no code with what may have raised. It asks for every open order and takes over what the venue says,
keeps every command, and sells what stands alone if a person says so; exposure stays reserved. `retry`, or the start of
a worker with other code, ends it: the life then goes on from the same memory. What this run itself raises fails the
workflow task, which heals by replay on mended code.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.evidence import OrderEvidence, OrderStatus
from domain.intent import Intent, IntentLeg
from domain.money import plain, whole_lots
from domain.operator import Action, CommandRecord, OperatorCommand
from domain.orders import ALREADY_THERE, Guard, SubmitResult, Verdict
from domain.requests import Position
from domain.trade import Entry, TradeRecord, TradeState
from workflows.desk import Desk
from workflows.parked_sale import bears_out, piece, reach, sale
from workflows.state import FIRST_BOUNDED, OrderState, PendingCommand, TradeMemory, count, still_kept
from workflows.tally import recorded, tally, there

_FIRST_LOOK_MS, _SELLING_LOOK_MS, _SLOWEST_LOOK_MS = 500, 5_000, 900_000
_SEND_WINDOW_US = 10_000_000
_OPEN_ORDER_PATIENCE_US = 60_000_000  # an unwind waits so long for orders whose outcome is open, then sells beside them
_MOST_ORDERS = 30  # that one wish to unwind may send
_NONE = Decimal(0)


class Parked:
    """One parked run. `run` comes back with the memory to live on from; `take` keeps a command."""

    def __init__(self, intent: Intent, desk: Desk, memory: TradeMemory) -> None:
        self.intent = intent
        self.desk = desk
        self.memory = memory
        self._going_on, self._news, self._refused, self._wished = False, True, False, False
        self._asked_at, self._sent = desk.now(), 0  # the wish that this run was handed counts from here

    async def run(self) -> TradeMemory:
        """Until the life may go on, or the history is long: then the next run is parked too."""
        memory, look_ms = self.memory, _FIRST_LOOK_MS
        if (fault := memory.fault) is not None and not fault.told:
            fault.told = True
            if memory.state is not TradeState.STUCK:
                memory.state = TradeState.STUCK
                memory.entered.append(Entry(TradeState.STUCK, self.desk.now()))
            self.tell(
                f"Parked: {fault.text}. Exposure stays reserved. `surefoot unwind {self.intent.id}` sells what stands "
                "alone; `surefoot retry` lets the trade go on."
            )
            self.desk.parked(fault)
        while not self._going_on:
            self.desk.show(self.record())
            moved = await self._look()
            if self._may_sell and not self._going_on:
                moved = await self._sell() or moved
            if self._wished and not self.record().residual and all(order.settled for order in memory.orders):
                self._going_on = True  # once for each such wish: what is left to do is to settle, and that may work
            if self._news or moved or not memory.on_record:
                self._news = False
                memory.on_record = await self.desk.record(self.intent, self.record())
            if self.desk.history_is_long():
                return memory
            if moved or await self.desk.pause(look_ms):
                look_ms = _FIRST_LOOK_MS
            else:
                selling = self._may_sell and self.record().residual
                look_ms = min(look_ms * 2, _SELLING_LOOK_MS if selling else _SLOWEST_LOOK_MS)
        memory.fault, memory.repair = None, None
        self.desk.parked(None)
        self.tell("It goes on.")
        return memory

    # ------------------------------------------------------------------ people

    def may(self, action: Action, command: OperatorCommand) -> None:
        """Raise ValueError for a command that nobody stands for. Everything else is kept."""
        if action is Action.REVIVE:
            raise ValueError("a trade that runs is not taken up again")
        if not command.author.strip() or not command.reason.strip():
            raise ValueError(f"{action} needs an author and a reason; got an empty one")
        if odd := command.odd_price:
            raise ValueError(odd)

    def take(self, action: Action, command: OperatorCommand) -> str:
        answer = self._obey(action, command)
        self.memory.taken.append(CommandRecord(action, command.author, command.reason, answer, self.desk.now()))
        self.tell(f"{command.author} asked to {action} ({command.reason}) while parked: {answer}")
        self._news = True
        return answer

    def take_unsealed(self, action: Action, command: OperatorCommand) -> None:
        author, reason = command.author.strip()[:60] or "somebody", command.reason.strip()[:200]
        self.tell(f"{author} (unsealed) asked to {action} ({reason}) while parked. Not obeyed: it bears no seal.")
        self._news = True

    def _obey(self, action: Action, command: OperatorCommand) -> str:
        self.memory.pending = still_kept(self.memory.pending, action)
        if action in (Action.UNWIND, Action.FORCE_FLAT):
            self.memory.mode, self._asked_at, self._sent = Action.UNWIND, self.desk.now(), 0
            self.memory.budgeted, self._wished, self.memory.least = False, True, command.min_price
            return "the trade is parked; what stands alone by the venue's word is sold, and then it may settle"
        if action is Action.HOLD:
            self.memory.mode = Action.HOLD
            return "the trade is parked; nothing is sent until somebody says what to do"
        if action is Action.RETRY:
            self.memory.mode, self._going_on = None, True
            return "the trade goes on where it stood"
        self.memory.pending.append(PendingCommand(action, command))
        return "the trade is parked; this is kept, and carried out as soon as it goes on"

    def resume(self, build: str) -> None:
        """A worker of `build` has started. Other code than that which raised is worth a try."""
        if (fault := self.memory.fault) is None or build != fault.build:
            self.tell(f"A worker of version {build or '(none)'} has started.")
            self._going_on = True

    # ------------------------------------------------------------------ evidence

    async def _look(self) -> bool:
        """Ask for every open order, and take over its count. True if something was settled."""
        moved = False
        refused, self._refused = self._refused, False
        for order in self.memory.orders:
            if order.settled and not (refused and order.filled):  # what was refused for sale may have been voided
                continue
            since = max(order.sent_at, order.may_leave_until)
            seen = await self.desk.evidence(order.ticket, order.order_id, since, self.intent.policy.absence_grace_ms)
            order.absent = seen is not None and seen.status is OrderStatus.ABSENT
            if seen is None or not count(seen.filled):
                continue  # a count that is none proves nothing
            if seen.status is OrderStatus.RESTING and seen.order_id:
                order.order_id, order.landed, order.told = seen.order_id, True, True
                await self.desk.cancel(order.ticket, seen.order_id)
            elif (
                seen.status is OrderStatus.DONE
                and not seen.beyond
                and (not order.settled or seen.filled != order.filled)
            ):
                self._adopt(order, seen)
                moved = True
            elif order.absent and not order.told and not order.settled:
                order.settled, order.filled, moved = True, _NONE, True
                self.tell(f"{_name(order)} is proven never to have arrived.")
        return moved

    async def _judged(self, order: OrderState, seen: OrderEvidence) -> OrderEvidence | None:
        """A count beyond what was signed by the account's word: borne out, or what a person's unwind has to go by."""
        if not seen.beyond:
            return seen
        held = await self._position(order.ticket.venue, order.ticket.market)
        real = _NONE if held is None else max(there(order, self.memory.orders, held.left), _NONE)
        known = held is not None and (real >= seen.filled or self._told_to_sell)
        return replace(seen, filled=min(real, seen.filled)) if known else None

    async def _position(self, venue: str, market: str) -> Position | None:
        """What the account holds; None where it cannot be read, or is no number."""
        held = await self.desk.position(venue, market, self.intent.id)
        return held if held is not None and held.account.is_finite() and held.others.is_finite() else None

    def _adopt(self, order: OrderState, seen: OrderEvidence) -> bool:
        """Whether it says something new."""
        if order.settled and seen.filled == order.filled:
            return False
        order.settled, order.filled, order.order_id = True, seen.filled, seen.order_id or order.order_id
        order.final = False  # what it cost, and whether it may still be voided, is for the life to ask
        order.price = order.fee = order.paid = order.fees_paid = order.cash_known = None
        self.tell(f"{_name(order)}: the venue counts {plain(seen.filled)} filled.")
        return True

    # ------------------------------------------------------------------ selling

    @property
    def _told_to_sell(self) -> bool:
        """By a person of ours. Nothing here knows the loss budget, so a word without our seal sells nothing."""
        return self.memory.mode is Action.UNWIND and not self.memory.budgeted

    @property
    def _may_sell(self) -> bool:
        return self._told_to_sell and self._sent < _MOST_ORDERS

    async def _sell(self) -> bool:
        """One order that gives back what stands alone. True if something filled."""
        open_legs = {order.ticket.leg for order in self.memory.orders if not order.settled}
        if open_legs and self.desk.now() - self._asked_at < _OPEN_ORDER_PATIENCE_US:
            return False
        counts = tally(self.intent.legs, self.memory.orders)
        for leg in self.intent.legs:
            over = counts.over(leg.name)
            if over and leg.name not in open_legs and await self._give_back(leg, over):
                return True
        return False

    async def _give_back(self, leg: IntentLeg, over: Decimal) -> bool:
        quote = await self.desk.quote(leg.venue, leg.market)
        side = leg.side.opposite if over > 0 else leg.side
        levels = () if quote is None else (quote.asks if side.value == "buy" else quote.bids)
        least = self.memory.least if over > 0 else None  # what was given back too often is bought back at any price
        size, limit = reach(levels, side, over, least)
        size = whole_lots(min(size, piece(self.intent, leg, over, self.memory.edition)), leg.lot)
        if size and not await self._held(leg, over, size):
            return False
        if not 0 < limit < 1 or size < max(leg.min_size, leg.lot):
            return False
        sent = self.memory.dropped.get(leg.name, 0) + sum(o.ticket.leg == leg.name for o in self.memory.orders)
        ticket = sale(self.intent, leg, side, size=size, limit=limit, attempt=sent + 1)
        until = self.desk.now() + _SEND_WINDOW_US
        order = OrderState(ticket, leg.fees, may_leave_until=until, copies=1)
        self.memory.orders.append(order)
        self._sent += 1
        result = await self.desk.submit(ticket, Guard(not_after=until), None)  # dangerous: may have filled
        self._note(order, result)
        self._refused = result.verdict is Verdict.REJECTED
        return order.settled and order.filled > 0

    async def _held(self, leg: IntentLeg, over: Decimal, size: Decimal) -> bool:
        """Whether the account's position says too that so many may be given back, since one wrong count must not sell,
        and no person has said otherwise meanwhile."""
        if self.memory.edition < FIRST_BOUNDED:
            return True
        position = await self._position(leg.venue, leg.market)
        return position is not None and bears_out(position.left, leg.side, over, size) and self._may_sell

    def _note(self, order: OrderState, result: SubmitResult) -> None:
        order.result, order.order_id, order.sent_at = result, result.order_id, self.desk.now()
        accepted = result.verdict is Verdict.ACCEPTED
        named = result.order_id is not None or result.code in ALREADY_THERE
        order.landed = result.landed or accepted
        order.told = accepted or (result.landed and named)  # what is only inferred, absence revokes
        counted = count(result.filled) and result.filled <= order.ticket.size
        if accepted and counted:
            order.filled, order.paid, order.fees_paid = result.filled, result.paid, result.fees_paid
        order.settled = result.verdict is not Verdict.UNKNOWN and counted and result.remaining.is_zero()
        self.tell(f"{_name(order)}: {result.verdict}, {plain(order.filled)} filled. {result.code} {result.detail}")

    def tell(self, text: str) -> None:
        self.memory.tell(text, self.desk.now())

    def record(self) -> TradeRecord:
        return recorded(self.intent, self.memory, self.desk.now())


def _name(order: OrderState) -> str:
    return f"{order.ticket.purpose} {order.ticket.leg}{order.ticket.attempt}"
