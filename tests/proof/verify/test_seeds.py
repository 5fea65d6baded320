"""A long simulation goes on where it stopped, on the same code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proof.kept import results as stores
from proof.kept.results import Results
from proof.simulate import campaign as campaigns
from proof.simulate.__main__ import simulate
from proof.simulate.campaign import Tally, campaign
from proof.simulate.kept_seeds import Keeper


def count_every_seed(chunk: range) -> Tally:
    return Tally(seeds=len(chunk), trades=2 * len(chunk))


def break_seed_450(chunk: range) -> Tally:
    tally = count_every_seed(chunk)
    if 450 in chunk:
        tally.violations, tally.failed = 1, {450: ["a share stands alone"]}
    return tally


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(stores, "FOLDER", tmp_path)
    monkeypatch.setattr(campaigns, "run_seeds", count_every_seed)
    return Results()


def run(keeper: Keeper, minutes: float | None = None) -> Tally:
    tally = campaign(keeper.left(), 1, keep=keeper.keep, minutes=minutes)
    keeper.close()
    return tally


def test_what_this_code_has_run_is_left_out(results: Results) -> None:
    assert run(Keeper(0, 1_000, results)).seeds == 1_000
    assert run(Keeper(500, 1_500, results)).seeds == 1_000
    again = Keeper(0, 2_000, results)
    assert again.left() == []
    assert run(again).seeds == 0
    assert again.summary()["counts"]["trades"] == 4_000


def test_a_run_that_is_out_of_time_leaves_the_rest_to_the_next(results: Results) -> None:
    stopped = run(Keeper(0, 1_000, results), minutes=0.0)
    assert stopped.seeds == 200
    assert run(Keeper(0, 1_000, results)).seeds == 800


def test_a_seed_that_failed_is_not_forgotten_by_the_runs_that_leave_it_out(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaigns, "run_seeds", break_seed_450)
    run(Keeper(0, 1_000, results))
    assert simulate(seeds=1_000, jobs=1, resume=True) == 6
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["seeds"] == 0
    assert told["resumed"]["failed"] == ["seed 450: a share stands alone"]


def test_without_resume_nothing_is_left_out_and_nothing_kept(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(Keeper(0, 1_000, results))
    before = (tmp_path / "seeds.jsonl").read_text()
    assert simulate(seeds=1_000, jobs=1) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["seeds"] == 1_000
    assert (tmp_path / "seeds.jsonl").read_text() == before
