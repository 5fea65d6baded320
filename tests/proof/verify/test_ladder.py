"""The ladder runs what is left, says what failed, and takes no crash for a success."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from proof.verify import __main__ as command
from proof.verify.ladder import RUNGS, Rung, Standing, minutes_for

LEAVES_A_MARK = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2]); sys.exit(int(sys.argv[3]))"


def rung(mark: Path, standing: Standing, code: int = 0) -> Rung:
    return Rung(
        "seeds", lambda: standing, lambda m: [sys.executable, "-c", LEAVES_A_MARK, str(mark), f"{m:g}", str(code)]
    )


def run(monkeypatch: pytest.MonkeyPatch, only: Rung, *arguments: str) -> int:
    monkeypatch.setattr(command, "RUNGS", (only,))
    monkeypatch.setattr(sys, "argv", ["verify", *arguments])
    return command.main()


def test_what_is_left_is_run_for_the_minutes_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert run(monkeypatch, rung(mark, Standing(200, 1_000, "seeds")), "--minutes", "3") == 0
    assert mark.read_text() == "3"


@pytest.mark.parametrize("arguments", [[], ["--report"]])
def test_what_is_done_is_not_run_and_a_report_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "mark"
    done = 200 if arguments else 1_000
    assert run(monkeypatch, rung(mark, Standing(done, 1_000, "seeds")), *arguments) == 0
    assert not mark.exists()
    told = json.loads(capsys.readouterr().out)
    assert told == {"seeds": {"done": done, "left": 1_000 - done, "unit": "seeds", "failed": 0}}


def test_a_failure_on_record_is_a_failure_whatever_this_run_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Standing(1_000, 1_000, "seeds", ("seed 7: a share stands alone",))
    assert run(monkeypatch, rung(tmp_path / "mark", failed)) == 6
    assert "seeds FAILED seed 7: a share stands alone" in capsys.readouterr().err


def test_a_run_that_ends_badly_with_nothing_on_record_is_a_failure_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, rung(tmp_path / "mark", Standing(0, 10, "seeds"), code=1)) == 6
    assert json.loads(capsys.readouterr().out)["did_not_run"] == ["seeds"]


def test_minutes_of_searching_are_given_no_further_than_wanted(tmp_path: Path) -> None:
    fuzz = rung(tmp_path / "mark", Standing(115.0, 120.0, "minutes"))
    assert minutes_for(fuzz, None) == 5.0
    assert minutes_for(fuzz, 2.0) == 2.0


def test_the_ladder_has_four_proofs() -> None:
    assert [one.name for one in RUNGS] == ["seeds", "chaos", "wire-fuzz", "mutants"]
