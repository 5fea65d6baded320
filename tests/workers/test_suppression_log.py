"""What was not taken reaches the ledger once, whether it is there, away, hanging, or the process ends in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.decisions import Suppression
from domain.errors import Unavailable
from tests.workers.test_spool import said
from workers.spool import Spool
from workers.suppression_log import SuppressionLog


class Books:
    def __init__(self) -> None:
        self.taken: list[tuple[str, tuple[Suppression, ...]]] = []
        self.failure: Exception | None = None
        self.hangs = False

    async def record_suppressions(self, run_id: str, suppressions: Sequence[Suppression]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        self.taken.append((run_id, tuple(suppressions)))


def kept(log: SuppressionLog, *numbers: int) -> SuppressionLog:
    for number in numbers:
        log.add(said(number))
    return log


async def test_a_ledger_that_is_there_takes_them_at_once_and_the_disk_is_not_touched(tmp_path: Path) -> None:
    books = Books()
    log = kept(SuppressionLog(books, "run-2", Spool(tmp_path, 1 << 20)), 1, 2)
    await log.flush()
    await log.flush()
    assert books.taken == [("run-2", (said(1), said(2)))]
    assert Spool(tmp_path, 1).bytes == 0


@pytest.mark.parametrize("hangs", [True, False])
async def test_while_it_is_away_they_wait_on_the_disk_and_go_in_in_order_once_it_is_back(
    tmp_path: Path, hangs: bool
) -> None:
    books = Books()
    books.hangs, books.failure = hangs, None if hangs else Unavailable("Postgres is gone")
    log = kept(SuppressionLog(books, "run-2", Spool(tmp_path, 1 << 20), patience_s=0.02), 1)
    await log.flush()
    await kept(log, 2).flush()
    books.hangs, books.failure = False, None
    await kept(log, 3).flush()
    assert books.taken == [("run-2", (said(1), said(2))), ("run-2", (said(3),))]
    assert Spool(tmp_path, 1).bytes == 0


async def test_what_a_run_left_on_the_disk_is_written_under_its_own_name_by_the_next(tmp_path: Path) -> None:
    books = Books()
    books.failure = Unavailable("Postgres is gone")
    await kept(SuppressionLog(books, "run-1", Spool(tmp_path, 1 << 20)), 1).flush()
    books.failure = None
    await SuppressionLog(books, "run-2", Spool(tmp_path, 1 << 20)).flush()
    assert books.taken == [("run-1", (said(1),))]


async def test_a_full_spool_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    books, told = Books(), list[bool]()
    books.failure = Unavailable("Postgres is gone")
    log = SuppressionLog(books, "run-2", Spool(tmp_path, 100), lambda holds, why: told.append(holds))
    for number in range(5):
        await kept(log, number).flush()
    assert told == [False]
    books.failure = None
    await log.flush()
    assert told == [False, True]
    assert books.taken == [("run-2", (said(0),))]


async def test_a_disk_that_takes_nothing_either_loses_them_and_stops_nothing(tmp_path: Path) -> None:
    books = Books()
    books.failure = Unavailable("Postgres is gone")
    (tmp_path / "file").write_text("in the way")
    log = kept(SuppressionLog(books, "run-2", Spool(tmp_path / "file", 1 << 20)), 1)
    await log.flush()
    books.failure = None
    await kept(log, 2).flush()
    assert books.taken == [("run-2", (said(2),))]
