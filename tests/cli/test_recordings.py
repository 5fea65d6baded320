"""`surefoot import`, `export` and `replay --check`, run as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from cli.main import main
from recording.session_blocks import Kind, Packer
from tests.places import ROOT, SHARED_FOLDER

SHARED = SHARED_FOLDER / "data"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = exits.OK) -> Any:
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_session_is_imported_checked_and_exported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = told(capsys, "import", "synth:7", "--out", str(tmp_path))
    direct = told(capsys, "replay", "synth:7")
    checked = told(capsys, "replay", made["session"], "--check")
    assert made["fingerprint"] == direct["fingerprint"] == checked["fingerprint"] == checked["recorded"]
    assert (checked["check"], checked["difference"]) == ("same", None)
    assert {name: checked[name] for name in direct} == direct
    exported = told(capsys, "export", made["session"], "--parquet", str(tmp_path / "parquet"))
    assert exported["events"] == made["events"]
    assert main(["import", "synth:7", "--out", str(tmp_path)]) == exits.BAD_INPUT
    assert "never overwritten" in capsys.readouterr().err


def test_a_decision_that_is_not_the_recorded_one_is_shown_beside_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = told(capsys, "import", "synth:7", "--out", str(tmp_path))
    path = Path(made["session"])
    _altered(path, b'\\"size\\":\\"100\\"', b'\\"size\\":\\"101\\"')
    found = told(capsys, "replay", str(path), "--check", code=exits.INVARIANT)
    assert found["check"] == "different"
    difference = found["difference"]
    assert difference["decision"] >= 1
    assert difference["recorded"]["legs"][0]["size"] == "101"
    assert difference["replayed"]["legs"][0]["size"] == "100"
    assert main(["replay", str(path), "--check"]) == exits.INVARIANT
    shown = capsys.readouterr().out
    assert "check: different" in shown
    assert "legs[0].size" in shown


def _altered(path: Path, old: bytes, new: bytes) -> None:
    """Rewrites a session whose first matching decision says something else, every block valid."""
    from recording.session_blocks import BlockReader

    with path.open("rb") as file:
        blocks = list(BlockReader(file, path.name, path.stat().st_size))
    packer = Packer()
    done = False
    made = []
    for block in blocks:
        lines = block.lines
        if not done and block.kind is Kind.EVENTS and old in lines:
            lines, done = lines.replace(old, new, 1), True
        made.append(packer.pack(block.kind, block.number, lines))
    assert done
    path.write_bytes(b"".join(made))


def test_any_recording_can_be_checked_and_a_session_takes_no_window(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    checked = told(capsys, "replay", "synth-cross:3", "--check")
    assert checked["check"] == "same"
    assert checked["fingerprint"] == told(capsys, "replay", "synth-cross:3")["fingerprint"]
    made = told(capsys, "import", "synth:1", "--out", str(tmp_path))
    assert main(["replay", made["session"], "--from", "19:00"]) == exits.BAD_INPUT
    assert "decided whole" in capsys.readouterr().err


def test_a_session_cut_short_is_read_as_far_as_it_goes_and_a_damaged_one_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = Path(told(capsys, "import", "synth:7", "--out", str(tmp_path))["session"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    found = told(capsys, "replay", str(path), "--check")
    assert found["check"] == "incomplete"
    assert "breaks off" in found["why"]
    path.write_bytes(whole[:2000] + b"\0" * 10 + whole[2010:])
    assert main(["replay", str(path)]) == exits.BAD_INPUT
    assert "expected the block as it was written" in capsys.readouterr().err


def test_the_fingerprint_of_a_session_is_the_same_in_processes_of_different_hash_seeds(tmp_path: Path) -> None:
    found = []
    for seed in ("1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = tmp_path / seed
        for arguments in (["import", "synth:5", "--out", str(out)], ["replay", str(out), "--check"]):
            run = subprocess.run(
                [sys.executable, "-m", "cli.main", *arguments, "--json"],
                cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
        found.append((json.loads(run.stdout), next(out.glob("*.session.zst")).read_bytes()))
    assert found[0] == found[1]


SMALL = ("dota2", "lol_book", "polymarket_btc_5m", "metadata", "kalshi_nba_winners", "polymarket_nba_mvp")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared recordings are not here")
@pytest.mark.parametrize("folder", SMALL)
def test_every_folder_of_recordings_is_a_session(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, folder: str
) -> None:
    made = told(capsys, "import", str(SHARED / folder), "--out", str(tmp_path))
    assert made["events"] > 0
    assert all(rows["kept"] > 0 for rows in made["rows"].values())
    checked = told(capsys, "replay", made["session"], "--check")
    assert (checked["check"], checked["fingerprint"]) == ("same", made["fingerprint"])
    again = told(capsys, "replay", str(SHARED / folder), "--whole")
    assert (again["fingerprint"], again["events"]) == (checked["fingerprint"], checked["events"])
