"""The Polymarket side on disk, in `polymarket.db` beside the other side's file and under the same lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from paper.core.state_file import COMMON, StateFile
from paper.polymarket.conditions import Market
from paper.polymarket.records import ApiKey, ClobOrder, ClobTrade, Pulse, Wallet

_SCHEMA = f"""{COMMON}
CREATE TABLE markets (id TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE wallets (id TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE keys (id TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE pulses (id TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, keeper TEXT NOT NULL, condition TEXT NOT NULL,
    token TEXT NOT NULL, working INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE INDEX orders_working ON orders (seq) WHERE working;
CREATE TABLE trades (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, keeper TEXT NOT NULL, condition TEXT NOT NULL,
    token TEXT NOT NULL, matched_at INTEGER NOT NULL, due INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE INDEX trades_due ON trades (due) WHERE due;
CREATE TABLE receipts (
    id TEXT NOT NULL, sha256 TEXT NOT NULL, times INTEGER NOT NULL, first_at INTEGER NOT NULL,
    PRIMARY KEY (id, sha256)) WITHOUT ROWID;
"""

_Row = TypeVar("_Row", bound=msgspec.Struct)


class ClobStore(StateFile):
    """Raises `BadInput` (`state_corrupt`) when the file is not a state file of this version or is damaged. The folder
    must be locked by the caller."""

    version = 1
    schema = _SCHEMA
    name = "id"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "polymarket.db")

    # -- what is kept whole in memory -------------------------------------------------------------------------------

    def _all(self, table: str, kind: type[_Row]) -> dict[str, _Row]:
        rows = self._db.execute(f"SELECT id, doc FROM {table}")  # noqa: S608 - our names
        return {key: msgspec.json.decode(doc, type=kind) for key, doc in rows}

    def _keep(self, table: str, key: str, row: msgspec.Struct) -> None:
        self._db.execute(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?)",  # noqa: S608 - our names
            (key, msgspec.json.encode(row)),
        )

    def markets(self) -> list[Market]:
        return list(self._all("markets", Market).values())

    def put_market(self, market: Market) -> None:
        self._keep("markets", market.id, market)

    def wallets(self) -> dict[str, Wallet]:
        return self._all("wallets", Wallet)

    def put_wallet(self, wallet: Wallet) -> None:
        self._keep("wallets", wallet.address, wallet)

    def keys(self) -> dict[str, ApiKey]:
        return self._all("keys", ApiKey)

    def put_key(self, key: ApiKey) -> None:
        self._keep("keys", key.key, key)

    def drop_key(self, key: str) -> None:
        self._db.execute("DELETE FROM keys WHERE id = ?", (key,))

    def pulses(self) -> dict[str, Pulse]:
        return self._all("pulses", Pulse)

    def put_pulse(self, pulse: Pulse) -> None:
        self._keep("pulses", pulse.owner, pulse)

    # -- orders and trades ------------------------------------------------------------------------------------------

    def last_seqs(self) -> tuple[int, int]:
        orders, trades = (
            int(self._db.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0])  # noqa: S608 - our names
            for table in ("orders", "trades")
        )
        return orders, trades

    def put_order(self, order: ClobOrder) -> None:
        self._db.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (seq) DO UPDATE SET working = excluded.working, doc = excluded.doc",
            (
                order.seq,
                order.order_id,
                order.keeper,
                order.condition,
                order.token,
                int(order.working),
                msgspec.json.encode(order),
            ),
        )

    def order(self, order_id: str) -> ClobOrder | None:
        row = self._db.execute("SELECT doc FROM orders WHERE id = ?", (order_id,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=ClobOrder)

    def orders(
        self,
        *,
        keeper: str | None = None,
        condition: str | None = None,
        token: str | None = None,
        working: bool = False,
        before: int | None = None,
    ) -> Iterator[ClobOrder]:
        """Newest first; `before` is an exclusive bound on `seq`."""
        where, values = _where(keeper, condition, token, before)
        if working:
            where.append("working")
        query = f"SELECT doc FROM orders WHERE {' AND '.join(where)} ORDER BY seq DESC"  # noqa: S608 - fixed fragments
        for (doc,) in self._db.execute(query, values):
            yield msgspec.json.decode(doc, type=ClobOrder)

    def put_trade(self, trade: ClobTrade) -> None:
        self._db.execute(
            "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (seq) DO UPDATE SET due = excluded.due, doc = excluded.doc",
            (
                trade.seq,
                trade.trade_id,
                trade.keeper,
                trade.condition,
                trade.token,
                trade.matched_at,
                trade.due,
                msgspec.json.encode(trade),
            ),
        )

    def trade(self, trade_id: str) -> ClobTrade | None:
        row = self._db.execute("SELECT doc FROM trades WHERE id = ?", (trade_id,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=ClobTrade)

    def unfinished(self) -> list[ClobTrade]:
        """Trades that have not had their last status yet."""
        rows = self._db.execute("SELECT doc FROM trades WHERE due ORDER BY seq")
        return [msgspec.json.decode(doc, type=ClobTrade) for (doc,) in rows]

    def trades(
        self,
        *,
        keeper: str | None = None,
        condition: str | None = None,
        token: str | None = None,
        at: tuple[int, int] | None = None,
        before: int | None = None,
    ) -> Iterator[ClobTrade]:
        """Newest first; `at` is a closed range of match times in microseconds."""
        where, values = _where(keeper, condition, token, before)
        if at is not None:
            where.append("matched_at BETWEEN ? AND ?")
            values += at
        query = f"SELECT doc FROM trades WHERE {' AND '.join(where)} ORDER BY seq DESC"  # noqa: S608 - fixed fragments
        for (doc,) in self._db.execute(query, values):
            yield msgspec.json.decode(doc, type=ClobTrade)


def _where(
    keeper: str | None, condition: str | None, token: str | None, before: int | None
) -> tuple[list[str], list[str | int]]:
    where, values = ["1"], list[str | int]()
    for column, value in (("keeper", keeper), ("condition", condition), ("token", token)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    if before is not None:
        where.append("seq < ?")
        values.append(before)
    return where, values
