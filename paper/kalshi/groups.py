"""Order groups: the venue's brake on what orders may trade together in fifteen seconds.

Once the contracts matched by a group's orders in any 15 seconds pass its limit, the group is triggered: all its orders
are cancelled and it takes no new ones until it is reset. Source: docs.kalshi.com, order groups.
"""

from __future__ import annotations

import uuid
from typing import Literal

import msgspec

from paper.kalshi import refusals
from paper.kalshi.store import Store

WINDOW = 15_000_000  # microseconds
_KEY = "order_groups"
_IDS = uuid.UUID("5a0f6f0e-5c55-5d0b-9a43-0a2c1f6b7d11")  # namespace of group ids; never change it

GroupEvent = Literal["created", "triggered", "reset", "deleted", "limit_updated"]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """`limit` in micro-contracts; `matched` are (time, size) of the last 15 seconds."""

    id: str
    limit: int
    triggered: bool = False
    matched: tuple[tuple[int, int], ...] = ()

    def count(self, at: int) -> int:
        return sum(size for when, size in self.matched if when > at - WINDOW)


class _Saved(msgspec.Struct, frozen=True):
    made: int = 0
    groups: tuple[Group, ...] = ()


class Groups:
    """Durable through `write`, which the exchange calls inside the transaction of its step."""

    def __init__(self, store: Store) -> None:
        self._store = store
        text = store.get(_KEY)
        saved = _Saved() if text is None else msgspec.json.decode(text, type=_Saved)
        self._made = saved.made
        self._by_id = {group.id: group for group in saved.groups}
        self._dirty = False
        self._news: list[tuple[Group, GroupEvent]] = []
        self._tripped: list[str] = []

    def all(self) -> list[Group]:
        return list(self._by_id.values())

    def get(self, group_id: str) -> Group:
        """Raises the venue's 404 for one that is not there."""
        group = self._by_id.get(group_id)
        if group is None:
            raise refusals.not_found()
        return group

    def admit(self, group_id: str) -> None:
        """Raise the venue's `Refusal` unless an order may join the group."""
        group = self._by_id.get(group_id)
        if group is None:
            raise refusals.api(400, "invalid_parameters", "order_group_id: no such order group")
        if group.triggered:
            raise refusals.api(400, "invalid_order", "order group was triggered; reset it first")

    def create(self, limit: int) -> Group:
        self._made += 1
        group = Group(id=str(uuid.uuid5(_IDS, f"{self._store.get('account')}/{self._made}")), limit=limit)
        self._put(group, "created")
        return group

    def limit(self, group_id: str, limit: int, at: int) -> None:
        self._put(msgspec.structs.replace(self.get(group_id), limit=limit), "limit_updated")
        self._check(group_id, at)

    def reset(self, group_id: str) -> None:
        self._put(msgspec.structs.replace(self.get(group_id), triggered=False, matched=()), "reset")

    def trigger(self, group_id: str) -> None:
        group = self.get(group_id)
        self._tripped.append(group_id)
        if not group.triggered:
            self._put(msgspec.structs.replace(group, triggered=True), "triggered")

    def delete(self, group_id: str) -> None:
        group = self.get(group_id)
        self._tripped.append(group_id)
        del self._by_id[group_id]
        self._dirty = True
        self._news.append((group, "deleted"))

    def matched(self, group_id: str, size: int, at: int) -> None:
        """An order of the group traded."""
        group = self._by_id.get(group_id)
        if group is not None:
            kept = tuple(one for one in group.matched if one[0] > at - WINDOW)
            self._put(msgspec.structs.replace(group, matched=(*kept, (at, size))), None)
            self._check(group_id, at)

    def tripped(self) -> list[str]:
        """Groups whose orders have to go, each once."""
        tripped, self._tripped = list(dict.fromkeys(self._tripped)), []
        return tripped

    def write(self) -> None:
        if self._dirty:
            saved = _Saved(self._made, tuple(self._by_id.values()))
            self._store.put(_KEY, msgspec.json.encode(saved).decode())
            self._dirty = False

    def take_news(self) -> list[tuple[Group, GroupEvent]]:
        news, self._news = self._news, []
        return news

    def _check(self, group_id: str, at: int) -> None:
        group = self._by_id[group_id]
        if not group.triggered and group.count(at) > group.limit:
            self.trigger(group_id)

    def _put(self, group: Group, event: GroupEvent | None) -> None:
        self._by_id[group.id] = group
        self._dirty = True
        if event is not None:
            self._news.append((group, event))
