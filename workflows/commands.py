"""What people asked of a trade: checked before it is taken, kept with author and reason, obeyed by what runs next."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from domain.money import plain
from domain.operator import Action, CommandRecord, OperatorCommand
from workflows.state import TradeMemory

_LONGEST_NAME, _LONGEST_REASON = 60, 200  # of somebody who is not known


class Subject(Protocol):
    """The trade, as its commands need it."""

    @property
    def trading(self) -> bool:
        """Whether orders may still be sent without anybody asking."""
        ...

    @property
    def ended(self) -> bool: ...

    def alone(self) -> Decimal: ...

    @property
    def dust(self) -> Decimal: ...

    def open_orders(self) -> list[str]:
        """Names of orders whose outcome is open, but for those proven to be nowhere."""
        ...

    def give_up_absent(self) -> None:
        """Wait no longer for orders proven to be nowhere."""
        ...

    def venues(self) -> tuple[str, ...]: ...

    def tell(self, text: str) -> None: ...

    def now(self) -> int: ...


class Commands:
    """The wishes in force, kept in the trade's memory. `mode` is UNWIND or HOLD while one of them stands, else None:
    the policy decides.

    `accepted` is how many shares may stay alone; `retries` counts wishes to try again at once; `adoptions` are orders
    that wait to be looked up. `taken` holds all of them, as the ledger will.
    """

    def __init__(self, subject: Subject, memory: TradeMemory) -> None:
        self._subject = subject
        self._memory = memory

    @property
    def mode(self) -> Action | None:
        return self._memory.mode

    @property
    def accepted(self) -> Decimal:
        return self._memory.accepted

    @property
    def unwinding(self) -> bool:
        return self._memory.mode is Action.UNWIND

    @property
    def at_any_price(self) -> bool:
        """Whether a person of ours said so; an unwind that anybody may ask for stays within the loss budget."""
        return self.unwinding and not self._memory.budgeted

    @property
    def holding(self) -> bool:
        return self._memory.mode is Action.HOLD

    def may(self, action: Action, command: OperatorCommand) -> None:
        """Raise ValueError with the reason when `command` cannot be carried out. Changes nothing."""
        subject = self._subject
        if action is Action.REVIVE:
            raise ValueError("a trade that runs is not taken up again")
        if not command.author.strip() or not command.reason.strip():
            raise ValueError(f"{action} needs an author and a reason; got an empty one")
        if odd := command.odd_price:
            raise ValueError(odd)
        if subject.ended:
            raise ValueError("the trade is closed or closing; nothing can be asked of it any more")
        alone = subject.alone()
        if action is Action.ADOPT:
            self._may_adopt(command)
        elif action in (Action.UNWIND, Action.FORCE_FLAT):
            if not subject.trading and alone <= subject.dust:
                raise ValueError("nothing stands alone, there is nothing to unwind")
            if self.at_any_price and command.min_price == self._memory.least:
                raise ValueError(f"an unwind was already asked for: {self._last(Action.UNWIND)}")
        elif action is Action.HOLD:
            if not subject.trading:
                raise ValueError("the trade sends nothing any more, there is nothing to hold back")
            if self.holding:
                raise ValueError(f"it is already held: {self._last(Action.HOLD)}")
        elif action is Action.ACCEPT:
            if not subject.trading or not alone:
                raise ValueError("nothing stands alone, there is nothing to accept")
            if open_orders := subject.open_orders():
                raise ValueError(
                    f"the outcome of {', '.join(open_orders)} is open: what would stand alone is not known yet"
                )

    def _may_adopt(self, command: OperatorCommand) -> None:
        venues = self._subject.venues()
        if not command.order_id.strip():
            raise ValueError("adopting needs the venue's id of the order; got an empty one")
        if command.venue not in venues:
            raise ValueError(f"{command.venue or '(none)'} is no venue of this trade; it trades on {', '.join(venues)}")

    def take(self, action: Action, command: OperatorCommand) -> str:
        """From now on it holds. Returns what will happen, for the person who asked."""
        alone = self._subject.alone()
        answer = self._obey(action, command, alone)
        self._memory.taken.append(CommandRecord(action, command.author, command.reason, answer, self._subject.now()))
        self._subject.tell(f"{command.author} asked to {words(action, command)}: {command.reason}")
        return answer

    def take_unsealed(self, action: Action, command: OperatorCommand) -> None:
        """Somebody, maybe a stranger: an unwind within the loss budget, unless a person of ours has said something."""
        somebody, asked = unsealed(command), words(action, command)
        wanted = action in (Action.UNWIND, Action.FORCE_FLAT)
        if not wanted or self._memory.mode is not None or self._memory.accepted:
            self._subject.tell(f"{somebody.author} asked to {asked} ({somebody.reason}). Not obeyed: it bears no seal.")
            return
        try:
            self.may(action, somebody)
        except ValueError as refusal:
            self._subject.tell(f"{somebody.author} asked to {asked} ({somebody.reason}), too late: {refusal}")
            return
        self.take(action, somebody)
        self._memory.budgeted = True
        self._subject.tell("It bears no seal of this installation, so nothing is sold beyond the loss budget.")

    def obey_pending(self) -> None:
        """Carry out what was taken while the trade was parked: it is on record already."""
        while self._memory.pending:
            waiting = self._memory.pending[0]
            try:
                self.may(waiting.action, waiting.command)
            except ValueError as refusal:
                asked = words(waiting.action, waiting.command)
                self._subject.tell(f"{waiting.command.author} asked to {asked}, which cannot be: {refusal}")
            else:
                self._obey(waiting.action, waiting.command, self._subject.alone())
            del self._memory.pending[0]  # only now: a bug in obeying must not lose it

    def _obey(self, action: Action, command: OperatorCommand, alone: Decimal) -> str:
        memory = self._memory
        if action is Action.ADOPT:
            memory.adoptions.append(command)
            return f"order {command.order_id} is looked up on {command.venue} and adopted if it fits; see the story"
        memory.budgeted, memory.least = False, None
        memory.accepted = alone if action is Action.ACCEPT else Decimal(0)
        memory.accepted_by_rule = False
        if action is Action.ACCEPT:
            memory.mode = None
            self._subject.give_up_absent()
            return f"{plain(alone)} shares may stand alone; the trade holds them until their markets pay"
        if action is Action.HOLD:
            memory.mode = Action.HOLD
            return f"nothing more is sent; {plain(alone)} shares stand alone until somebody says what to do"
        memory.retries += 1
        if action is Action.RETRY:
            over = "the unwind asked for before no longer holds: " if memory.mode is Action.UNWIND else ""
            memory.mode = None
            return f"{over}the policy decides again, at once, with all of its time"
        memory.mode, memory.least = Action.UNWIND, command.min_price
        if alone:
            bound = "" if command.min_price is None else f", for no less than {plain(command.min_price)} a share"
            return (
                f"{plain(alone)} shares stand alone now; whatever still does once open orders are settled will be sold"
                f"{bound}"
            )
        return "nothing stands alone now; no more is bought, and whatever an open order leaves alone will be sold"

    def keep(self, shares: Decimal) -> None:
        """The policy's own rule lets that many shares stand alone, as the counts are now."""
        self._memory.accepted, self._memory.accepted_by_rule = shares, True

    def counts_changed(self) -> None:
        """What the rule let stand was worth what it was by other counts: it is asked again. A person's word stays."""
        if self._memory.accepted_by_rule:
            self._memory.accepted, self._memory.accepted_by_rule = Decimal(0), False

    def _last(self, action: Action) -> str:
        forms = {action, Action.FORCE_FLAT} if action is Action.UNWIND else {action}
        last = next(record for record in reversed(self._memory.taken) if record.action in forms)
        return f"{last.author}, {last.reason}"


def unsealed(command: OperatorCommand) -> OperatorCommand:
    """As it may be shown and kept: whoever wrote it could write anything."""
    author = command.author.strip()[:_LONGEST_NAME] or "somebody"
    reason = command.reason.strip()[:_LONGEST_REASON] or "no reason given"
    return replace(command, author=f"{author} (unsealed)", reason=reason)


def words(action: Action, command: OperatorCommand) -> str:
    if action is Action.ADOPT:
        return f"adopt order {command.order_id} of {command.venue}"
    unwind = "unwind" if command.min_price is None else f"unwind for no less than {plain(command.min_price)} a share"
    return {
        Action.UNWIND: unwind,
        Action.FORCE_FLAT: unwind,
        Action.HOLD: "hold",
        Action.RETRY: "try again",
        Action.ACCEPT: "accept what stands alone",
        Action.REVIVE: "take it up again",
    }[action]
