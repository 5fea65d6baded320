"""What a person has acknowledged, as the invariants read it: it is told in words, and broken by nothing."""

from __future__ import annotations

from decimal import Decimal

from domain.evidence import Fill, FillStatus
from domain.money import plain
from domain.orders import SETS
from domain.snapshot import LedgerFacts, OrderNames
from domain.trade import TradeState

_SHOWN = 5


class Excused:
    """Orders that nobody here sent and fills that came after a close, as far as somebody has declared them known."""

    def __init__(self, ledger: LedgerFacts) -> None:
        self._known = {name.partition("/")[2] for name in ledger.known}
        self._ledger = ledger
        self._names = OrderNames(ledger.orders)
        self._foreign_until, self._late_until = self._until("foreign_fill"), self._until("late_fill")
        self._named = {fill.client_order_id for fill in ledger.fills if self._known and self._of_nobody(fill)} - {""}
        self._trades: frozenset[str] | None = None

    def order(self, client_order_id: str, order_id: str) -> bool:
        """By the venue's id of it, or the id its sender gave it."""
        return order_id in self._known or client_order_id in self._known or client_order_id in self._named

    def trade(self, trade_id: str) -> bool:
        """A closed trade whose orders all have the fills it was closed with, or so many more as somebody declared."""
        if not self._known:
            return False
        if self._trades is None:
            self._trades = self._excused_trades()
        return trade_id in self._trades

    def _of_nobody(self, fill: Fill) -> bool:
        said = fill.order_id in self._known or fill.at <= self._foreign_until
        return said and self._names.find(fill.venue, fill.client_order_id, fill.order_id) is None

    def _excused_trades(self) -> frozenset[str]:
        fills = dict[str, list[Fill]]()
        for fill in self._ledger.fills:
            if (order := self._names.find(fill.venue, fill.client_order_id, fill.order_id)) is not None:
                fills.setdefault(order.client_order_id, []).append(fill)
        late, standing = set[str](), set[str]()
        closed = {trade.id for trade in self._ledger.trades if trade.state is TradeState.CLOSED}
        for order in self._ledger.orders:
            own = fills.get(order.client_order_id, [])
            shares = sum((one.size for one in own if one.status is not FillStatus.VOID), Decimal(0))
            if order.ticket.leg == SETS or shares == order.filled or order.ticket.intent_id not in closed:
                continue
            name = f"{own[0].order_id}={plain(shares.normalize())}" if own else ""
            by = name in self._known or (own and max(one.at for one in own) <= self._late_until)
            (late if by else standing).add(order.ticket.intent_id)
        return frozenset(late - standing)

    def _until(self, kind: str) -> int:
        """Until when (µs) all of a kind were declared known together."""
        said = [name.removeprefix(f"{kind}-until-") for name in self._known if name.startswith(f"{kind}-until-")]
        return max((int(at) for at in said if at.isdecimal()), default=-1)


def told(what: str, names: list[str]) -> str:
    """How many of what were acknowledged, some of them by name; nothing if none were."""
    once = list(dict.fromkeys(names))
    shown = ", ".join(once[:_SHOWN]) + (f" and {len(once) - _SHOWN} more" if len(once) > _SHOWN else "")
    return f"{len(once)} {what}, acknowledged: {shown}" if once else ""
