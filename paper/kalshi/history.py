"""The account as it was a moment ago: what makes a lagging read real.

A venue's reads trail its writes. With a lag of L every read answers from the account as it was L ago, orders that did
not exist yet included by their absence. Versions are kept for `HORIZON`; the venue's own words on how fresh its
reads are (`GET /exchange/user_data_timestamp`) name the same moment.
"""

from __future__ import annotations

from collections import deque

from paper.core.read_lag import HORIZON
from paper.core.records import AccountView, Order


class History:
    """Recent versions by the time they came to be. Times never go back: the exchange's clock sees to that."""

    def __init__(self, at: int, account: AccountView) -> None:
        self._accounts: deque[tuple[int, AccountView]] = deque([(at, account)])
        self._orders: dict[str, list[Order]] = {}
        self._noted: deque[tuple[int, str]] = deque()

    def note_account(self, at: int, account: AccountView) -> None:
        self._accounts.append((at, account))
        while len(self._accounts) > 1 and self._accounts[1][0] < at - HORIZON:
            self._accounts.popleft()

    def note_order(self, before: Order | None, order: Order) -> None:
        """`before` is the version this one replaces, None for a new order."""
        versions = self._orders.setdefault(order.order_id, [] if before is None else [before])
        versions.append(order)
        self._noted.append((order.updated_at, order.order_id))
        while self._noted[0][0] < order.updated_at - HORIZON:
            _, order_id = self._noted.popleft()
            kept = self._orders.get(order_id)
            if kept is not None and kept[-1].updated_at < order.updated_at - HORIZON:
                del self._orders[order_id]

    def account(self, as_of: int) -> AccountView:
        for at, view in reversed(self._accounts):
            if at <= as_of:
                return view
        return self._accounts[0][1]

    def order(self, latest: Order, as_of: int) -> Order | None:
        """The version of an order that stood at `as_of`; None if it did not exist yet.

        An order changed before the last restart is known only as it is now: it is never shown as absent for that.
        """
        if latest.created_at > as_of:
            return None
        versions = self._orders.get(latest.order_id, [latest])
        return next((v for v in reversed(versions) if v.updated_at <= as_of), versions[0])
