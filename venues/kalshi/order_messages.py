"""What Kalshi answers to amends, decreases, batches, order groups, queue positions and transfers between shards.

Shapes of the specification 3.34. The bodies of amends and cancels may, rarely, describe another order (changelog
2026-05-21): what they say is advice, the order itself is evidence.
"""

from __future__ import annotations

from decimal import Decimal

from venues.kalshi.messages import Message


class ItemError(Message, frozen=True):
    """What the venue says against one item of a batch."""

    code: str | None = None
    message: str | None = None
    details: str | None = None


class Amended(Message, frozen=True):
    """`remaining_count` is what rests after it, `fill_count` what the amend itself traded."""

    order_id: str
    client_order_id: str | None = None
    remaining_count: Decimal | None = None
    fill_count: Decimal | None = None
    average_fill_price: Decimal | None = None
    average_fee_paid: Decimal | None = None
    ts_ms: int = 0


class Decreased(Message, frozen=True):
    order_id: str
    remaining_count: Decimal
    client_order_id: str | None = None
    ts_ms: int = 0


class BatchCreated(Message, frozen=True):
    """One order of a batch: its counts, or an error."""

    order_id: str | None = None
    client_order_id: str | None = None
    fill_count: Decimal | None = None
    remaining_count: Decimal | None = None
    average_fill_price: Decimal | None = None
    average_fee_paid: Decimal | None = None
    ts_ms: int | None = None
    error: ItemError | None = None


class BatchCreatedAnswer(Message, frozen=True):
    orders: list[BatchCreated]


class BatchCancelled(Message, frozen=True):
    order_id: str
    reduced_by: Decimal = Decimal(0)
    client_order_id: str | None = None
    ts_ms: int | None = None
    error: ItemError | None = None


class BatchCancelledAnswer(Message, frozen=True):
    orders: list[BatchCancelled]


class Empty(Message, frozen=True):
    """An answer that only says it is done."""


class QueuePosition(Message, frozen=True):
    """Contracts ahead of the order at its price."""

    order_id: str
    queue_position_fp: Decimal
    market_ticker: str = ""


class QueuePositions(Message, frozen=True):
    queue_positions: list[QueuePosition] | None


class QueuePositionAnswer(Message, frozen=True):
    queue_position_fp: Decimal


class GroupCreated(Message, frozen=True):
    order_group_id: str
    exchange_index: int | None = None


class Group(Message, frozen=True):
    id: str
    is_auto_cancel_enabled: bool
    contracts_limit_fp: Decimal | None = None
    exchange_index: int | None = None


class Groups(Message, frozen=True):
    order_groups: list[Group] | None = None


class GroupAnswer(Message, frozen=True):
    """`orders` are the ids of its orders."""

    is_auto_cancel_enabled: bool
    orders: list[str] | None
    contracts_limit_fp: Decimal | None = None
    exchange_index: int | None = None


class TransferCreated(Message, frozen=True):
    transfer_id: str


class Transfer(Message, frozen=True):
    """`amount` is dollars, unlike that of the request, which is hundredths of a cent."""

    transfer_id: str
    amount: Decimal
    status: str
    source_exchange_shard: int = 0
    destination_exchange_shard: int = 0
    created_ts: int = 0


class TransfersPage(Message, frozen=True):
    """Advice: where it says no more of itself, that was all."""

    transfers: list[Transfer] | None = None
    cursor: str | None = ""


class ApiKey(Message, frozen=True):
    """`subaccount` set: the key reads and trades that one alone."""

    api_key_id: str
    scopes: list[str]
    name: str = ""
    subaccount: int | None = None


class ApiKeys(Message, frozen=True):
    """`api_key_region_expiration_ts` (seconds): when the attestation of where the keys are used from lapses."""

    api_keys: list[ApiKey]
    api_key_region_expiration_ts: int | None = None
