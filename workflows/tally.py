"""Count a parked trade's shares, plainly and in a code of its own: what the life counts with may be what has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.intent import Intent, IntentLeg
from domain.orders import Side
from domain.trade import OrderRecord, TradeRecord
from workflows.state import OrderState, TradeMemory, count

_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tally:
    """Shares by leg, in each leg's own direction: `had` and `back` are what was bought of it and given back."""

    had: dict[str, Decimal]
    back: dict[str, Decimal]

    def held(self, leg: str) -> Decimal:
        return self.had[leg] - self.back[leg]

    @property
    def whole(self) -> Decimal:
        """What every leg has."""
        return max(min(map(self.held, self.had)), _NONE)

    def over(self, leg: str) -> Decimal:
        """What a leg has beyond its other sides; negative where more was given back than there was."""
        return self.held(leg) - self.whole

    @property
    def alone(self) -> Decimal:
        return sum((abs(self.over(leg)) for leg in self.had), _NONE)

    @property
    def unwound(self) -> Decimal:
        """Shares of any leg that were had and given back."""
        return sum((min(self.had[leg], self.back[leg]) for leg in self.had), _NONE)


def there(order: OrderState, orders: Sequence[OrderState], left: Decimal) -> Decimal:
    """How many of an order's shares the account holds: `left` is the signed position in its market that is nobody
    else's."""

    def signed(one: OrderState) -> Decimal:
        return one.filled if one.ticket.side is Side.BUY else -one.filled

    where = (order.ticket.venue, order.ticket.market)
    beside = [one for one in orders if one is not order and (one.ticket.venue, one.ticket.market) == where]
    held = left - sum((signed(one) for one in beside if count(one.filled)), _NONE)
    return held if order.ticket.side is Side.BUY else -held


def tally(legs: Sequence[IntentLeg], orders: Sequence[OrderState]) -> Tally:
    """As the venue has counted them; a count that is none is left out."""
    had, back = {leg.name: _NONE for leg in legs}, {leg.name: _NONE for leg in legs}
    for leg in legs:
        for order in orders:
            if order.ticket.leg == leg.name and count(order.filled):
                (had if order.ticket.side is leg.side else back)[leg.name] += order.filled
    return Tally(had, back)


def recorded(intent: Intent, memory: TradeMemory, now: int) -> TradeRecord:
    """What people see of a parked trade at `now` (µs)."""
    counts = tally(intent.legs, memory.orders)
    return TradeRecord(
        intent_id=intent.id,
        state=memory.state,
        outcome=None,
        hedged=counts.whole,
        unwound=counts.unwound,
        residual=counts.alone,
        pnl=memory.pnl,
        reserved=memory.reserved,
        orders=tuple(OrderRecord(o.ticket, o.result, o.settled, o.filled) for o in memory.orders),
        fills=(),
        steps=tuple(memory.story),
        revision=memory.revision,
        at=now,
        commands=tuple(memory.taken),
        entered=tuple(memory.entered),
    )
