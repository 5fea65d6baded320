"""All that a trade asks of the world, as a worker for trades registers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from activities.commands import CommandActivities
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities


def trade_activities(
    orders: OrderActivities,
    settlement: SettlementActivities,
    positions: PositionActivities,
    commands: CommandActivities,
) -> list[Callable[..., Any]]:
    return [
        orders.submit_order,
        orders.find_evidence,
        orders.take_quote,
        orders.cancel_order,
        settlement.settle_trade,
        settlement.record_trade,
        positions.read_resolution,
        positions.look_up_order,
        positions.read_position,
        positions.read_open,
        commands.check_command,
    ]
