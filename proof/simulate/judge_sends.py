"""Judge of sends: whether an order stayed within what its trade may send at all, by the exchange's own fills.

A third count, in fractions, beside the workflow's and the activity's; imports neither, nor anything they count with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from domain.evidence import Fill
from domain.intent import Intent
from domain.orders import OrderTicket, Purpose, Side

MOST = 40
"""Orders that may leave without a person."""

_CENT = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Left:
    """An order as it was decided: `fills` are its trade's by then that the exchange let stand, without those of the
    order itself. `since` counts the orders since a person last spoke that the exchange did not refuse; `answered` is
    the most shares that it said one of them had filled, which is what a hedge is for."""

    ticket: OrderTicket
    fills: Sequence[Fill]
    since: int
    answered: Fraction = Fraction(0)


def unbounded(intent: Intent, left: Left, *, counts: bool) -> list[str]:
    """What is wrong with it. Without `counts` the fills say nothing: a person traded by hand, or a fill was voided."""
    ticket, wrong = left.ticket, list[str]()
    if left.since >= MOST:
        wrong.append(f"{ticket} is the order {left.since + 1} without a person")
    if ticket.purpose is Purpose.MERGE:
        return wrong
    leg = next(one for one in intent.legs if one.name == ticket.leg)
    size, planned = Fraction(ticket.size), Fraction(intent.legs[0].size)
    if ticket.side is not leg.side and size > max(planned, Fraction(leg.min_size)):
        wrong.append(f"{ticket} gives back more in one piece than the {planned} of the trade")
    if not counts:
        return wrong
    held = {one.name: _held(left.fills, one.market, one.side, one.venue) for one in intent.legs}
    if ticket.side is not leg.side and size > held[leg.name]:
        wrong.append(f"{ticket} gives back more than the {float(held[leg.name])} that are there")
    top = max([planned, *(held[one.name] for one in intent.legs if one.side is Side.BUY)])
    if ticket.purpose is Purpose.HEDGE:
        top = max(top, left.answered)
    if ticket.side is leg.side and held[leg.name] + size > top + _CENT:
        wrong.append(f"{ticket} beside {float(held[leg.name])} that are there brings more than {float(top)}")
    return wrong


def _held(fills: Iterable[Fill], market: str, side: Side, venue: str) -> Fraction:
    mine = [fill for fill in fills if (fill.venue, fill.market) == (venue, market) and not fill.merged]
    return sum((Fraction(fill.size) * (1 if fill.side is side else -1) for fill in mine), Fraction(0))
