"""What a trade's fills amount to: hedged, unwound, alone; at what price, for how long, and what they earned.

Shares are counted in each leg's own direction: a fill on the leg's side opens, one on the other side closes.
A share held short stands for what it locks, a dollar less its price. Void fills count for nothing. Merged fills
neither open nor close: a set handed back stays hedged. A fill belongs to the leg of its venue and market; fills
elsewhere are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from domain.evidence import Fill, FillStatus, Redemption
from domain.intent import Intent, IntentLeg
from domain.market import Venue
from domain.orders import Side, Verdict
from domain.trade import DONE_TRADING, OrderRecord, TradeState

_SECOND = 1_000_000
_PICO = 10**12


@dataclass(frozen=True, slots=True)
class Split:
    """Where a trade's shares went. `hedged` counts whole sets, handed back or not; the others shares of any leg."""

    hedged: Decimal
    unwound: Decimal
    residual: Decimal

    @property
    def filled(self) -> Decimal:
        return self.hedged + self.unwound + self.residual


def own_fills(intent: Intent, fills: Iterable[Fill]) -> list[Fill]:
    """The fills that count, and are in a market of the intent. A stray one is an invariant's matter, not a report's."""
    markets = {(leg.venue, leg.market) for leg in intent.legs}
    return [fill for fill in _not_void(fills) if (fill.venue, fill.market) in markets]


def split(intent: Intent, fills: Iterable[Fill]) -> Split:
    """Whole sets of one share of every leg, shares opened and closed again, and shares that stand alone.

    Raises ValueError for a fill in a market that is no leg of the intent.
    """
    opened = {leg.name: Decimal(0) for leg in intent.legs}
    closed = dict(opened)
    for leg, fill in _standing(intent, fills):
        if not fill.merged:
            (opened if fill.side is leg.side else closed)[leg.name] += fill.size
    net = {name: opened[name] - closed[name] for name in opened}
    hedged = max(min(net.values()), Decimal(0))
    unwound = sum((min(opened[name], closed[name]) for name in net), Decimal(0))
    return Split(hedged, unwound, sum((abs(shares - hedged) for shares in net.values()), Decimal(0)))


def realised_pnl(intent: Intent, fills: Iterable[Fill], redemptions: Iterable[Redemption] = ()) -> Decimal:
    """Cash of all fills, fees included, and of what markets have paid; and the certain payoff of hedged shares that
    were neither handed back nor paid for yet. Dollars, exact; realised once no such share is left.

    A market that has paid a leg's share leaves the rest of the payoff to the legs that it has not paid.
    """
    standing = [fill for _, fill in _standing(intent, fills)]
    paid = {(one.venue, one.market): one for one in redemptions}
    cash = sum((fill.cash for fill in standing), Decimal(0)) + sum((one.cash for one in paid.values()), Decimal(0))
    return cash + _sets_left(intent, standing) * _payoff_left(intent, paid)


def payoff_due(intent: Intent, fills: Iterable[Fill], redemptions: Iterable[Redemption] = ()) -> Decimal:
    """The part of `realised_pnl` that is no cash yet: what the hedged shares still held are certain to be paid."""
    paid = {(one.venue, one.market): one for one in redemptions}
    standing = [fill for _, fill in _standing(intent, fills)]
    return _sets_left(intent, standing) * _payoff_left(intent, paid)


def collateral(fills: Iterable[Fill], redemptions: Iterable[Redemption] = ()) -> Decimal:
    """Dollars locked by shares held short after these fills: one each, until bought back or paid for."""
    held: dict[tuple[str, str], Decimal] = {}
    for fill in _not_void(fills):
        held[fill.venue, fill.market] = held.get((fill.venue, fill.market), Decimal(0)) + fill.shares
    for paid in redemptions:
        held[paid.venue, paid.market] = held.get((paid.venue, paid.market), Decimal(0)) - paid.shares
    return sum((max(-shares, Decimal(0)) for shares in held.values()), Decimal(0))


