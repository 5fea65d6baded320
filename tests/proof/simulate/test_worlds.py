"""Worlds run: everything holds in each, equal seeds run equally, and every kind of trouble does occur."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import exits
from domain.operator import OperatorCommand
from domain.trade import TradeRecord, TradeState
from proof.simulate import campaign
from proof.simulate.__main__ import app
from proof.simulate.campaign import ENOUGH, Tally, run_one, run_seeds, run_world
from proof.simulate.catalogue import ON, RECORD, WEIGHTS
from proof.simulate.durable import Process
from proof.simulate.scenario import make
from proof.simulate.trace import render
from workflows.lifecycle import Trade
from workflows.repair import Repairs

SLICE = range(600)


@pytest.fixture(scope="module")
def tally() -> Tally:
    return run_seeds(SLICE)


def test_everything_holds_in_every_world(tally: Tally) -> None:
    assert tally.failed == {}
    assert (tally.seeds, tally.violations) == (len(SLICE), 0)


def test_every_ending_every_state_and_every_kind_of_fault_occurs(tally: Tally) -> None:
    assert set(tally.outcomes) == {"denied", "hedged", "missed", "reduced", "residual", "unwound"}
    reached = {transition.partition("→")[2] for transition in tally.transitions}
    assert reached == {str(state) for state in TradeState} - {"PLANNED"}
    assert set(tally.faults) <= set(ON)
    assert {fault.partition(":")[0] for fault in tally.faults} == set(WEIGHTS)
    assert len(tally.missing) < 12, tally.missing
    assert tally.crashes > len(SLICE)


def test_every_kind_of_fault_that_is_not_our_own_says_where_it_was_seen() -> None:
    ours = {
        f"{group}:{kind}"
        for group in ("worker", "wire", "read", "ledger", "message", "life")
        for kind in WEIGHTS[group]
    }
    theirs = {f"{group}:{kind}" for group, kinds in WEIGHTS.items() for kind in kinds} - ours
    assert theirs <= set(RECORD)
    assert set(RECORD) <= theirs | ours


def test_a_long_run_in_which_a_kind_of_fault_never_happened_fails() -> None:
    tally = Tally(seeds=ENOUGH, faults=Counter(dict.fromkeys(ON, 1)))
    assert (tally.ok, tally.missing) == (True, [])
    del tally.faults["answer:unknown_words"]
    assert (tally.ok, tally.missing) == (False, ["answer:unknown_words"])
    tally.seeds -= 1
    assert tally.ok  # too short to say
    assert not Tally(seeds=1, violations=1).ok


@pytest.mark.parametrize(
    "seed", [43_491, 76_316, 160_293, 174_554, 277_513, 460_015, 468_391, 654_271, 821_370, 990_077]
)
def test_a_seed_that_once_found_something_finds_nothing_any_more(seed: int) -> None:
    """docs/proof.md says what it was. A world may change as the lifecycle does; those that mattered have tests."""
    assert run_one(seed)[1] == []


def test_equal_seeds_run_equally_traced_or_not() -> None:
    for seed in range(30):
        (first, _), (again, _) = run_one(seed), run_one(seed, trace=True)
        assert [life.history.every_command() for life in first.lives] == [
            life.history.every_command() for life in again.lives
        ]
        assert [life.history.record for life in first.lives] == [life.history.record for life in again.lives]
        assert first.weather.counts == again.weather.counts


def test_a_world_that_crashes_at_every_await_is_replayed_from_its_history_each_time() -> None:
    crashing = next(
        scenario for seed in range(1_000) if (scenario := make(seed)).crashes == 1 and len(scenario.plans) == 1
    )
    world, wrong = run_world(replace(crashing, rates={}))
    assert wrong == []
    assert world.crashes >= min(len(world.lives[0].history.commands), 60) - 1


def test_a_trade_whose_own_code_raises_is_parked_and_goes_on_from_what_it_knew() -> None:
    parked, broken = 0, Counter[str]()
    for seed in range(120):
        world, wrong = run_world(replace(make(seed), rates={"life": 0.25}))
        assert wrong == []
        parked += sum(life.history.run for life in world.lives if life.broken_on_purpose)
        broken += world.weather.counts
    assert parked > 40
    assert min(broken["life:raises"], broken["life:a_command_raises"]) > 5


def test_a_history_that_grows_long_goes_on_in_a_run_of_its_own() -> None:
    renewed = 0
    for seed in range(40):
        world, wrong = run_world(replace(make(seed), rates={}, longest=10))
        assert wrong == []
        renewed += world.weather.counts["life:renewed"]
    assert renewed > 20


def test_a_trace_tells_the_plan_every_event_and_what_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave(repairs: Repairs, last: object) -> None:
        return None

    monkeypatch.setattr(Repairs, "run", leave)
    monkeypatch.setattr(Trade, "may_stay", lambda trade: True)
    seed = min(run_seeds(range(100)).failed)
    told = list(render(*run_one(seed, trace=True)))
    text = "\n".join(told)
    assert told[0] == f"seed {seed}"
    assert "leg A   " in text
    assert " sends open A1 " in text
    assert " hears accepted " in text
    assert "venue         fill " in text
    assert "shares stand alone and are left as they are." in text
    assert told[-1].startswith("DOES NOT HOLD  ")


def test_a_replay_that_does_something_else_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tells = Trade.tell
    born = 0

    def differently(trade: Trade, text: str) -> None:
        nonlocal born
        born += 1
        tells(trade, f"{text} ({born})")  # what no two processes do alike

    monkeypatch.setattr(Trade, "tell", differently)
    _, wrong = run_one(0)
    assert wrong
    assert wrong[0].startswith("Forked: command ")


def test_a_refused_wish_leaves_no_trace_in_the_history_and_is_refused_again_on_replay() -> None:
    heard: list[TradeRecord] = []
    for seed in range(400):
        world, _ = run_one(seed)
        for life in world.lives:
            refused = [event for event in life.history.every_event() if event.refused]
            record = life.history.record
            if refused and record is not None:
                heard.append(record)
                taken = [
                    e for e in life.history.every_event() if isinstance(e.value, tuple) and e.seen_at and not e.refused
                ]
                assert len(record.commands) == len(taken)
                assert all(isinstance(e.value[1], OperatorCommand) for e in taken)
    assert heard


# ---------------------------------------------------------------------- the command


def _invoke(*arguments: str) -> tuple[int, dict[str, Any], str]:
    result = CliRunner().invoke(app, list(arguments), standalone_mode=False)
    code = result.return_value
    assert isinstance(code, int), result.output
    return code, json.loads(result.stdout.splitlines()[-1]), result.stdout


def test_the_last_line_is_a_summary_in_json() -> None:
    code, summary, stdout = _invoke("--seeds", "150", "--jobs", "2")
    assert code == exits.OK
    assert (summary["seeds"], summary["violations"], summary["failed"]) == (150, 0, [])
    assert {"seconds", "outcomes", "crashes", "faults", "missing", "states", "transitions", "rows"} <= set(summary)
    assert len(stdout.splitlines()) == 1


def test_one_seed_is_told_and_json_alone_if_asked_for() -> None:
    _, summary, stdout = _invoke("--seed", "3", "--trace")
    assert summary["seeds"] == 1
    assert stdout.startswith("seed 3\n")
    assert "everything holds" in stdout
    assert len(_invoke("--seed", "3", "--json")[2].splitlines()) == 1


def test_what_does_not_hold_is_exit_code_six_with_the_seed_and_its_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Process, "now", lambda desk: desk._server.now())
    monkeypatch.setattr(campaign, "_CHUNK", 1_000)  # one chunk runs in this process, where the code is broken
    code, summary, _ = _invoke("--seeds", "20")
    assert code == exits.INVARIANT
    assert summary["violations"] > 0
    assert summary["failed"]
