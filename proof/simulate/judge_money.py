"""Judge of the seven promises at the end of a run, counted a second time: from the exchange's own account and the
ledger's rows, by this module alone. It shares no code with `domain.invariants`, `domain.exposure` or the ledger.

    | promise  | what is counted                                                                                     |
    |----------|-----------------------------------------------------------------------------------------------------|
    | bytes    | each order left, and arrived, with one body only, and none that was never written down              |
    | fills    | the account's fills are the ledger's, number by number                                              |
    | shares   | per trade, leg by leg: whole sets, given back, alone                                                |
    | orphans  | nothing works at the exchange, and no order is left open                                            |
    | cash     | opening + fills + payments = the account's cash and the ledger's; positions; each trade's P&L        |
    | reserved | no trade ever had more out than it once had reserved                                                |
    | capital  | closed trades hold none                                                                             |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.evidence import Fill, FillStatus
from domain.intent import Intent
from domain.orders import Side
from domain.snapshot import Arrival, LedgerFacts, TradeFacts
from domain.trade import TradeState
from venues.port import Account

_ZERO = Decimal(0)
_Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Truth:
    """One exchange at the end. `payouts` are dollars a share by market; `strangers` the ids of orders that a person
    placed and no trade adopted; `forgiving` that reserves were not meant to cover what happened (purchases by hand,
    collateral of shares sold whose purchase became void)."""

    venue: str
    account: Account
    payouts: Mapping[str, Decimal]
    arrivals: Sequence[Arrival]
    strangers: frozenset[str]
    forgiving: bool


def judge(ledger: LedgerFacts, exchanges: Sequence[Truth]) -> list[str]:
    """Everything that does not hold, in words."""
    wrong = _capital(ledger)
    for truth in exchanges:
        wrong += _bytes(ledger, truth) + _fills(ledger, truth) + _orphans(ledger, truth) + _cash(ledger, truth)
    owners = _owners(ledger)
    for trade in ledger.trades:
        fills = [
            (truth, fill)
            for truth in exchanges
            for fill in truth.account.fills
            if _stands(fill) and owners.get(fill.client_order_id) == trade.id
        ]
        wrong += _shares(trade, [fill for _, fill in fills]) + _earned(trade, fills)
        if not any(truth.forgiving for truth in exchanges):
            wrong += _reserved(trade, [fill for _, fill in fills])
    return wrong


def change(fill: Fill) -> Decimal:
    """What a fill did to the account's dollars, fee included."""
    dollars = fill.size * fill.price if fill.paid is None else fill.paid
    return -dollars - fill.fee if fill.side is Side.BUY else dollars - fill.fee


def sets(intent: Intent, fills: Iterable[Fill]) -> tuple[Decimal, Decimal, Decimal]:
    """Shares of whole sets, given back, and alone. What was handed back as a set stays a set."""
    had: dict[_Place, Decimal] = {(leg.venue, leg.market): _ZERO for leg in intent.legs}
    back = dict(had)
    for fill in fills:
        place = (fill.venue, fill.market)
        opens = next(leg.side for leg in intent.legs if (leg.venue, leg.market) == place) is fill.side
        if fill.merged:
            continue
        if opens:
            had[place] += fill.size
        else:
            back[place] += fill.size
    left = [had[place] - back[place] for place in had]
    whole = max(_ZERO, min(left))
    return whole, sum((min(had[place], back[place]) for place in had), _ZERO), sum(abs(n - whole) for n in left) + _ZERO


# ---------------------------------------------------------------------- the promises


def _bytes(ledger: LedgerFacts, truth: Truth) -> list[str]:
    left: dict[str, set[str]] = {}
    for send in ledger.sends:
        left.setdefault(send.client_order_id, set()).add(send.sha256)
    foreign = {order.ticket.foreign_id for order in ledger.orders}
    wrong = [f"bytes: {name} left with {len(bodies)} bodies" for name, bodies in left.items() if len(bodies) != 1]
    for arrival in truth.arrivals:
        name = arrival.client_order_id
        if name not in foreign and {*arrival.sha256} != left.get(name):
            wrong.append(f"bytes: {name} arrived at {truth.venue} with other bytes than were written down")
    return wrong


def _fills(ledger: LedgerFacts, truth: Truth) -> list[str]:
    theirs = [_numbers(fill) for fill in _known(truth) if _stands(fill)]
    ours = [_numbers(fill) for fill in ledger.fills if fill.venue == truth.venue and _stands(fill)]
    wrong = [f"fills: {truth.venue} lists {row}, the ledger does not" for row in theirs if row not in ours]
    wrong += [f"fills: the ledger has {row}, {truth.venue} does not list it" for row in ours if row not in theirs]
    if len(ours) != len(theirs) and not wrong:
        wrong.append(f"fills: {truth.venue} lists {len(theirs)}, the ledger has {len(ours)}")
    return wrong


def _orphans(ledger: LedgerFacts, truth: Truth) -> list[str]:
    working = [order.order_id for order in truth.account.open_orders if order.order_id not in truth.strangers]
    wrong = [f"orphans: {truth.venue} still works {name}" for name in working]
    states = {trade.id: trade.state for trade in ledger.trades}
    for order in ledger.orders:
        if order.ticket.venue == truth.venue and not order.settled and order.sends:
            state = states.get(order.ticket.intent_id)
            if state is None or state is TradeState.CLOSED:
                wrong.append(f"orphans: {order.client_order_id} is not settled, its trade is {state}")
    return wrong


