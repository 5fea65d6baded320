"""A disk that fills stops opening before it is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings
from domain.decisions import Gate
from ingest.readiness import Phase
from tests.ingest.test_halts import T0
from tests.ingest.test_pauses import S, running
from workers import conditions as conditions_module
from workers.conditions import Conditions, DiskRoom

MIB = 1 << 20


def test_little_room_on_the_disk_pauses_everything_before_it_is_full_and_room_resumes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books, free, second = running(), [10_000 * MIB], [3]
    monkeypatch.setattr(conditions_module, "wall_clock_us", lambda: T0 + second[0] * S)
    settings = Settings.model_validate({"state_dir": tmp_path, "readiness": {"disk_mib": 512}})
    conditions = Conditions(books.engine, settings, None, None, free=lambda folder: free[0])

    def look(at: int) -> None:
        second[0] = at
        conditions.look(T0 + at * S)

    look(3)
    assert books.offer(4 * S) == "traded"
    free[0] = 500 * MIB
    look(5)
    assert books.offer(6 * S) == Gate.PAUSED
    assert books.refused[-1][1] == "degraded: disk: 500 MiB are free, expected 512; free some, it goes on by itself"
    free[0] = 600 * MIB  # not yet a quarter more
    look(7)
    assert books.offer(9 * S) == Gate.PAUSED
    free[0] = 700 * MIB
    look(10)
    assert books.offer(12 * S) == "traded"
    assert books.engine.readiness.phase_at(T0 + 12 * S) is Phase.RUNNING


def test_what_is_freed_a_little_at_a_time_does_not_begin_and_end_again() -> None:
    room = DiskRoom(400)
    free = (400, 399, 400, 450, 499, 500, 450, 400, 399)
    assert [room.look(each)[0] for each in free] == [True, False, False, False, False, True, True, True, False]
