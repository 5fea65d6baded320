"""What must hold after any run. Each is a pure function that says whether it holds and, if not, exactly what differs.

    | name                       | promise                                                                         |
    |----------------------------|---------------------------------------------------------------------------------|
    | same_bytes                 | no order id left, or arrived, with two bodies; nothing arrived unrecorded       |
    | fills_match                | every venue fill is in the ledger once, with the same numbers, and the reverse  |
    | shares_accounted           | filled = hedged + unwound + declared residual, for every trade at rest          |
    | no_orphan_orders           | no working venue order without an open trade; no closed trade with an open order|
    | cash_and_positions_balance | entries − collateral = the venue's cash; positions equal; P&L = what fills say  |
    | reservation_covered        | no trade ever had more at risk, or more cash out, than it had reserved          |
    | capital_conserved          | what is held belongs to open trades, covers them, and nothing counts twice      |

`holds` is None when the question could not be asked (no venue snapshot): never true by absence. A contradiction
found in the ledger alone makes it false even then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from domain.evidence import Fill, FillStatus, Redemption
from domain.excused import Excused, told
from domain.exposure import collateral, peak_cash_out, realised_pnl, split
from domain.market import Venue
from domain.money import plain
from domain.snapshot import Arrival, LedgerFacts, OrderNames, TradeFacts, VenueCapital, VenueSnapshot
from domain.trade import DONE_TRADING, Outcome, TradeState

AT_REST = DONE_TRADING | {TradeState.HEDGED, TradeState.MISSED, TradeState.STUCK}
"""States whose record claims to know all of its fills. On the way, the ledger may know fills the record does not."""

_OF_TRADES = ("fill", "void", "settlement")
"""The kinds of cash entries that fills and redemptions explain."""

_Key = TypeVar("_Key", bound=tuple[str, ...])

NO_VENUE = "not judged: no venue snapshot; the exchange must be reachable to compare with it"


@dataclass(frozen=True, slots=True)
class Finding:
    """`violations` names every id and number that differs; `note` says on what a partial judgement rests."""

    name: str
    holds: bool | None
    violations: tuple[str, ...] = ()
    note: str = ""


def check_all(
    ledger: LedgerFacts, venue: VenueSnapshot | None, arrivals: Iterable[Arrival] | None = None
) -> tuple[Finding, ...]:
    """All seven, in the order of this module's table, with one venue's account; or with none to compare with."""
    return (
        same_bytes(ledger, arrivals),
        fills_match(ledger, venue),
        shares_accounted(ledger),
        no_orphan_orders(ledger, venue),
        cash_and_positions_balance(ledger, venue),
        reservation_covered(ledger),
        capital_conserved(ledger),
    )


def same_bytes(ledger: LedgerFacts, arrivals: Iterable[Arrival] | None = None) -> Finding:
    """No order was sent twice with different bytes, and no bytes arrived that were never recorded.

    The bytes of an order that was placed elsewhere and adopted are not ours to know; only that it is on record.
    """
    missed, known, excused = 0, list[str](), Excused(ledger)
    named = {order.order_id: order.client_order_id for order in ledger.orders if order.order_id}
    foreign = {order.ticket.foreign_id for order in ledger.orders if order.ticket.foreign_id}
    bodies: dict[str, set[str]] = {}
    copies: Counter[str] = Counter()
    for send in ledger.sends:
        bodies.setdefault(send.client_order_id, set()).add(send.sha256)
        copies[send.client_order_id] += 1
    wrong = [
        f"order {order} left with {len(digests)} different bodies: {', '.join(sorted(digests))}"
        for order, digests in bodies.items()
        if len(digests) > 1
    ]
    for arrival in arrivals or ():
        ours = arrival.client_order_id or named.get(arrival.order_id, "")
        order = ours or arrival.order_id or "(no client order id)"
        if ours not in bodies and excused.order(ours, arrival.order_id):
            known.append(order)
            continue
        if len(set(arrival.sha256)) > 1:
            wrong.append(f"order {order} arrived with different bodies: {', '.join(sorted(set(arrival.sha256)))}")
        if ours in foreign:
            continue
        if unrecorded := set(arrival.sha256) - bodies.get(ours, set()):
            wrong.append(f"order {order} arrived with a body never recorded as sent: {', '.join(sorted(unrecorded))}")
        missed += max(arrival.times - copies[ours], 0)
    note = "" if arrivals is not None else "judged by the ledger's record of what left; no audit of what arrived"
    if missed:  # the same bytes once more, while the ledger was away: harmless, the venue refuses them by their id
        note = f"{missed} repeated copies of recorded bytes arrived without a line of their own"
    notes = (note, told("orders reached the exchange that this ledger never sent", known))
    return Finding("same_bytes", not wrong, tuple(wrong), "; ".join(filter(None, notes)))


def fills_match(ledger: LedgerFacts, venue: VenueSnapshot | None) -> Finding:
    """Every fill of the venue is in the ledger exactly once, with the same numbers, and the reverse."""
    wrong = [f"the ledger has fill {_key_text(key)} {n} times" for key, n in _counts(ledger.fills).items() if n > 1]
    if venue is None:
        return _unjudged("fills_match", wrong)
    wrong += [
        f"{venue.venue} lists fill {_key_text(key)} {n} times" for key, n in _counts(venue.fills).items() if n > 1
    ]
    ours = {_key(fill): fill for fill in ledger.fills if fill.venue is venue.venue}
    theirs = {_key(fill): fill for fill in venue.fills}
    for key, fill in theirs.items():
        mine = ours.get(key)
        if mine is None:
            if fill.status is not FillStatus.VOID:
                wrong.append(f"{venue.venue} lists fill {_key_text(key)} ({_terms(fill)}); the ledger lacks it")
        elif _terms(mine) != _terms(fill):
            wrong.append(f"fill {_key_text(key)}: {venue.venue} says {_terms(fill)}, the ledger {_terms(mine)}")
    wrong += [
        f"the ledger has fill {_key_text(key)} ({_terms(fill)}); {venue.venue} does not list it"
        for key, fill in ours.items()
        if key not in theirs and fill.status is not FillStatus.VOID
    ]
    return Finding("fills_match", not wrong, tuple(wrong))


def shares_accounted(ledger: LedgerFacts) -> Finding:
    """filled = hedged + unwound + declared residual for every trade at rest, and its outcome says the same."""
    wrong, late, excused = list[str](), list[str](), Excused(ledger)
    grouped = ledger.fills_by_intent()
    for trade in ledger.trades:
        fills = grouped.get(trade.id, [])
        try:
            actual = split(trade.intent, fills)
        except ValueError as stray:
            wrong.append(f"trade {trade.id}: {stray}")
            continue
        if trade.state not in AT_REST:
            continue
        declared = (trade.hedged, trade.unwound, trade.residual)
        counted = (actual.hedged, actual.unwound, actual.residual)
        if declared != counted and excused.trade(trade.id):
            late.append(trade.id)
        elif declared != counted:
            wrong.append(
                f"trade {trade.id} ({trade.state}): its fills are {_shares(*counted)} = {plain(actual.filled)} "
                f"filled, it declares {_shares(*declared)}"
            )
        if (contradiction := _outcome_contradiction(trade)) is not None:
            wrong.append(f"trade {trade.id}: {contradiction}")
    known = {trade.id for trade in ledger.trades}
    wrong += [
        f"{len(fills)} fills belong to intent {intent_id}, which has no trade in the ledger"
        for intent_id, fills in grouped.items()
        if intent_id not in known
    ]
    return Finding("shares_accounted", not wrong, tuple(wrong), told("trades were closed before some fills", late))


def no_orphan_orders(ledger: LedgerFacts, venue: VenueSnapshot | None) -> Finding:
    """Every working order belongs to a trade that still trades, and one that does not has no order left open."""
    states = {trade.id: trade.state for trade in ledger.trades}
    owners, excused = OrderNames(ledger.orders), Excused(ledger)
    wrong, known = list[str](), list[str]()
    for order in ledger.orders:
        state = states.get(order.ticket.intent_id)
        if state is None:
            wrong.append(f"order {order.client_order_id} belongs to {order.ticket.intent_id}, which has no trade")
        elif state in DONE_TRADING and order.open:
            trade_id = order.ticket.intent_id
            wrong.append(f"order {order.client_order_id} is not settled, but its trade {trade_id} is {state.lower()}")
    if venue is None:
        return _unjudged("no_orphan_orders", wrong)
    for working in venue.working:
        order_of_ours = owners.find(venue.venue, working.client_order_id, working.order_id)
        what = f"{venue.venue} works order {working.order_id} ({plain(working.remaining)} left on {working.market})"
        if order_of_ours is None and excused.order("", working.order_id):
            known.append(working.order_id)
        elif order_of_ours is None:
            wrong.append(f"{what}: no order of ours has its client id {working.client_order_id or '(none)'}")
        elif (state := states.get(owner := order_of_ours.ticket.intent_id)) is not None and state in DONE_TRADING:
            wrong.append(f"{what}: its trade {owner} is {state.lower()}")
    return Finding("no_orphan_orders", not wrong, tuple(wrong), told("working orders are of nobody here", known))


def cash_and_positions_balance(ledger: LedgerFacts, venue: VenueSnapshot | None) -> Finding:
    """Opening cash and every entry, less a dollar for each share held short, add up to the venue's cash; positions
    agree; booked P&L is what fills and redemptions say.

    Selling a share that is not held credits its price and locks a dollar, which is the same as paying the rest of the
    dollar for its opposite.
    """
    wrong = _entries_against_fills(ledger) + _positions_against_fills(ledger) + _pnl_against_fills(ledger)
    if venue is None:
        return _unjudged("cash_and_positions_balance", wrong)
    entries = [entry for entry in ledger.cash if entry.venue is venue.venue]
    openings = [entry for entry in entries if entry.kind == "opening"]
    if len(openings) != 1:
        wrong.append(f"{venue.venue} has {len(openings)} opening balances in the ledger; expected exactly one")
    ours = {market: shares for (where, market), shares in ledger.positions.items() if where is venue.venue}
    short = sum((max(-shares, Decimal(0)) for shares in ours.values()), Decimal(0))
    booked = sum((entry.amount for entry in entries), Decimal(0))
    if booked - short != venue.cash:
        less = f" less ${plain(short)} of collateral" if short else ""
        wrong.append(
            f"{venue.venue} holds ${plain(venue.cash)}, the ledger adds up to ${plain(booked)}{less}: "
            f"${plain(venue.cash - booked + short)} unexplained"
        )
    for market in sorted(set(ours) | set(venue.positions)):
        theirs, mine = venue.positions.get(market, Decimal(0)), ours.get(market, Decimal(0))
        if theirs != mine:
            wrong.append(f"{market}: {venue.venue} holds {plain(theirs)} shares, the ledger {plain(mine)}")
    return Finding("cash_and_positions_balance", not wrong, tuple(wrong))


def reservation_covered(ledger: LedgerFacts) -> Finding:
    """No revision of a trade had more at risk than reserved; its cash out never passed its largest reservation.

    A trade that settles has reserved at least what it spent and nobody has paid back.
    """
    wrong: list[str] = []
    grouped, redeemed = ledger.fills_by_intent(), ledger.redemptions_by_intent()
    for trade in ledger.trades:
        wrong += [
            f"trade {trade.id} revision {held.revision}: ${plain(held.exposed)} at risk, "
            f"${plain(held.reserved)} reserved"
            for held in trade.reservations
            if held.exposed > held.reserved
        ]
        peak = peak_cash_out(grouped.get(trade.id, []))
        most = max((held.reserved for held in trade.reservations), default=Decimal(0))
        if peak > most:
            wrong.append(f"trade {trade.id} had ${plain(peak)} out, and never more than ${plain(most)} reserved")
        if trade.state is TradeState.SETTLING:
            out = -_cash(grouped.get(trade.id, []), redeemed.get(trade.id, []))
            if out > trade.reserved:
                wrong.append(f"trade {trade.id} settles with ${plain(out)} out, ${plain(trade.reserved)} reserved")
    return Finding("reservation_covered", not wrong, tuple(wrong))


def capital_conserved(ledger: LedgerFacts) -> Finding:
    """Capital is held by open trades only, at each venue no less than the trade could still need there; and the sums
    that openings are weighed by are those of the entries, each counted once."""
    trades = {trade.id: trade for trade in ledger.trades}
    held = {(row.intent_id, row.venue): row for account in ledger.capital for row in account.held}
    wrong = [text for account in ledger.capital for text in _sums_differ(ledger, account)]
    for (intent_id, venue), row in held.items():
        state = trades[intent_id].state if intent_id in trades else None
        if state in (None, TradeState.CLOSED):
            what = "is closed" if state else "is not in the ledger"
            wrong.append(f"${plain(row.reserved)} at {venue} is held for trade {intent_id}, which {what}")
    grouped, redeemed = ledger.fills_by_intent(), ledger.redemptions_by_intent()
    spent = {order.ticket.intent_id for order in ledger.orders if order.open or order.filled}
    for trade in ledger.trades:
        if trade.state is TradeState.CLOSED:
            continue
        for venue in trade.intent.venues:
            has = held.get((trade.id, venue))
            if has is None:
                if trade.id in spent:  # one of which nothing ever left may have been released by hand
                    wrong.append(f"trade {trade.id} ({trade.state}) holds no capital at {venue}")
                continue
            needs = trade.intent.worst_cost_at(venue)
            if trade.state is TradeState.SETTLING:
                fills = [fill for fill in grouped.get(trade.id, []) if fill.venue is venue]
                paid = [one for one in redeemed.get(trade.id, []) if one.venue is venue]
                needs = collateral(fills, paid) - _cash(fills, paid)
            if has.reserved < needs:
                wrong.append(
                    f"trade {trade.id} ({trade.state}) may need ${plain(needs)} at {venue}, "
                    f"${plain(has.reserved)} reserved"
                )
    return Finding("capital_conserved", not wrong, tuple(wrong))


# ---------------------------------------------------------------------- parts


def _entries_against_fills(ledger: LedgerFacts) -> list[str]:
    expected: dict[tuple[Venue, str, str], Decimal] = {}
    for fill in ledger.fills:
        ref = f"{fill.trade_id}/{fill.order_id}"
        expected[fill.venue, "fill", ref] = fill.cash
        if fill.status is FillStatus.VOID:
            expected[fill.venue, "void", ref] = -fill.cash
    for paid in ledger.redemptions:
        expected[paid.venue, "settlement", f"{paid.market}/{paid.intent_id}"] = paid.cash
    booked = {(entry.venue, entry.kind, entry.ref): entry.amount for entry in ledger.cash if entry.kind in _OF_TRADES}
    return _differences(expected, booked, "cash entry {}: fills say ${}, booked ${}")


def _positions_against_fills(ledger: LedgerFacts) -> list[str]:
    held: dict[tuple[Venue, str], Decimal] = {}
    for fill in ledger.fills:
        if fill.status is not FillStatus.VOID:
            held[fill.venue, fill.market] = held.get((fill.venue, fill.market), Decimal(0)) + fill.shares
    for paid in ledger.redemptions:
        held[paid.venue, paid.market] = held.get((paid.venue, paid.market), Decimal(0)) - paid.shares
    return _differences(held, ledger.positions, "position {}: fills say {}, the ledger {}")


def _pnl_against_fills(ledger: LedgerFacts) -> list[str]:
    wrong, excused = list[str](), Excused(ledger)
    grouped, redeemed = ledger.fills_by_intent(), ledger.redemptions_by_intent()
    for trade in ledger.trades:
        if trade.state is not TradeState.CLOSED or excused.trade(trade.id):
            continue
        try:
            earned = realised_pnl(trade.intent, grouped.get(trade.id, []), redeemed.get(trade.id, []))
        except ValueError:
            continue  # shares_accounted names the stray fill
        if earned != trade.pnl:
            wrong.append(f"trade {trade.id} books ${plain(trade.pnl)}; its fills earned ${plain(earned)}")
    return wrong


def _sums_differ(ledger: LedgerFacts, account: VenueCapital) -> list[str]:
    entries = [entry for entry in ledger.cash if entry.venue is account.venue]
    booked = sum((entry.amount for entry in entries), Decimal(0))
    reserved = sum((row.reserved for row in account.held), Decimal(0))
    sums = [
        ("cash", booked, account.cash),
        ("reserved capital", reserved, account.reserved),
    ]
    for row in account.held:
        mine = sum((entry.amount for entry in entries if entry.intent_id == row.intent_id), Decimal(0))
        sums.append((f"cash of {row.intent_id}", mine, row.cash))
    return [
        f"{account.venue}: {what} adds up to ${plain(adds_up)}, the account says ${plain(says)}"
        for what, adds_up, says in sums
        if adds_up != says
    ]


def _cash(fills: Iterable[Fill], redemptions: Iterable[Redemption]) -> Decimal:
    booked = sum((fill.cash for fill in fills if fill.status is not FillStatus.VOID), Decimal(0))
    return booked + sum((one.cash for one in redemptions), Decimal(0))


def _outcome_contradiction(trade: TradeFacts) -> str | None:
    """Why the outcome cannot be, given the declared shares; None if it can. Dust is the policy's."""
    dust, outcome = trade.intent.policy.dust, trade.outcome
    shares = _shares(trade.hedged, trade.unwound, trade.residual)
    if trade.state is TradeState.CLOSED and outcome is None:
        return "closed without an outcome"
    if outcome is not None and outcome is not Outcome.RESIDUAL and trade.residual > dust:
        return f"outcome {outcome} leaves {plain(trade.residual)} shares standing alone"
    filled = trade.hedged + trade.unwound + trade.residual
    impossible = (
        (outcome in (Outcome.MISSED, Outcome.DENIED) and filled > dust)
        or (outcome is Outcome.HEDGED and (trade.hedged <= 0 or trade.unwound > 0))
        or (outcome is Outcome.UNWOUND and (trade.hedged > 0 or trade.unwound <= 0))
        or (outcome is Outcome.REDUCED and (trade.hedged <= 0 or trade.unwound <= 0))
        or (outcome is Outcome.RESIDUAL and trade.residual <= 0)
    )
    return f"outcome {outcome} contradicts {shares}" if impossible else None


