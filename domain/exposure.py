"""What a trade's fills amount to: hedged, unwound, alone; at what price, for how long, and what they earned.

Shares are counted in each leg's own direction: a fill on the leg's side opens, one on the other side closes.
Void fills count for nothing. A fill belongs to the leg of its venue and market; fills elsewhere are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.evidence import Fill, FillStatus, Redemption
from domain.intent import Intent, IntentLeg
from domain.orders import Side, Verdict
from domain.trade import OrderRecord, TradeState

_SECOND = 1_000_000
_PICO = 10**12


@dataclass(frozen=True, slots=True)
class Split:
    """Where a trade's shares went. `hedged` counts pairs; `unwound` and `residual` shares of any leg."""

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
    """Hedged pairs, shares opened and closed again, and shares that stand alone.

    Raises ValueError for a fill in a market that is no leg of the intent.
    """
    opened = {leg.name: Decimal(0) for leg in intent.legs}
    closed = dict(opened)
    for leg, fill in _standing(intent, fills):
        (opened if fill.side is leg.side else closed)[leg.name] += fill.size
    net = {name: opened[name] - closed[name] for name in opened}
    hedged = max(min(net.values()), Decimal(0))
    unwound = sum((min(opened[name], closed[name]) for name in net), Decimal(0))
    return Split(hedged, unwound, sum((abs(shares - hedged) for shares in net.values()), Decimal(0)))


def realised_pnl(intent: Intent, fills: Iterable[Fill], redemptions: Iterable[Redemption] = ()) -> Decimal:
    """Cash of all fills, fees included, plus what their markets paid. Dollars, exact.

    Until they have, hedged shares that were not handed back as sets count with their certain payoff.
    """
    standing = [fill for _, fill in _standing(intent, fills)]
    cash = sum((fill.cash for fill in standing), Decimal(0))
    if paid := tuple(redemptions):
        return cash + sum((redemption.cash for redemption in paid), Decimal(0))
    first = intent.legs[0]
    merged = sum((f.size for f in standing if f.merged and f.market == first.market), Decimal(0))
    return cash + (split(intent, standing).hedged - merged) * intent.payoff


def peak_cash_out(fills: Iterable[Fill]) -> Decimal:
    """The most dollars these fills had out at once, fees included; among fills of one instant, sales come first."""
    running = peak = Decimal(0)
    for fill in sorted(_not_void(fills), key=lambda f: (f.at, f.side is Side.BUY)):
        running -= fill.cash
        peak = max(peak, running)
    return peak


def unhedged_notional_seconds(intent: Intent, fills: Iterable[Fill], now: int) -> Decimal:
    """Dollar-seconds that shares stood alone: each leg's excess over the hedged pairs × its average price × time.

    `now` is microseconds on the clock of the fills; it matters only while something still stands alone. Averages
    are kept as fractions; the sum alone is rounded, to 1e-12.
    """
    legs = {leg.name: _AveragePosition() for leg in intent.legs}
    total = Fraction(0)
    since: int | None = None
    for leg, fill in sorted(_standing(intent, fills), key=lambda pair: (pair[1].at, pair[1].trade_id)):
        if since is not None:
            total += _unhedged_notional(legs.values()) * (fill.at - since)
        since = fill.at
        legs[leg.name].add(fill.size if fill.side is leg.side else -fill.size, fill.price)
    if since is not None and now > since:
        total += _unhedged_notional(legs.values()) * (now - since)
    return _rounded(total / _SECOND)


def unhedged_notional(intent: Intent, fills: Iterable[Fill]) -> Decimal:
    """Dollars that stand alone now: excess shares × their average price, rounded to 1e-12."""
    legs = {leg.name: _AveragePosition() for leg in intent.legs}
    for leg, fill in sorted(_standing(intent, fills), key=lambda pair: (pair[1].at, pair[1].trade_id)):
        legs[leg.name].add(fill.size if fill.side is leg.side else -fill.size, fill.price)
    return _rounded(_unhedged_notional(legs.values()))


def exposed(intent: Intent, state: TradeState, orders: Sequence[OrderRecord], fills: Sequence[Fill] = ()) -> Decimal:
    """Dollars that could stand alone at worst, given what a trade knows: settled counts, and open orders going wrong.

    An order not settled may fill to its size or not at all, at its limit; each leg's excess is taken over the least
    the other leg may end with. Shares counted without a fill are priced at their limit. A closed trade with every
    order settled has nothing at risk: what it left standing was declared, and accepted by a person.
    """
    if state is TradeState.CLOSED and all(order.settled for order in orders):
        return Decimal(0)
    counted: dict[str, Decimal] = {}
    for fill in _not_void(fills):
        counted[fill.client_order_id] = counted.get(fill.client_order_id, Decimal(0)) + fill.size
    low = {leg.name: Decimal(0) for leg in intent.legs}
    high, bought, cost = dict(low), dict(low), dict(low)
    for leg, fill in _standing(intent, fills):
        opening = fill.side is leg.side
        signed = fill.size if opening else -fill.size
        low[leg.name] += signed
        high[leg.name] += signed
        if opening:
            bought[leg.name] += fill.size
            cost[leg.name] += fill.size * fill.price
    sides = {leg.name: leg.side for leg in intent.legs}
    for order in orders:
        ticket = order.ticket
        seen = counted.get(ticket.client_order_id, Decimal(0))
        sure = max(order.filled - seen, Decimal(0))
        most = sure if _final(order) else max(ticket.size - seen, sure)
        if ticket.side is sides[ticket.leg]:
            low[ticket.leg] += sure
            high[ticket.leg] += most
            bought[ticket.leg] += most
            cost[ticket.leg] += most * ticket.limit
        else:
            low[ticket.leg] -= most
            high[ticket.leg] -= sure
    worst = Decimal(0)
    for name, most_shares in high.items():
        others = min(shares for other, shares in low.items() if other != name)
        excess = most_shares - max(others, Decimal(0))
        if excess > 0 and bought[name] > 0:
            worst = max(worst, excess * cost[name] / bought[name])
    return worst


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
