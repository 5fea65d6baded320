"""What the judges say of a world that has run: invariants twice over, fees, limits.

The judges know nothing of a world; here its exchanges, its ledger and its trades are put before them.
`domain.invariants` runs beside the plain second count: what either finds is wrong, and what only one of the two finds
is told as such, for then one of the two is wrong as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from domain.evidence import Fill, FillStatus
from domain.fees import FeeModel, FeeSchedule
from domain.invariants import check_all
from domain.market import Venue
from domain.orders import OrderTicket, Side, SubmitResult, Verdict
from domain.snapshot import LedgerFacts, VenueSnapshot, WorkingOrder
from proof.simulate.durable import Kind
from proof.simulate.judge_fees import Match, Rates, Row, wrong_fees
from proof.simulate.judge_limits import Decided, beyond
from proof.simulate.judge_money import Truth, judge
from proof.simulate.judge_sends import Left, unbounded
from venues.port import Account

if TYPE_CHECKING:
    from proof.simulate.life import Life
from proof.simulate.world import World


def verdicts(world: World, ledger: LedgerFacts, accounts: Mapping[Venue, Account]) -> list[str]:
    """Everything that does not hold at the end, in words."""
    first = list(_invariants(world, ledger, accounts))
    second = judge(ledger, _truths(world, ledger, accounts))
    if bool(first) != bool(second):
        lone = "`domain.invariants`" if first else "the second count"
        (first or second).append(f"judges: only {lone} found something; one of the two is wrong")
    return [*first, *second, *_fees(world)]


def limits(world: World, life: Life, fills: Sequence[Fill], *, asked: bool) -> Iterator[str]:
    """What the trade decided beyond its intent's limits. A person may ask for a loss without one, and what a venue took
    back afterwards the trade may have counted on."""
    if asked or world.hands or world.overfilled or any(fill.status is FillStatus.VOID for fill in fills):
        return
    seen: set[str] = set()
    for command in life.history.every_command():
        if command.name != "submit":
            continue
        ticket: OrderTicket = command.arguments[0]
        if ticket.client_order_id in seen:
            continue
        seen.add(ticket.client_order_id)
        before = [f for f in fills if f.at <= command.at and f.client_order_id != ticket.client_order_id]
        yield from (f"limits: {text}" for text in beyond(life.plan.intent, Decided(ticket, before)))


def sends(world: World, life: Life, fills: Sequence[Fill]) -> Iterator[str]:
    """What left beyond what a trade may send at all, whoever asked for it."""
    counts = not (world.hands or any(fill.status is FillStatus.VOID for fill in fills))
    refused = {result.client_order_id for result in _refused(life)}
    seen, since, spoken = set[str](), 0, 0
    for command in life.history.every_command():
        if command.name != "submit":
            continue
        ticket: OrderTicket = command.arguments[0]
        if ticket.client_order_id in seen:
            continue
        seen.add(ticket.client_order_id)
        said = _spoken(life, command.after)
        since, spoken = (0 if said != spoken else since), said
        if not world.copies[ticket.client_order_id]:
            continue  # it never left
        before = [f for f in fills if f.at <= command.at and f.client_order_id != ticket.client_order_id]
        told = max((Fraction(answer.filled) for answer in _accepted(life, command.at)), default=Fraction(0))
        found = unbounded(life.plan.intent, Left(ticket, before, since, told), counts=counts)
        yield from (f"sends: {text}" for text in found)
        since += ticket.client_order_id not in refused


def _accepted(life: Life, until: int) -> Iterator[SubmitResult]:
    return (answer for at, answer in life.answers if at <= until and answer.verdict is Verdict.ACCEPTED)


def _refused(life: Life) -> Iterator[OrderTicket]:
    """The orders that the exchange refused and that nothing filled of, by the trade's own last record."""
    record = life.history.record
    for order in record.orders if record is not None else ():
        if order.result is not None and order.result.verdict is Verdict.REJECTED and not order.filled:
            yield order.ticket


