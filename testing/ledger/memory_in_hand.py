"""What the ledger in memory knows of one trade's orders and fills."""

from __future__ import annotations

from domain.evidence import Fill
from domain.operator import CommandRecord
from domain.snapshot import OrderFacts
from ledger.codec import in_story_order
from ledger.port import InHand


class MemoryInHand:
    """See `ledger.port.InHandLedger`."""

    _orders: dict[str, OrderFacts]
    _fills: dict[tuple[str, str, str], Fill]
    _commands: dict[str, dict[CommandRecord, int]]

    async def in_hand(self, intent_id: str) -> InHand:
        orders = [order for order in self._orders.values() if order.ticket.intent_id == intent_id]
        own = {order.client_order_id for order in orders}
        theirs = {order.order_id for order in orders if order.order_id}
        fills = [fill for fill in self._fills.values() if fill.client_order_id in own or fill.order_id in theirs]
        return InHand(
            orders=tuple(in_story_order(orders)),
            fills=tuple(sorted(fills, key=lambda fill: (fill.at, fill.trade_id, fill.order_id))),
            commanded_at=max((command.at for command in self._commands.get(intent_id, {})), default=0),
        )
