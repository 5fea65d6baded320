"""Order groups: the venue's own brake, a second safety net under our limits.

A group counts the contracts that its orders match in any 15 seconds. Once that passes its limit the venue cancels all
of the group's orders and refuses new ones until the group is reset; `trigger` does the same at once. A group lives on
one shard (0 unless said otherwise) and takes orders of that shard's markets alone.
Source: docs.kalshi.com, order groups; specification 3.34.
"""

from __future__ import annotations

from decimal import Decimal

from venues.kalshi.order_messages import Empty, Group, GroupAnswer, GroupCreated, Groups
from venues.kalshi.orders import contracts
from venues.kalshi.rest import RestWire, segment

_PATH = "/portfolio/order_groups"


class OrderGroups:
    """Every write raises `Rejected`, `Unavailable` (nothing left) or `Unknown`; all but `create` may be repeated."""

    def __init__(self, wire: RestWire) -> None:
        self._wire = wire

    async def create(self, limit: Decimal, *, shard: int = 0) -> str:
        """A new group's id. `limit` is contracts in 15 seconds. There is no name to recognise it by: after `Unknown`
        look at `list` before creating another."""
        body = {"contracts_limit_fp": contracts(limit), "exchange_index": shard}
        return (await self._wire.change("POST", f"{_PATH}/create", GroupCreated, body)).order_group_id

    async def list(self) -> list[Group]:
        return (await self._wire.get(_PATH, Groups)).order_groups or []

    async def get(self, group_id: str) -> GroupAnswer:
        return await self._wire.get(f"{_PATH}/{segment(group_id)}", GroupAnswer)

    async def trigger(self, group_id: str, *, shard: int = 0) -> None:
        """Cancel all orders of the group and take no new ones until `reset`."""
        await self._put(group_id, "trigger", shard, {})

    async def reset(self, group_id: str, *, shard: int = 0) -> None:
        """Count from nought, and take orders again."""
        await self._put(group_id, "reset", shard, {})

    async def limit(self, group_id: str, limit: Decimal, *, shard: int = 0) -> None:
        """Another limit. One below what was matched already triggers the group."""
        await self._put(group_id, "limit", shard, {"contracts_limit_fp": contracts(limit)})

    async def delete(self, group_id: str, *, shard: int = 0) -> None:
        """Cancel all orders of the group and remove it."""
        await self._wire.change("DELETE", f"{_PATH}/{segment(group_id)}", Empty, params={"exchange_index": shard})

    async def _put(self, group_id: str, verb: str, shard: int, body: dict[str, str]) -> None:
        path = f"{_PATH}/{segment(group_id)}/{verb}"
        await self._wire.change("PUT", path, Empty, body, {"exchange_index": shard})
