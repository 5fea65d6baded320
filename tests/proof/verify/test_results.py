"""Results add up over runs, processes and merges, and outlive half a line."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from proof.kept.results import Done, Results


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "proof-results")


def test_a_run_goes_on_where_the_last_one_stopped(results: Results) -> None:
    first = results.of("seeds", "c0de")
    first.add(seeds=[range(200), range(400, 600)])
    again = results.of("seeds", "c0de")
    assert again.left(range(1_000)) == [range(200, 400), range(600, 1_000)]
    assert again.left(range(100, 500)) == [range(200, 400)]
    assert again.left(range(150)) == []
    assert again.seeds == 400


def test_another_code_begins_anew(results: Results) -> None:
    results.of("seeds", "c0de").add(seeds=[range(200)])
    assert results.of("seeds", "0ther").left(range(200)) == [range(200)]


def test_minutes_of_several_runs_add_up_and_never_count_twice(results: Results, tmp_path: Path) -> None:
    one, other = results.of("wire-fuzz", "c0de"), results.of("wire-fuzz", "c0de")
    for _ in range(3):
        one.add(minutes=1.0)
    other.add(minutes=0.5)
    file = tmp_path / "proof-results" / "wire-fuzz.jsonl"
    file.write_text(file.read_text() * 2)  # as a merge of two branches leaves it
    assert results.of("wire-fuzz", "c0de").minutes == 3.5
    results.compact("wire-fuzz")
    assert results.of("wire-fuzz", "c0de").minutes == 3.5


def test_what_failed_stays_failed(results: Results) -> None:
    results.of("seeds", "c0de").add(seeds=[range(200)], failed=["seed 7: a share stands alone"])
    results.of("seeds", "c0de").add(seeds=[range(200, 400)])
    results.compact("seeds")
    assert results.of("seeds", "c0de").failed == ["seed 7: a share stands alone"]


def test_the_last_verdict_of_a_step_counts(results: Results) -> None:
    results.of("chaos", "c0de").add(names={"a": "unreached", "b": "held"})
    results.of("chaos", "c0de").add(names={"a": "held"})
    assert results.of("chaos", "c0de").done.names == {"a": "held", "b": "held"}


def test_counts_of_seeds_that_were_run_twice_count_once(results: Results) -> None:
    for _ in range(2):
        results.of("seeds", "c0de").add(seeds=[range(200)], counts={"crash": 3})
    assert results.of("seeds", "c0de").done.counts == {"crash": 3}


def test_half_a_line_is_passed_over_and_nothing_is_written_into_it(results: Results, tmp_path: Path) -> None:
    results.of("seeds", "c0de").add(seeds=[range(200)])
    file = tmp_path / "proof-results" / "seeds.jsonl"
    with file.open("a") as out:
        out.write('{"code": "c0de", "at": "2026-')
    assert results.of("seeds", "c0de").seeds == 200
    results.of("seeds", "c0de").add(seeds=[range(300, 400)])
    assert results.of("seeds", "c0de").seeds == 300


def test_compaction_loses_nothing_but_old_codes(results: Results, tmp_path: Path) -> None:
    for code in ("one", "two", "three"):
        for first in range(0, 1_000, 100):
            results.of("seeds", code).add(seeds=[range(first, first + 100)], counts={"crash": 1})
    results.compact("seeds", keep=2)
    assert len((tmp_path / "proof-results" / "seeds.jsonl").read_text().splitlines()) == 2
    assert results.of("seeds", "one").seeds == 0
    assert results.of("seeds", "three").done.counts == {"crash": 10}
    assert results.of("seeds", "two").left(range(1_100)) == [range(1_000, 1_100)]


def test_compaction_of_nothing_writes_nothing(results: Results, tmp_path: Path) -> None:
    results.compact("seeds")
    assert list((tmp_path / "proof-results").iterdir()) == []


def _add(folder: Path, first: int) -> None:
    mine = Results(folder).of("seeds", "c0de")
    for n in range(first, first + 50):
        mine.add(seeds=[range(n, n + 1)])


def test_processes_at_once_lose_no_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add, args=(tmp_path, first)) for first in (0, 50, 100)]
    for worker in workers:
        worker.start()
    for _ in range(20):
        Results(tmp_path).compact("seeds")
    for worker in workers:
        worker.join()
    assert Results(tmp_path).of("seeds", "c0de").left(range(150)) == []


stretches = some.lists(some.tuples(some.integers(0, 60), some.integers(0, 60)).map(lambda pair: range(*sorted(pair))))


@given(stretches, some.integers(0, 60), some.integers(0, 60))
def test_what_is_left_and_what_is_done_are_all_there_is(done: list[range], one: int, other: int) -> None:
    asked = range(*sorted((one, other)))
    proof = Results(Path("/nonexistent")).of("seeds", "c0de")
    proof.done = Done()
    for stretch in done:
        proof.done.take_in({"at": "", "seeds": [[stretch.start, stretch.stop]]})
    left = [seed for stretch in proof.left(asked) for seed in stretch]
    assert left == [seed for seed in asked if not any(seed in stretch for stretch in done)]