def peak_cash_out(fills: Iterable[Fill]) -> Decimal:
    """The most dollars these fills had out at once: fees included, and a dollar for each share held short.

    Fills of one instant count together, since nobody can say which came first.
    """
    running = peak = Decimal(0)
    held: dict[tuple[str, str], Decimal] = {}
    for _, instant in groupby(sorted(_not_void(fills), key=_at), key=_at):
        for fill in instant:
            running -= fill.cash
            held[fill.venue, fill.market] = held.get((fill.venue, fill.market), Decimal(0)) + fill.shares
        peak = max(peak, running + sum((max(-shares, Decimal(0)) for shares in held.values()), Decimal(0)))
    return peak


def unhedged_notional_seconds(intent: Intent, fills: Iterable[Fill], now: int) -> Decimal:
    """Dollar-seconds that shares stood alone: each leg's excess over the hedged sets × its average price × time.

    `now` is microseconds on the clock of the fills; it matters only while something still stands alone. Averages
    are kept as fractions; the sum alone is rounded, to 1e-12.
    """
    legs = {leg.name: _AveragePosition() for leg in intent.legs}
    total = Fraction(0)
    since: int | None = None
    for leg, fill in _in_time(intent, fills):
        if since is not None:
            total += _unhedged_notional(legs.values()) * (fill.at - since)
        since = fill.at
        legs[leg.name].add(fill.size if fill.side is leg.side else -fill.size, _stake(leg, fill.price))
    if since is not None and now > since:
        total += _unhedged_notional(legs.values()) * (now - since)
    return _rounded(total / _SECOND)


def unhedged_notional(intent: Intent, fills: Iterable[Fill]) -> Decimal:
    """Dollars that stand alone now: excess shares × their average price, rounded to 1e-12."""
    legs = {leg.name: _AveragePosition() for leg in intent.legs}
    for leg, fill in _in_time(intent, fills):
        legs[leg.name].add(fill.size if fill.side is leg.side else -fill.size, _stake(leg, fill.price))
    return _rounded(_unhedged_notional(legs.values()))


def exposed(intent: Intent, state: TradeState, orders: Sequence[OrderRecord], fills: Sequence[Fill] = ()) -> Decimal:
    """Dollars that could stand alone at worst, given what a trade knows: settled counts, and open orders going wrong.

    An order not settled may fill to its size or not at all, at its limit. The worst is the one leg that ends with the
    least leaving all others with the most. Shares counted without a fill are priced at their limit. A trade that is
    done trading, every order settled, has nothing at risk: what it left standing was declared, and accepted.
    """
    if state in DONE_TRADING and all(order.settled for order in orders):
        return Decimal(0)
    reach = {leg.name: _Reach() for leg in intent.legs}
    counted: dict[str, Decimal] = {}
    for leg, fill in _standing(intent, fills):
        if not fill.merged:
            counted[fill.client_order_id] = counted.get(fill.client_order_id, Decimal(0)) + fill.size
            reach[leg.name].count(fill.size, fill.size, _stake(leg, fill.price), opening=fill.side is leg.side)
    legs = {leg.name: leg for leg in intent.legs}
    for order in orders:
        ticket = order.ticket
        if ticket.leg not in legs:
            continue  # a merge takes the same from every leg
        leg, seen = legs[ticket.leg], counted.get(ticket.client_order_id, Decimal(0))
        sure = max(order.filled - seen, Decimal(0))
        most = sure if _final(order) else max(ticket.size - seen, sure)
        reach[leg.name].count(sure, most, _stake(leg, _dearest(order)), opening=ticket.side is leg.side)
    return max(
        sum((other.above(least.low) for name, other in reach.items() if name != short), Decimal(0))
        for short, least in reach.items()
    )


@dataclass(slots=True)
class _Reach:
    """Between which counts a leg may end, and what its opening shares cost at most."""

    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    opened: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    def count(self, sure: Decimal, most: Decimal, price: Decimal, *, opening: bool) -> None:
        if opening:
            self.low += sure
            self.high += most
            self.opened += most
            self.cost += most * price
        else:
            self.low -= most
            self.high -= sure

    def above(self, others: Decimal) -> Decimal:
        """Dollars in the shares that this leg may have beyond what another has, at their average price."""
        excess = self.high - max(others, Decimal(0))
        return excess * self.cost / self.opened if excess > 0 and self.opened > 0 else Decimal(0)


