"""The account on disk. Everything an answer rests on is committed here before the answer leaves.

One process owns a state folder; a lock file proves it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, ClassVar

import msgspec

from domain.errors import Unavailable
from paper.core.records import FillRow, Order, Position, SettlementRow
from paper.core.state_file import COMMON, StateFile
from paper.kalshi.listing import Listing

_SETTLING = """
CREATE TABLE listings (ticker TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE settlements (seq INTEGER PRIMARY KEY, ticker TEXT NOT NULL, at INTEGER NOT NULL, doc BLOB NOT NULL);
"""
_SCHEMA = f"""{COMMON}{_SETTLING}
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY, order_id TEXT NOT NULL UNIQUE, client_order_id TEXT NOT NULL UNIQUE,
    ticker TEXT NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    doc BLOB NOT NULL);
CREATE INDEX orders_by_ticker ON orders (ticker, created_at);
CREATE INDEX orders_resting ON orders (seq) WHERE status = 'resting';
CREATE TABLE fills (
    seq INTEGER PRIMARY KEY, trade_id TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL, ticker TEXT NOT NULL,
    at INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE INDEX fills_by_order ON fills (order_id);
CREATE TABLE positions (ticker TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE receipts (
    client_order_id TEXT NOT NULL, sha256 TEXT NOT NULL, times INTEGER NOT NULL, first_at INTEGER NOT NULL,
    PRIMARY KEY (client_order_id, sha256)) WITHOUT ROWID;
"""


class Store(StateFile):
    """Raises `Unavailable` (code `state_in_use`) when another process holds the folder, `BadInput` (`state_corrupt`)
    when the file is not a state file of this version or is damaged."""

    version = 2
    schema = _SCHEMA
    upgrades: ClassVar[Mapping[int, str]] = {1: _SETTLING}  # before markets settled
    name = "client_order_id"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "paper.lock")
        try:
            super().__init__(folder / "paper.db")
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        super().close()
        self._lock.close()

    # -- facts about the account ------------------------------------------------------------------------------------

    def positions(self) -> dict[str, Position]:
        rows = self._db.execute("SELECT ticker, doc FROM positions")
        return {ticker: msgspec.json.decode(doc, type=Position) for ticker, doc in rows}

    def put_position(self, ticker: str, position: Position) -> None:
        self._db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (ticker, msgspec.json.encode(position)))

    # -- orders and fills -------------------------------------------------------------------------------------------

    def last_seqs(self) -> tuple[int, int, int]:
        """The highest order, fill and settlement numbers given out; 0 where there is none."""
        orders, fills, settlements = (
            int(self._db.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0])  # noqa: S608 - our names
            for table in ("orders", "fills", "settlements")
        )
        return orders, fills, settlements

    def knows(self, client_order_id: str) -> bool:
        """Whether an order ever used this id. Ids are permanent."""
        row = self._db.execute("SELECT 1 FROM orders WHERE client_order_id = ?", (client_order_id,)).fetchone()
        return row is not None or self.get(f"alias/{client_order_id}") is not None

    def alias(self, client_order_id: str, order_id: str) -> None:
        """An amended order goes by another id from now on; its first one stays used."""
        self.put(f"alias/{client_order_id}", order_id)

    def put_order(self, order: Order) -> None:
        self._db.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (seq) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at, "
            "doc = excluded.doc",
            (
                order.seq,
                order.order_id,
                order.client_order_id,
                order.ticker,
                order.status,
                order.created_at,
                order.updated_at,
                msgspec.json.encode(order),
            ),
        )

    def put_fill(self, fill: FillRow) -> None:
        self._db.execute(
            "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?)",
            (fill.seq, fill.trade_id, fill.order_id, fill.ticker, fill.at, msgspec.json.encode(fill)),
        )

    def order(self, order_id: str) -> Order | None:
        row = self._db.execute("SELECT doc FROM orders WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Order)

    def orders(
        self,
        *,
        ticker: str | None = None,
        status: str | None = None,
        changed_after: int | None = None,
        created: tuple[int, int] | None = None,
        before: int | None = None,
    ) -> Iterator[Order]:
        """Newest first. `created` is a closed range in microseconds, `before` an exclusive bound on `seq`.

        With `changed_after`, orders of any status that changed after that moment are listed besides those of `status`.
        """
        where, values = ["1"], list[str | int]()
        if ticker is not None:
            where.append("ticker = ?")
            values.append(ticker)
        if status is not None and changed_after is not None:
            where.append("(status = ? OR updated_at > ?)")
            values += (status, changed_after)
        elif status is not None:
            where.append("status = ?")
            values.append(status)
        if created is not None:
            where.append("created_at BETWEEN ? AND ?")
            values += created
        if before is not None:
            where.append("seq < ?")
            values.append(before)
        query = f"SELECT doc FROM orders WHERE {' AND '.join(where)} ORDER BY seq DESC"  # noqa: S608 - fixed fragments
        for (doc,) in self._db.execute(query, values):
            yield msgspec.json.decode(doc, type=Order)

    def fills(
        self,
        *,
        ticker: str | None = None,
        order_id: str | None = None,
        at: tuple[int, int] | None = None,
        before: int | None = None,
    ) -> Iterator[FillRow]:
        """Newest first. `at` is a closed range in microseconds, `before` an exclusive bound on `seq`."""
        where, values = ["1"], list[str | int]()
        if ticker is not None:
            where.append("ticker = ?")
            values.append(ticker)
        if order_id is not None:
            where.append("order_id = ?")
            values.append(order_id)
        if at is not None:
            where.append("at BETWEEN ? AND ?")
            values += at
        if before is not None:
            where.append("seq < ?")
            values.append(before)
        query = f"SELECT doc FROM fills WHERE {' AND '.join(where)} ORDER BY seq DESC"  # noqa: S608 - fixed fragments
        for (doc,) in self._db.execute(query, values):
            yield msgspec.json.decode(doc, type=FillRow)

    # -- markets and what they paid ---------------------------------------------------------------------------------

    def listings(self) -> dict[str, Listing]:
        rows = self._db.execute("SELECT ticker, doc FROM listings")
        return {ticker: msgspec.json.decode(doc, type=Listing) for ticker, doc in rows}

    def put_listing(self, listing: Listing) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO listings VALUES (?, ?)", (listing.ticker, msgspec.json.encode(listing))
        )

    def put_settlement(self, row: SettlementRow) -> None:
        self._db.execute(
            "INSERT INTO settlements VALUES (?, ?, ?, ?)", (row.seq, row.ticker, row.at, msgspec.json.encode(row))
        )

    def settlements(
        self, *, ticker: str | None = None, at: tuple[int, int] | None = None, before: int | None = None
    ) -> Iterator[SettlementRow]:
        """Newest first. `at` is a closed range in microseconds, `before` an exclusive bound on `seq`."""
        rows = self._db.execute(
            "SELECT doc FROM settlements WHERE ticker = coalesce(?, ticker) AND at BETWEEN ? AND ? "
            "AND seq < coalesce(?, seq + 1) ORDER BY seq DESC",
            (ticker, *(at or (0, 2**62)), before),
        )
        for (doc,) in rows:
            yield msgspec.json.decode(doc, type=SettlementRow)


def _lock(path: Path) -> IO[str]:
    """Held until closed, and let go by the kernel when the process dies, however it dies."""
    handle = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise Unavailable(
            f"{path.parent} is in use by another paper exchange (process {holder}); one process owns a state folder; "
            "stop that one or use another folder",
            "state_in_use",
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