def _spoken(life: Life, until: int) -> int:
    """How many commands a trade had taken."""
    events = life.history.every_event()[:until]
    return sum(event.kind is Kind.SAID and not event.refused for event in events)


def rates_of(fees: FeeSchedule) -> Rates:
    """A market's rates as the judge of fees reads them."""
    return Rates(fees.taker, fees.maker, fees.unit, fees.exponent, half_up=fees.model is FeeModel.POLYMARKET)


def _fees(world: World) -> Iterator[str]:
    for exchange in world.venues.values():
        for order in exchange.placed():
            rows = [
                Row(
                    fill.trade_id,
                    tuple(Match(price, size) for price, size in order.matches[fill.trade_id]),
                    fill.side is Side.BUY,
                    fill.taker,
                    fill.fee,
                )
                for fill in order.fills
                if not fill.merged
            ]
            yield from (f"fees: {text}" for text in wrong_fees(rates_of(order.fees), rows))


def _truths(world: World, ledger: LedgerFacts, accounts: Mapping[Venue, Account]) -> list[Truth]:
    adopted = {order.ticket.foreign_id for order in ledger.orders if order.ticket.foreign_id}
    return [
        Truth(
            venue=venue,
            account=account,
            payouts={m: paid.payout for m, paid in world.venues[venue].payouts.items() if paid.payout is not None},
            arrivals=tuple(world.venues[venue].arrivals.values()),
            strangers=frozenset(_unowned(world, ledger, venue)),
            forgiving=bool(adopted or world.voids or world.overfilled),
        )
        for venue, account in accounts.items()
    ]


def _invariants(world: World, ledger: LedgerFacts, accounts: Mapping[Venue, Account]) -> Iterator[str]:
    adopted = any(order.ticket.foreign_id for order in ledger.orders)
    for venue, account in accounts.items():
        exchange = world.venues[venue]
        seen = _without_unowned(world, ledger, venue, account)
        for finding in check_all(ledger, seen, exchange.arrivals.values()):
            if finding.name == "reservation_covered" and (adopted or world.voids or world.overfilled):
                continue  # not reserved: purchases by hand, and collateral of shares sold whose purchase became void
            yield from (f"{finding.name}: {text}" for text in finding.violations)
            if finding.holds is None:
                yield f"{finding.name}: not judged"


def _without_unowned(world: World, ledger: LedgerFacts, venue: Venue, account: Account) -> VenueSnapshot:
    """The account without what a person traded there by hand and no trade adopted."""
    unowned = _unowned(world, ledger, venue)
    theirs = [fill for fill in account.fills if fill.order_id in unowned and fill.status is not FillStatus.VOID]
    cash, positions = account.cash, dict(account.positions)
    for fill in theirs:
        paid = world.venues[venue].payouts.get(fill.market)
        cash -= fill.cash + (fill.shares * (paid.payout or 0) if paid is not None else 0)
        if paid is None:
            held = positions.get(fill.market, Decimal(0))
            positions[fill.market] = held - fill.shares
            cash += max(-held, Decimal(0)) - max(fill.shares - held, Decimal(0))  # the collateral of shares held short
    return VenueSnapshot(
        venue=venue,
        cash=cash,
        positions={market: shares for market, shares in positions.items() if shares},
        working=tuple(WorkingOrder(o.order_id, o.client_order_id, o.market, o.remaining) for o in account.open_orders),
        fills=tuple(fill for fill in account.fills if fill.order_id not in unowned),
    )


def _unowned(world: World, ledger: LedgerFacts, venue: Venue) -> set[str]:
    """The venue's ids of orders that a person placed by hand and no trade adopted."""
    owned = {order.order_id for order in ledger.orders if order.ticket.foreign_id}
    placed = (where_id for orders in world.by_hand.values() for where_id in orders)
    return {order_id for where, order_id in placed if where is venue and order_id not in owned}