def _final(order: OrderRecord) -> bool:
    refused = order.result is not None and order.result.verdict in (Verdict.DENIED, Verdict.REJECTED)
    return order.settled or refused


@dataclass(slots=True)
class _AveragePosition:
    """Signed shares at their average price: adding averages in, reducing keeps the average, crossing zero restarts."""

    shares: Fraction = Fraction(0)
    average: Fraction = Fraction(0)

    def add(self, signed: Decimal, price: Decimal) -> None:
        change, at = Fraction(signed), Fraction(price)
        after = self.shares + change
        if self.shares * change >= 0:
            if after:
                self.average = (self.shares * self.average + change * at) / after
        elif after * self.shares < 0:
            self.average = at
        self.shares = after


def _unhedged_notional(legs: Iterable[_AveragePosition]) -> Fraction:
    positions = list(legs)
    hedged = max(min(position.shares for position in positions), Fraction(0))
    return sum((abs(p.shares - hedged) * p.average for p in positions), Fraction(0))


def _sets_left(intent: Intent, standing: Sequence[Fill]) -> Decimal:
    """Hedged sets that were not handed back."""
    merged = {(leg.venue, leg.market): Decimal(0) for leg in intent.legs}
    for fill in standing:
        if fill.merged:
            merged[fill.venue, fill.market] += fill.size
    return max(split(intent, standing).hedged - min(merged.values()), Decimal(0))


def _payoff_left(intent: Intent, paid: Mapping[tuple[Venue, str], Redemption]) -> Decimal:
    """What a set is still certain to be paid by the markets that have not paid."""
    legs = [(leg, paid.get((leg.venue, leg.market))) for leg in intent.legs]
    if all(redemption is not None for _, redemption in legs):
        return Decimal(0)
    had = (one.payout if leg.side is Side.BUY else -one.payout for leg, one in legs if one is not None)
    return intent.payoff - sum(had, Decimal(0))


def _stake(leg: IntentLeg, price: Decimal) -> Decimal:
    """Dollars that one share of the leg has out: its price, or for a share held short what its price leaves to $1."""
    return price if leg.side is Side.BUY else 1 - price


def _dearest(order: OrderRecord) -> Decimal:
    """The most a share of it can have cost on average; see `domain.overfill` for more shares than asked."""
    ticket = order.ticket
    over = ticket.side is Side.BUY and order.filled > ticket.size
    return ticket.limit * ticket.size / order.filled if over else ticket.limit


def _at(fill: Fill) -> int:
    return fill.at


def _in_time(intent: Intent, fills: Iterable[Fill]) -> list[tuple[IntentLeg, Fill]]:
    """Fills that open or close, by exchange time."""
    moving = (pair for pair in _standing(intent, fills) if not pair[1].merged)
    return sorted(moving, key=lambda pair: (pair[1].at, pair[1].trade_id))


def _not_void(fills: Iterable[Fill]) -> list[Fill]:
    return [fill for fill in fills if fill.status is not FillStatus.VOID]


def _standing(intent: Intent, fills: Iterable[Fill]) -> list[tuple[IntentLeg, Fill]]:
    legs = {(leg.venue, leg.market): leg for leg in intent.legs}
    paired = []
    for fill in _not_void(fills):
        leg = legs.get((fill.venue, fill.market))
        if leg is None:
            expected = " and ".join(market for _, market in legs)
            raise ValueError(f"fill {fill.trade_id} is in {fill.market}; {intent.id} trades {expected}: not its fill")
        paired.append((leg, fill))
    return paired


def _rounded(value: Fraction) -> Decimal:
    picos = Decimal(round(value * _PICO)).scaleb(-12)
    short = picos.quantize(Decimal("0.01"))
    return short if short == picos else picos.normalize()
