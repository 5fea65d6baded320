"""One SQLite file of the paper exchange, and what each venue's keeps alike: facts, what was taken, bytes that arrived.

WAL mode with `synchronous=FULL`: a commit has reached the disk when it returns, so kill -9 and a power cut lose nothing
that was answered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import msgspec

from domain.errors import BadInput
from recording.sources.session import BidSide

Taken = dict[BidSide, dict[int, int]]

COMMON = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE taken (ticker TEXT PRIMARY KEY, applied INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
"""


class Receipt(msgspec.Struct, frozen=True):
    """What arrived under one order's name: how often, and the SHA-256 of each distinct body."""

    times: int
    sha256: tuple[str, ...]
    first_received_at: int


class StateFile:
    """A subclass says its `version`, its `schema` (with a table `receipts`, keyed by `name` and sha256) and what
    brings an older version to it.

    Raises `BadInput` (`state_corrupt`) when the file is not a state file of this version or is damaged. The folder
    must be locked by the caller.
    """

    version: ClassVar[int]
    schema: ClassVar[str]
    upgrades: ClassVar[Mapping[int, str]] = {}
    name: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        db = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare(db)
        except sqlite3.DatabaseError as error:
            db.close()
            raise BadInput(
                f"{path} is not a readable state file ({error}); expected the paper exchange's SQLite database; "
                "restore it, or move it away to start a new paper account",
                "state_corrupt",
            ) from error
        self._db = db

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
        if not found and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            script = self.schema
        elif found in self.upgrades:
            script = self.upgrades[found]
        elif found != self.version:
            raise sqlite3.DatabaseError(f"schema version {found}, expected {self.version}")
        else:
            script = ""
        if script:
            db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version={self.version}; COMMIT;")
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

    # -- facts ------------------------------------------------------------------------------------------------------

    def get(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # -- what was taken from the books ------------------------------------------------------------------------------

    def taken(self) -> dict[str, tuple[int, Taken]]:
        """By ticker: after how many events of the session it was saved, and the sizes taken by side and price."""
        rows = self._db.execute("SELECT ticker, applied, doc FROM taken")
        return {ticker: (applied, msgspec.json.decode(doc, type=Taken)) for ticker, applied, doc in rows}

    def put_taken(self, ticker: str, applied: int, taken: Mapping[BidSide, Mapping[int, int]]) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO taken VALUES (?, ?, ?)", (ticker, applied, msgspec.json.encode(dict(taken)))
        )

    def forget_taken(self) -> None:
        self._db.execute("DELETE FROM taken")

    # -- the bytes that arrived -------------------------------------------------------------------------------------

    def receive(self, name: str, sha256: str, at: int) -> None:
        self._db.execute(
            f"INSERT INTO receipts VALUES (?, ?, 1, ?) "  # noqa: S608 - our names
            f"ON CONFLICT ({self.name}, sha256) DO UPDATE SET times = times + 1",
            (name, sha256, at),
        )

    def receipts(self) -> dict[str, Receipt]:
        """By the order's name, in the order of first arrival."""
        found: dict[str, Receipt] = {}
        for name, sha256, times, first_at in self._db.execute(
            f"SELECT {self.name}, sha256, times, first_at FROM receipts "  # noqa: S608 - our names
            f"ORDER BY first_at, {self.name}, sha256"
        ):
            old = found.get(name, Receipt(0, (), first_at))
            found[name] = Receipt(old.times + times, (*old.sha256, sha256), old.first_received_at)
        return found
