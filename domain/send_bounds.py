"""What an order may be for at most, whatever counts it was decided on: asked of every order before it leaves.

| the order | at most | why |
|---|---|---|
| adds to a leg | the intent's size, less what the leg has or may get | a repair only restores what was planned |
| the same, another leg got more for its dollars | as many as that leg has | it is hedged as far as the money goes |
| adds to a leg | dollars: the reserve, less all that is or may be out | nothing more was set aside |
| gives back | what two agreeing sources say is held, less what may be gone | one wrong count must not sell |
| gives back | pieces of the intent's size, or of its venue's least | a wrong count does little before it is seen |
| hands sets back | sets that two agreeing sources say are whole | the same |
| any | so many since a person last spoke | what goes round in circles stops |

A count that is none (negative, no number) is taken for all that was asked. A second implementation of the same bounds,
from the ledger's facts, is `activities.send_bounds`; the two share no code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.fee_bounds import worst_fee
from domain.intent import Intent, IntentLeg
from domain.money import plain
from domain.orders import SETS, OrderTicket, Purpose, Side

BOUND = "bound"
"""Code of an order that was not sent because a bound refused it."""

_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sent:
    """An order of the trade as it stands. `filled` None: its count is none. `proven` is the count that two agreeing
    sources say, None while only one does; `cash` is signed, and never better than what was paid. `dearer`: more changed
    hands than was signed for."""

    ticket: OrderTicket
    settled: bool
    filled: Decimal | None
    proven: Decimal | None
    cash: Decimal
    dearer: bool = False

    @property
    def most(self) -> Decimal:
        """Shares it may come to."""
        if self.filled is None:
            return self.ticket.size
        return self.filled if self.settled else max(self.ticket.size, self.filled)

    @property
    def least(self) -> Decimal:
        """Shares it is sure to have come to."""
        return self.proven if self.settled and self.proven is not None else _NONE


def refusal(intent: Intent, ticket: OrderTicket, before: Sequence[Sent], *, reserve: Decimal, lately: int) -> str:
    """Why the order may not leave; empty if it may. `before` are the trade's other orders, `lately` how many of them
    left since a person last spoke."""
    if lately >= intent.policy.most_orders:
        most = intent.policy.most_orders
        return f"{lately} orders have left since a person last spoke, {most} may; any command renews them"
    if ticket.purpose is Purpose.MERGE:
        return _too_many_sets(intent, ticket, before)
    leg = next((leg for leg in intent.legs if leg.name == ticket.leg), None)
    if leg is None or (leg.venue, leg.market) != (ticket.venue, ticket.market):
        return f"{ticket.leg} in {ticket.market} is no leg of this trade"
    if ticket.side is leg.side:
        return _too_much_added(intent, leg, ticket, before, reserve)
    if ticket.size > largest_piece(intent, leg):
        return f"{plain(ticket.size)} to give back in one piece, {plain(largest_piece(intent, leg))} may be"
    held = surely_held(leg, before)
    if ticket.size > held:
        return f"{plain(ticket.size)} to give back of {leg.name}, two sources agree on {plain(held)} only"
    return ""


def largest_piece(intent: Intent, leg: IntentLeg) -> Decimal:
    """Shares to give back in one order: the intent's size, or the least that its venue takes where that is more (of an
    adopted order there may be more than was planned)."""
    return max(intent.size, leg.min_size)


def surely_held(leg: IntentLeg, before: Sequence[Sent]) -> Decimal:
    """Shares of a leg, in its own direction, that two agreeing sources say are there, whatever is still on its way."""
    had = sum((one.least for one in _of(leg, before) if one.ticket.side is leg.side), _NONE)
    gone = sum((one.most for one in _of(leg, before) if one.ticket.side is not leg.side), _NONE)
    return max(had - gone, _NONE)


def may_hold(leg: IntentLeg, before: Sequence[Sent]) -> Decimal:
    """Shares of a leg, in its own direction, that may be there at most; negative if it was surely oversold."""
    had = sum((one.most for one in _of(leg, before) if one.ticket.side is leg.side), _NONE)
    gone = sum((one.least for one in _of(leg, before) if one.ticket.side is not leg.side), _NONE)
    return had - gone


def ceiling(intent: Intent, leg: IntentLeg, before: Sequence[Sent]) -> Decimal:
    """Shares that a leg may come to: more than planned only where another bought more for the same dollars."""
    others = (other for other in intent.legs if other is not leg and other.side is Side.BUY)
    told = [one for one in before if one.settled and not (one.dearer and one.most > one.ticket.size)]
    return max([intent.size, *(may_hold(other, told) for other in others)])


def _too_much_added(
    intent: Intent, leg: IntentLeg, ticket: OrderTicket, before: Sequence[Sent], reserve: Decimal
) -> str:
    there, most = may_hold(leg, before), ceiling(intent, leg, before)
    if there + ticket.size > most:
        return f"{plain(ticket.size)} more of {leg.name} beside {plain(there)} it has or may get, {plain(most)} may be"
    adds = min(ticket.size, max(there + ticket.size, _NONE))
    each = ticket.limit if leg.side is Side.BUY else 1 - ticket.limit
    out, needed = out_at_worst(intent, before), each * adds + worst_fee(leg.fees, ticket.side, ticket.limit, adds)
    if adds and out + needed > reserve:
        return f"${plain(needed)} more beside ${plain(out)} that is or may be out, ${plain(reserve)} is reserved"
    return ""


def out_at_worst(intent: Intent, before: Sequence[Sent]) -> Decimal:
    """Dollars that are out, or may be once all that is on its way has filled; a share held short has one of them."""
    merged = sum((one.most for one in before if one.ticket.leg == SETS), _NONE)
    spent = -sum((one.cash for one in before), _NONE)
    short = sum((max(may_hold(leg, before) - merged, _NONE) for leg in intent.legs if leg.side is Side.SELL), _NONE)
    return spent + short


def _too_many_sets(intent: Intent, ticket: OrderTicket, before: Sequence[Sent]) -> str:
    back = sum((one.most for one in before if one.ticket.leg == SETS), _NONE)
    whole = min(surely_held(leg, before) for leg in intent.legs) - back
    if ticket.size > whole:
        return f"{plain(ticket.size)} sets to hand back, two sources agree on {plain(max(whole, _NONE))} only"
    return ""


def _of(leg: IntentLeg, before: Sequence[Sent]) -> list[Sent]:
    return [one for one in before if one.ticket.leg == leg.name]
