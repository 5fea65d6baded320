"""The halt flag: a brake that needs nothing but a disk, and that stops everything where it cannot be read."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from domain.halt import Halt, Rule, Scope
from domain.halt_flag import MOST_BYTES, PREFIX, UNREAD
from workers import halt_flag
from workers.halt_flag import HaltFlag

STORM = Halt("", Scope.ALL, "", Rule.OPERATOR, "Ada", "storm", 1_796_000_000_123_456)
VENUE = Halt("", Scope.VENUE, "kalshi", Rule.OPERATOR, "Grace", "pause [odd] “text”", 1_796_000_001_000_000)


def _one(scope: str, at: str) -> bytes:
    halt = {"id": "flag-1", "scope": scope, "target": "", "author": "Ada", "reason": "storm", "at": at}
    return json.dumps({"halts": [halt]}).encode()


def test_what_is_written_is_read_back_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    flag = HaltFlag(tmp_path)
    assert flag.standing() == ()
    venue, storm = flag.add(VENUE), flag.add(STORM)
    assert venue.id.startswith(PREFIX)
    assert flag.standing() == (storm, venue)
    assert [(one.scope, one.target, one.author, one.reason, one.at) for one in flag.standing()] == [
        (Scope.ALL, "", "Ada", "storm", STORM.at),
        (Scope.VENUE, "kalshi", "Grace", "pause [odd] “text”", VENUE.at),
    ]
    assert stat.S_IMODE(flag.path.stat().st_mode) == 0o600
    assert flag.add(STORM) == storm  # one for each scope and target
    flag.remove(venue.id)
    assert flag.standing() == (storm,)
    flag.remove(storm.id)
    assert not flag.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"stop!",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"halts": []}',
        b'{"halts": [{"id": "flag-1", "scope": "all"}]}',
        _one("galaxy", "2026-12-01T00:00:00+00:00"),
        _one("venue", "2026-12-01T00:00:00+00:00"),
        _one("all", "yesterday"),
        _one("all", "2026-12-01T00:00:00"),
        b"[" * 40_000,
        b" " * MOST_BYTES + b"{}",
    ],
)
def test_a_flag_that_cannot_be_understood_halts_everything(content: bytes, tmp_path: Path) -> None:
    flag = HaltFlag(tmp_path)
    flag.path.write_bytes(content)
    (standing,) = flag.standing()
    assert (standing.id, standing.scope) == (UNREAD, Scope.ALL)
    assert flag.add(VENUE) == standing  # what somebody meant is not written over
    flag.remove(UNREAD)
    assert flag.standing() == ()


def test_a_flag_that_is_no_file_or_may_not_be_read_halts_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = HaltFlag(tmp_path)
    flag.path.mkdir()
    assert flag.standing()[0].id == UNREAD
    flag.path.rmdir()
    os.mkfifo(flag.path)
    assert flag.standing()[0].id == UNREAD
    flag.path.unlink()
    flag.path.symlink_to(tmp_path / "nowhere")
    assert flag.standing()[0].id == UNREAD
    flag.path.unlink()

    def forbidden(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(halt_flag.os, "open", forbidden)
    assert "Permission denied" in flag.standing()[0].reason


def test_a_full_disk_still_takes_an_empty_flag_which_halts_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(halt_flag, "write_private", full)
    flag = HaltFlag(tmp_path)
    assert flag.add(VENUE).scope is Scope.ALL
    assert flag.path.read_bytes() == b""
