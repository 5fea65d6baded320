"""What the ledger could not take waits on the disk, whole and in order, and goes to the run it is of."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from domain.decisions import Gate, Suppression
from workers.spool import NAME, Spool


def said(number: int) -> Suppression:
    return Suppression("pair", "GAME", Gate.STALE, f"book {number}", Decimal("0.12345"), Decimal("1.5"), number)


def test_what_is_kept_is_read_back_exactly_and_by_run_even_by_another_process(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 20)
    assert (spool.waiting(), spool.bytes) == ([], 0)
    spool.keep("run-1", [said(1), said(2)])
    spool.keep("run-2", [said(3)])
    again = Spool(tmp_path / "spool", 1 << 20)
    assert again.bytes == spool.bytes > 0
    assert again.waiting() == [("run-1", (said(1), said(2))), ("run-2", (said(3),))]
    again.taken()
    assert (again.waiting(), Spool(tmp_path / "spool", 1).bytes) == ([], 0)


def test_a_line_cut_short_by_a_power_failure_is_left_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1 << 20)
    spool.keep("run-1", [said(1), said(2)])
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-9])
    assert Spool(tmp_path, 1 << 20).waiting() == [("run-1", (said(1),))]


def test_it_says_when_it_is_full(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    assert not spool.full
    spool.keep("run-1", [said(1)])
    assert spool.full
