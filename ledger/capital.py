"""What a trade holds of each venue's money, and the refusals to open one.

| while the trade | a venue's `reserved` is          | because                                                |
|-----------------|----------------------------------|--------------------------------------------------------|
| trades          | the intent's worst cost there,   | nothing it may still do can need more                  |
|                 | and what an overfill was         |                                                        |
|                 | reserved beside it               |                                                        |
| settles         | what was spent, and a dollar for | nothing more is bought; this is locked until the       |
|                 | each share held short            | markets pay                                            |
| is closed       | released                         | its cash is the venue's free money again               |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from domain.errors import Denied, Halted, SurefootError
from domain.evidence import Fill, FillStatus, Redemption
from domain.exposure import collateral
from domain.halt import Scope, strategy_targets
from domain.intent import Intent
from domain.market import Venue
from domain.money import tidy
from domain.orders import Purpose
from domain.snapshot import Capital
from domain.trade import OrderRecord, TradeRecord, TradeState
from ledger.claims import suspended
from ledger.halts import halt_of
from ledger.workflow_faults import fault_of


def wanted(intent: Intent, intent_id: str) -> tuple[Capital, ...]:
    """What opening this intent must reserve, in the order of venues in which locks are taken."""
    return tuple(Capital(intent_id, venue, intent.worst_cost_at(venue)) for venue in sorted(intent.venues))


def kept(intent: Intent, record: TradeRecord) -> tuple[Capital, ...]:
    """What a trade holds once this record is written; released if it is closed. `cash` is not the record's to say.

    Empty if nothing changes: a settling trade that writes down a command brings no fills to count what is locked.
    """
    closed = record.state is TradeState.CLOSED
    if record.state is TradeState.SETTLING and not record.fills:
        return ()
    more = max(record.reserved - intent.worst_cost, Decimal(0))
    beyond = {order.ticket.venue for order in overfilled(record)}
    rows = []
    for venue in sorted(intent.venues):
        reserved = Decimal(0)
        if record.state is TradeState.SETTLING:
            reserved = locked(venue, record.fills, record.redemptions)
        elif not closed:
            reserved = intent.worst_cost_at(venue) + (more if venue in beyond else 0)
        rows.append(Capital(record.intent_id, venue, reserved, released_at=record.at if closed else None))
    return tuple(rows)


def overfilled(record: TradeRecord) -> list[OrderRecord]:
    """Orders that the account's position proved to have brought more than was signed: more was reserved for them."""
    orders = (order for order in record.orders if order.ticket.purpose is not Purpose.ADOPTED)
    return [order for order in orders if order.filled > order.ticket.size]


def locked(venue: Venue, fills: Iterable[Fill], redemptions: Iterable[Redemption]) -> Decimal:
    """Dollars that a trade at rest cannot give back before its markets pay: spent, or collateral of shares held short.

    Selling a share that is not held credits its price and locks one dollar, until it is bought back or paid.
    """
    here = [fill for fill in fills if fill.venue is venue and fill.status is not FillStatus.VOID]
    paid = [one for one in redemptions if one.venue is venue]
    cash = sum((fill.cash for fill in here), Decimal(0)) + sum((one.cash for one in paid), Decimal(0))
    return max(collateral(here, paid) - cash, Decimal(0))


def scopes(intent: Intent) -> list[tuple[str, str]]:
    """The (scope, target) of every narrower halt that would cover this intent; see `domain.halt.Halt.covers`."""
    found: list[tuple[str, str]] = [(Scope.STRATEGY, name) for name in strategy_targets(intent.strategy)]
    for leg in intent.legs:
        found += [(Scope.VENUE, leg.venue), (Scope.MARKET, leg.market), (Scope.MARKET, f"{leg.venue}/{leg.market}")]
    return list(dict.fromkeys(found))


_STRANGER = {
    "other_run": "another workflow opened it",
    "closed": "the trade is over",
    "never_opened": "nothing opened the trade and it has adopted nothing, so nothing is to be hedged",
}


def refused(intent_id: str, why: Mapping[str, Any]) -> SurefootError:
    """The error behind what `open_trade` returned: a halt's row, a workflow fault's, a claim's, or the venue that has
    too little."""
    if "halt" in why:
        halt = halt_of(why["halt"])
        return Halted(
            f"{halt}. Nothing was sent; `surefoot resume {halt.id} --reason …` lifts it once its cause is gone",
            "halted",
        )
    if "fault" in why:
        fault = fault_of(why["fault"])
        return Halted(
            f"a market is halted by trade {fault.intent_id}: {fault.what}. Nothing was sent; it opens again once that "
            "trade moves",
            "halted",
        )
    if "claim" in why:
        return suspended(why)
    if "stranger" in why:
        said = _STRANGER[why["stranger"]]
        return Denied(f"{intent_id} is not this workflow's to send for: {said}. Nothing was sent", why["stranger"])
    if why["released_at"] is not None:
        return Denied(
            f"the capital of {intent_id} at {why['venue']} was released: the trade is over. Nothing was sent",
            "released",
        )
    free, needed, reserved = (tidy(Decimal(why[name])) for name in ("free", "wanted", "reserved"))
    return Denied(
        f"{why['venue']} has ${free} free, with ${reserved} reserved by open trades; {intent_id} may need ${needed} "
        "at worst. Nothing was sent; it fits once trades close, or smaller",
        "above_balance",
    )