def _differences(expected: Mapping[_Key, Decimal], seen: Mapping[_Key, Decimal], text: str) -> list[str]:
    """One line for each key whose two amounts differ; an absent key counts as zero."""
    zero = Decimal(0)
    return [
        text.format("/".join(key), plain(expected.get(key, zero)), plain(seen.get(key, zero)))
        for key in sorted(set(expected) | set(seen))
        if expected.get(key, zero) != seen.get(key, zero)
    ]


def _unjudged(name: str, wrong: list[str]) -> Finding:
    return Finding(name, False if wrong else None, tuple(wrong), NO_VENUE)


def _key(fill: Fill) -> tuple[str, str, str]:
    return (fill.venue, fill.trade_id, fill.order_id)


def _key_text(key: tuple[str, str, str]) -> str:
    return "/".join(key)


def _counts(fills: Iterable[Fill]) -> Counter[tuple[str, str, str]]:
    return Counter(_key(fill) for fill in fills)


def _terms(fill: Fill) -> str:
    void = ", void" if fill.status is FillStatus.VOID else ""
    paid = "" if fill.paid is None else f" ({plain(fill.paid.normalize())} in all)"
    size, price, fee = (plain(number.normalize()) for number in (fill.size, fill.told_price, fill.fee))
    return f"{fill.side} {fill.market} {size} at {price}{paid} fee {fee}{void}"


def _shares(hedged: Decimal, unwound: Decimal, residual: Decimal) -> str:
    return f"hedged {plain(hedged)} + unwound {plain(unwound)} + residual {plain(residual)}"
