"""The Polymarket side on disk, in `polymarket.db` beside the other side's file and under the same lock.

SQLite in WAL mode with `synchronous=FULL`: what an answer rests on is on disk before the answer leaves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from domain.errors import BadInput
from venues.paper.polymarket.conditions import Market
from venues.paper.polymarket.records import ApiKey, ClobOrder, ClobTrade, Pulse, Wallet
from venues.paper.store import Receipt, Taken
from venues.recording.session import BidSide

_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
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
CREATE TABLE taken (ticker TEXT PRIMARY KEY, applied INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE receipts (
    id TEXT NOT NULL, sha256 TEXT NOT NULL, times INTEGER NOT NULL, first_at INTEGER NOT NULL,
    PRIMARY KEY (id, sha256)) WITHOUT ROWID;
"""

_Row = TypeVar("_Row", bound=msgspec.Struct)


class ClobStore:
    """Raises `BadInput` (`state_corrupt`) when the file is not a state file of this version or is damaged. The folder
    must be locked by the caller."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "polymarket.db"
        db = sqlite3.connect(self.path, isolation_level=None)
        try:
            self._prepare(db)
        except sqlite3.DatabaseError as error:
            db.close()
            raise BadInput(
                f"{self.path} is not a readable state file ({error}); expected the paper exchange's SQLite database; "
                "restore it, or move the folder away to start new paper accounts",
                "state_corrupt",
            ) from error
        self._db = db

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
        if not found and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")
        elif found != _VERSION:
            raise sqlite3.DatabaseError(f"schema version {found}, expected {_VERSION}")
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One atomic, durable step; undone when the body raises. Not to be nested."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def get(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

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

    # -- what was taken, and the bytes that arrived ------------------------------------------------------------------

    def taken(self) -> dict[str, tuple[int, Taken]]:
        rows = self._db.execute("SELECT ticker, applied, doc FROM taken")
        return {ticker: (applied, msgspec.json.decode(doc, type=Taken)) for ticker, applied, doc in rows}

    def put_taken(self, ticker: str, applied: int, taken: Mapping[BidSide, Mapping[int, int]]) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO taken VALUES (?, ?, ?)", (ticker, applied, msgspec.json.encode(dict(taken)))
        )

    def forget_taken(self) -> None:
        self._db.execute("DELETE FROM taken")

    def receive(self, order_id: str, sha256: str, at: int) -> None:
        self._db.execute(
            "INSERT INTO receipts VALUES (?, ?, 1, ?) ON CONFLICT (id, sha256) DO UPDATE SET times = times + 1",
            (order_id, sha256, at),
        )

    def receipts(self) -> dict[str, Receipt]:
        """By order id, in the order of first arrival."""
        found: dict[str, Receipt] = {}
        for order_id, sha256, times, first_at in self._db.execute(
            "SELECT id, sha256, times, first_at FROM receipts ORDER BY first_at, id, sha256"
        ):
            old = found.get(order_id, Receipt(0, (), first_at))
            found[order_id] = Receipt(old.times + times, (*old.sha256, sha256), old.first_received_at)
        return found


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
