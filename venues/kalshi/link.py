"""One connection of Kalshi's stream: what it was asked for, what it counts, and what it still owes."""

from __future__ import annotations

import time

from websockets.asyncio.client import ClientConnection

from venues.kalshi.sequence import Sequence


class Link:
    """One connection's state: its subscriptions, counts, and what it still owes us."""

    __slots__ = (
        "acked", "awaited", "awaited_by", "books", "former", "heard", "lifecycle", "over", "probed", "sequence",
        "wanted", "wanted_by", "ws",
    )  # fmt: skip

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.sequence = Sequence()
        self.wanted: dict[int, str] = {}  # command id → channel, until acknowledged
        self.wanted_by = 0.0
        self.acked = False
        self.former: set[int] = set()  # sids of order-book subscriptions that were given up
        self.over = ""  # why we end this connection ourselves
        self.books: int | None = None  # sid of the order-book subscription
        self.lifecycle: int | None = None  # sid of the lifecycle subscription
        self.awaited: set[str] = set()  # markets whose snapshot was asked for
        self.awaited_by = 0.0
        self.heard = time.monotonic()
        self.probed = False