def _cash(ledger: LedgerFacts, truth: Truth) -> list[str]:
    """The exchange's dollars from nothing but its fills and what its markets paid; and the ledger's the same way."""
    opening = sum((e.amount for e in ledger.cash if e.venue == truth.venue and e.kind == "opening"), _ZERO)
    wrong: list[str] = []
    everything = [fill for fill in truth.account.fills if _stands(fill)]
    dollars, held = _counted(opening, everything, truth.payouts)
    if dollars != truth.account.cash:
        wrong.append(f"cash: {truth.venue} has ${truth.account.cash}; its fills and payments come to ${dollars}")
    if held != {market: shares for market, shares in truth.account.positions.items() if shares}:
        wrong.append(f"cash: {truth.venue} holds {truth.account.positions}; its fills come to {held}")
    mine, positions = _counted(opening, [fill for fill in _known(truth) if _stands(fill)], truth.payouts)
    booked = sum((entry.amount for entry in ledger.cash if entry.venue == truth.venue), _ZERO)
    kept = {m: n for (venue, m), n in ledger.positions.items() if venue == truth.venue and n}
    if kept != positions:
        wrong.append(f"cash: the ledger holds {kept} at {truth.venue}; the fills of our orders come to {positions}")
    if booked + sum((n for n in positions.values() if n < 0), _ZERO) != mine:
        wrong.append(
            f"cash: the ledger's entries at {truth.venue} come to ${booked}; our fills and payments to ${mine}"
        )
    return wrong


def _counted(
    opening: Decimal, fills: Iterable[Fill], payouts: Mapping[str, Decimal]
) -> tuple[Decimal, dict[str, Decimal]]:
    """Spendable dollars and shares: what is held short locks a dollar; a market that paid is no position any more."""
    dollars, held = opening, dict[str, Decimal]()
    for fill in fills:
        dollars += change(fill)
        held[fill.market] = held.get(fill.market, _ZERO) + (fill.size if fill.side is Side.BUY else -fill.size)
    for market, paid in payouts.items():
        dollars += held.pop(market, _ZERO) * paid
    dollars += sum((shares for shares in held.values() if shares < 0), _ZERO)
    return dollars, {market: shares for market, shares in held.items() if shares}


def _shares(trade: TradeFacts, fills: Sequence[Fill]) -> list[str]:
    counted = sets(trade.intent, fills)
    declared = (trade.hedged, trade.unwound, trade.residual)
    if trade.state is TradeState.CLOSED and counted != declared:
        return [f"shares: {trade.id} declares {declared}; the exchange's fills are {counted}"]
    return []


def _earned(trade: TradeFacts, fills: Sequence[tuple[Truth, Fill]]) -> list[str]:
    if trade.state is not TradeState.CLOSED:
        return []
    dollars = _ZERO
    for truth, fill in fills:
        signed = fill.size if fill.side is Side.BUY else -fill.size
        paid = truth.payouts.get(fill.market)
        if paid is None and signed:
            held = sum((f.size if f.side is Side.BUY else -f.size) for _, f in fills if f.market == fill.market)
            if held:
                return [f"cash: {trade.id} is closed with {held} of {fill.market}, which has not paid"]
        dollars += change(fill) + signed * (paid or _ZERO)
    return [] if dollars == trade.pnl else [f"cash: {trade.id} books ${trade.pnl}; it made ${dollars}"]


def _reserved(trade: TradeFacts, fills: Sequence[Fill]) -> list[str]:
    most = max((one.reserved for one in trade.reservations), default=_ZERO)
    spent, held, worst = _ZERO, dict[_Place, Decimal](), _ZERO
    ordered = sorted(fills, key=lambda fill: fill.at)
    for n, fill in enumerate(ordered):
        spent -= change(fill)
        place = (fill.venue, fill.market)
        held[place] = held.get(place, _ZERO) + (fill.size if fill.side is Side.BUY else -fill.size)
        if n + 1 == len(ordered) or ordered[n + 1].at != fill.at:
            worst = max(worst, spent - sum((shares for shares in held.values() if shares < 0), _ZERO))
    return [f"reserved: {trade.id} had ${worst} out, never more than ${most} reserved"] if worst > most else []


def _capital(ledger: LedgerFacts) -> list[str]:
    closed = {trade.id for trade in ledger.trades if trade.state is TradeState.CLOSED}
    known = {trade.id for trade in ledger.trades}
    return [
        f"capital: ${row.reserved} at {account.venue} is held by {row.intent_id}, which needs none"
        for account in ledger.capital
        for row in account.held
        if row.intent_id in closed or row.intent_id not in known
    ]


# ---------------------------------------------------------------------- parts


def _owners(ledger: LedgerFacts) -> dict[str, str]:
    return {order.client_order_id: order.ticket.intent_id for order in ledger.orders}


def _known(truth: Truth) -> list[Fill]:
    return [fill for fill in truth.account.fills if fill.order_id not in truth.strangers]


def _stands(fill: Fill) -> bool:
    return fill.status is not FillStatus.VOID


def _numbers(fill: Fill) -> tuple[object, ...]:
    dollars = fill.size * fill.price if fill.paid is None else fill.paid
    return (fill.trade_id, fill.order_id, fill.market, str(fill.side), fill.size, dollars, fill.fee)
