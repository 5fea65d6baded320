"""Judge of limits: what an intent may cost at the very most, and whether an order was decided within that.

Written a second time, in fractions; imports neither exposure, residual, overfill nor the intent's own worst cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from domain.evidence import Fill
from domain.intent import Intent, IntentLeg
from domain.orders import OrderTicket, Purpose, Side
from proof.simulate.judge_money import change

_LEVELS = 100
"""Fills whose fees' rounding a worst cost allows for."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An order when it was decided: `fills` are those its trade had by then, void ones left out."""

    ticket: OrderTicket
    fills: Sequence[Fill]


def beyond(intent: Intent, decided: Decided) -> list[str]:
    """What an order asks for that nobody planned or reserved."""
    ticket, wrong = decided.ticket, list[str]()
    if ticket.purpose is Purpose.MERGE:
        return wrong
    leg = next(leg for leg in intent.legs if leg.name == ticket.leg)
    if ticket.purpose is Purpose.OPEN and ticket.size != leg.size:
        wrong.append(f"{ticket} opens with another size than the {leg.size} planned")
    if ticket.purpose in (Purpose.OPEN, Purpose.HEDGE) and _worse(leg, ticket) > _slack(intent, ticket):
        wrong.append(f"{ticket} pays more than the {leg.limit} planned and the policy's slack")
    reserved = worst_cost(intent)
    needed = out(decided.fills) + outlay(leg, ticket, decided.fills)
    if needed > reserved:
        wrong.append(f"{ticket} may bring ${float(needed):.4f} out, ${float(reserved):.4f} was the most planned for")
    return wrong


def worst_cost(intent: Intent) -> Fraction:
    """The most that may ever be out: the plan at its limits with slack and the dearest fees, or the payoff; and the
    loss that a repair may make."""
    slack = Fraction(intent.policy.leg_b_slack)
    planned = sum((_dearest(leg, slack) for leg in intent.legs), Fraction(0))
    shorts = sum(1 for leg in intent.legs if leg.side is Side.SELL)
    payoff = (Fraction(intent.payoff) + shorts) * Fraction(intent.legs[0].size)
    return max(planned, payoff) + Fraction(intent.policy.loss_budget)


def out(fills: Iterable[Fill]) -> Fraction:
    """Dollars spent less what came back, and a dollar for each share held short."""
    spent, held = Fraction(0), dict[tuple[str, str], Fraction]()
    for fill in fills:
        spent -= Fraction(change(fill))
        signed = Fraction(fill.size if fill.side is Side.BUY else -fill.size)
        where = (str(fill.venue), fill.market)
        held[where] = held.get(where, Fraction(0)) + signed
    return spent + sum((-shares for shares in held.values() if shares < 0), Fraction(0))


def outlay(leg: IntentLeg, ticket: OrderTicket, fills: Iterable[Fill]) -> Fraction:
    """What all of an order can lock: its price, or its collateral beyond what it gives back; fees left out, whose
    dearest the worst cost holds already."""
    held = Fraction(0)
    for fill in fills:
        if (fill.venue, fill.market) == (leg.venue, leg.market):
            held += Fraction(fill.size if fill.side is Side.BUY else -fill.size)
    size, price = Fraction(ticket.size), Fraction(ticket.limit)
    if ticket.side is Side.BUY:
        closes = min(max(-held, Fraction(0)), size)
        return size * price - closes  # a share bought back frees its dollar
    opens = size - min(max(held, Fraction(0)), size)
    return opens - size * price if opens else Fraction(0)


def _dearest(leg: IntentLeg, slack: Fraction) -> Fraction:
    limit, size, taker = Fraction(leg.limit), Fraction(leg.size), Fraction(leg.fees.taker)
    price = min((limit if leg.side is Side.BUY else 1 - limit) + slack, Fraction(1))
    fees = size * taker / 4 + Fraction(1, 10_000)
    if str(leg.fees.model) == "polymarket":
        fees = size * taker / 4 ** int(leg.fees.exponent) + Fraction(1, 100_000)
        if leg.side is Side.BUY:  # the dollars of `size` buy more shares where they are cheap
            fees = max(fees, size * taker * price)
    return price * size + fees + Fraction(leg.fees.unit) * _LEVELS


def _worse(leg: IntentLeg, ticket: OrderTicket) -> Fraction:
    more = Fraction(ticket.limit) - Fraction(leg.limit)
    return more if ticket.side is Side.BUY else -more


def _slack(intent: Intent, ticket: OrderTicket) -> Fraction:
    return Fraction(0) if ticket.purpose is Purpose.OPEN else Fraction(intent.policy.leg_b_slack)
