"""Session files come back as they were written, and damage is named by its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from domain.errors import BadInput
from recording.sources import session_file, synth, synth_cross
from recording.sources.open import open_recording


def damaged(folder: Path, edit: str, line: int) -> Path:
    """A written session whose `line` (from 1) is replaced by `edit`."""
    lines = b"".join(session_file.lines(synth.make(3, seconds=8))).decode().splitlines()
    lines[line - 1] = edit
    path = folder / "x.session.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    return path


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    session = synth.make(5, seconds=10)
    path = tmp_path / "five.session.jsonl.gz"
    session_file.write(session, path)
    assert session_file.read(path) == session
    assert open_recording(str(path)) == session


@pytest.mark.parametrize("second", [False, True])
def test_a_session_is_read_back_whichever_token_of_a_condition_won(tmp_path: Path, second: bool) -> None:
    made = (synth_cross.make(seed, seconds=8) for seed in range(50))
    session = next(one for one in made if (one.results[1].winner == one.markets[2].complement) is second)
    path = tmp_path / "cross.session.jsonl.gz"
    session_file.write(session, path)
    assert session_file.read(path) == session


def test_a_winner_that_is_no_market_of_its_event_is_refused(tmp_path: Path) -> None:
    header = next(session_file.lines(synth.make(3, seconds=8))).decode()
    document = json.loads(header)
    document["results"][0]["winner"] = "SOMEBODY"
    with pytest.raises(BadInput, match="SOMEBODY is said to win") as refused:
        session_file.read(damaged(tmp_path, json.dumps(document), 1))
    assert refused.value.code == "bad_result"


@pytest.mark.parametrize(
    ("edit", "line", "expected"),
    [
        ('["delta",1,0,"yes",410000]', 7, "line 7"),
        ("<<<<<<< ours", 9, "line 9"),
        ('["delta",1,0,"maybe",410000,5]', 5, "line 5"),
        ('["delta",1,7,"yes",410000,5]', 5, "line 5"),
        ('["delta",1,0,"yes",-410000,5]', 5, "line 5"),
        ('["delta",1,0,"yes",410000,5]', 5, "in order of time"),
        ('{"format":"other"}', 1, "line 1"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, edit: str, line: int, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        session_file.read(damaged(tmp_path, edit, line))


def test_another_version_of_the_format_is_refused(tmp_path: Path) -> None:
    header = next(session_file.lines(synth.make(3, seconds=8))).decode().replace('"version":1', '"version":2')
    with pytest.raises(BadInput, match="this program reads 'surefoot-session' version 1"):
        session_file.read(damaged(tmp_path, header, 1))


def test_a_file_cut_between_or_inside_lines_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "cut.session.jsonl.gz"
    lines = list(session_file.lines(synth.make(3, seconds=8)))
    path.write_bytes(gzip.compress(b"".join(lines[:-1])))
    with pytest.raises(BadInput, match="header promises"):
        session_file.read(path)
    path.write_bytes(gzip.compress(b"".join(lines))[:-200])
    with pytest.raises(BadInput, match="breaks off after line"):
        session_file.read(path)
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(BadInput, match="is empty"):
        session_file.read(path)
