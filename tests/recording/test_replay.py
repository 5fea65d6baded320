"""A replay decides the same every time, everywhere, and takes exactly what the generated evening planted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.decisions import Gate
from domain.errors import BadInput
from domain.limits import SetParams
from domain.orders import Side
from proof.bench.frames import measure
from recording.replay import replay
from recording.sources import synth
from recording.sources.session import BookDelta, RecordedSession
from tests.places import ROOT

FINGERPRINT = "5aced10940ef99b13abbc306985a2e28ee304b0e55b5e042a1c5cd50fee78e70"


@pytest.mark.parametrize("seed", [0, 1, 7, 42])
def test_every_planted_opportunity_is_taken_and_every_trap_is_refused_by_its_gate(seed: int) -> None:
    session, plan = synth.make(seed), synth.plan(seed)
    result = replay(session, trade_ms=3_500)
    real = [plant.at for plant in plan.plants if plant.kind is synth.Kind.REAL]
    assert [intent.decided_at for intent in result.intents] == real
    assert result.suppressed == {Gate.CROSSED: 1, Gate.SHALLOW: 1, Gate.STALE: 1}
    assert result.events == len(session.log)
    assert (result.first_at, result.last_at) == (session.start, session.end)


@pytest.mark.parametrize("seed", [0, 7])
def test_with_selling_on_a_wave_of_bids_is_sold_to_and_the_books_are_the_same_otherwise(seed: int) -> None:
    plan = synth.plan(seed)
    result = replay(synth.make(seed), params=SetParams(sell=True), trade_ms=3_500)
    worth = {plant.at: plant for plant in plan.plants if plant.kind in (synth.Kind.REAL, synth.Kind.RICH)}
    assert [intent.decided_at for intent in result.intents] == list(worth)
    for intent in result.intents:
        rich = worth[intent.decided_at].kind is synth.Kind.RICH
        assert {leg.side for leg in intent.legs} == {Side.SELL if rich else Side.BUY}
        assert intent.payoff == (-1 if rich else 1)
        assert (intent.planned_cost < 0) == rich  # a sale's cost is what it brings, negative


def test_events_of_two_outcomes_are_pairs_and_of_more_are_baskets_with_a_leg_for_each() -> None:
    seen = {intent.pair: (intent.strategy, len(intent.legs)) for intent in replay(synth.make(7)).intents}
    assert seen == {"SYNGAME-7": ("pair", 2), "SYNCUP-7": ("basket", 3)}


def test_every_intent_costs_less_than_it_pays_by_at_least_the_margin() -> None:
    params = SetParams(margin=Decimal("0.01"))
    result = replay(synth.make(5), params=params)
    assert result.intents
    for intent in result.intents:
        assert intent.edge == intent.payoff * intent.size - intent.planned_cost
        assert intent.edge >= params.margin * intent.size
        assert intent.size <= params.max_size
        assert len({leg.size for leg in intent.legs}) == 1


def test_intents_and_their_ids_are_the_same_on_every_machine_and_under_every_hash_seed() -> None:
    assert replay(synth.make(7)).fingerprint == FINGERPRINT
    code = (
        "from recording.replay import replay; from recording.sources import synth;"
        "print(replay(synth.make(7)).fingerprint)"
    )
    for seed in ("0", "1", "4711"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == FINGERPRINT


def test_other_parameters_are_another_strategy_version_and_another_fingerprint() -> None:
    session = synth.make(7)
    plain, wider = replay(session), replay(session, params=SetParams(margin=Decimal("0.002")))
    assert plain.intents[0].strategy_version != wider.intents[0].strategy_version
    assert plain.fingerprint != wider.fingerprint


def test_while_a_trade_is_open_its_set_is_not_traded_again() -> None:
    session = synth.make(7)
    assert len(replay(session, trade_ms=3_600_000).intents) == 2  # one of each event
    assert len(replay(session, trade_ms=100).intents) > len(replay(session, trade_ms=500).intents)


def test_a_size_the_wire_cannot_carry_is_refused_by_its_event() -> None:
    session = synth.make(7, seconds=8)
    odd = replace(next(event for event in session.log if isinstance(event, BookDelta)), delta=1)
    broken = RecordedSession("odd", session.markets, (*session.log, odd))
    with pytest.raises(BadInput, match=r"odd event .* steps of 10000"):
        replay(broken)


def test_the_measure_counts_every_event_and_orders_its_figures() -> None:
    figures = measure(synth.make(7, seconds=10))
    assert figures["events"] == len(synth.make(7, seconds=10).log)
    assert 0 < figures["p50_us"] <= figures["p99_us"] <= figures["max_us"]
    assert figures["events_per_s"] > 0
