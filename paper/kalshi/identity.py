"""Orders and fills as they are born. Their ids are UUIDv5 of account, client order id and fill number: the same
request, replayed after a crash that came before the commit, gets the same ids."""

from __future__ import annotations

import uuid

from paper.core.engine import Take
from paper.core.records import FillRow, Order
from paper.kalshi.request import OrderRequest

_IDS = uuid.UUID("3b1d3f0c-7a70-5f0e-8d4f-5b8f5f6f0d21")  # namespace of order and trade ids; never change it


def account_id() -> str:
    return str(uuid.uuid5(_IDS, "account"))


def order_of(request: OrderRequest, user_id: str, seq: int, at: int) -> Order:
    """The order a request becomes once it is taken, nothing of it filled yet."""
    client_id = request.client_order_id or f"none-{seq}"
    return Order(
        seq=seq,
        order_id=str(uuid.uuid5(_IDS, f"{user_id}/{client_id}")),
        client_order_id=client_id,
        ticker=request.ticker,
        side=request.side,
        price=request.price,
        count=request.count,
        remaining=request.count,
        status="resting",
        time_in_force=request.time_in_force,
        self_trade=request.self_trade,
        group=request.group,
        expires_at=request.expires_at,
        on_pause=request.on_pause,
        post_only=request.post_only,
        created_at=at,
        updated_at=at,
    )


def fill_of(  # noqa: PLR0917 - one row of what happened, each part of it once
    order: Order, take: Take, user_id: str, seq: int, fee: int, taker: bool, at: int, position_after: int
) -> FillRow:
    """The fill that made `order` what it is now: `order.rows` counts it already."""
    return FillRow(
        seq=seq,
        trade_id=str(uuid.uuid5(_IDS, f"{user_id}/{order.client_order_id}/{order.rows}")),
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        ticker=order.ticker,
        side=order.side,
        price=take.price,
        count=take.size,
        fee=fee,
        is_taker=taker,
        at=at,
        position_after=position_after,
    )
