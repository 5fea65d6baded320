"""Judge a count beyond what an order was signed for, by the account's position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.evidence import OrderEvidence

if TYPE_CHECKING:
    from workflows.lifecycle import Trade
    from workflows.orders import Order


async def confirmed(trade: Trade, order: Order, evidence: OrderEvidence) -> bool:
    return True
