"""What features have learned goes on after a restart, to the last bit, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.features.feature import Flaw
from domain.features.join import Tolerance
from domain.features.spot_folds import SpotFolds, SpotParams
from domain.features.volatility import Sampling
from domain.spot import ATTO, SpotKind, SpotSource, SpotTick
from ingest.engine import Engine
from ingest.warm import MemoryCache, WarmState, decode, encode
from recording.envelope import EventType
from recording.recorded_engine import TapedEngine
from recording.recorder import Recorder
from recording.rerun import Verdict, rerun
from recording.session_reader import RecordedEvents
from recording.session_setup import engine_of
from tests.ingest.spot_world import PARAMS, SECOND, T0, UP, Venues, numbers, setup_of, venues

SPOT = SpotParams(
    SpotSource.COINBASE, "BTC-USD", SECOND, Sampling(2 * SECOND, SECOND, 20 * SECOND, 3 * SECOND, 3), Tolerance()
)


def tick(at: int, price: int) -> SpotTick:
    return SpotTick(SpotSource.COINBASE, "BTC-USD", SpotKind.TRADE, price * ATTO // 100, at, at)


def said(folds: SpotFolds, at: int) -> dict[str, Any]:
    features: dict[str, Any] = {}
    folds.into(features, at)
    return features


@given(
    st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(1, 10**7)), min_size=2, max_size=60),
    st.integers(0, 60),
)
def test_a_state_kept_as_text_goes_on_as_if_nothing_had_happened(moves: list[tuple[int, int]], cut: int) -> None:
    whole, first = SpotFolds(SPOT), SpotFolds(SPOT)
    at, ticks = T0, []
    for gap, price in moves:
        at += gap
        ticks.append(tick(at, price))
    cut = min(cut, len(ticks) - 1)
    for each in ticks[:cut]:
        whole.update(each)
        first.update(each)
    second = SpotFolds(SPOT)
    (kept,) = decode(encode(WarmState(T0, (first.state(),)))).spots
    assert second.restore(kept)
    for each in ticks[cut:]:
        whole.update(each)
        second.update(each)
    assert said(second, at) == said(whole, at)


def test_no_old_price_is_joined_after_a_restart() -> None:
    first, second = SpotFolds(SPOT), SpotFolds(SPOT)
    for second_ in range(10):
        first.update(tick(T0 + second_ * SECOND, 100))
    second.restore(first.state())
    features = said(second, T0 + 9 * SECOND)
    assert features["spot"].flaw is Flaw.MISSING
    assert features["sigma"].valid


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    first = SpotFolds(SPOT)
    for second_ in range(10):
        first.update(tick(T0 + second_ * SECOND, 100 + second_))
    state = first.state()
    other = SpotFolds(replace(SPOT, halflife=2 * SECOND))
    assert not other.restore(state)
    running = SpotFolds(SPOT)
    running.update(tick(T0, 5))
    assert not running.restore(state)
    for wrong in (
        replace(state, ema=replace(state.ema, count=-1)),
        replace(state, ema=replace(state.ema, value=float("inf"))),
        replace(state, sigma=replace(state.sigma, next=state.sigma.next + 1)),
        replace(state, sigma=replace(state.sigma, logs=(float("nan"),))),
    ):
        fresh = SpotFolds(SPOT)
        assert not fresh.restore(wrong)
        assert said(fresh, T0) == said(SpotFolds(SPOT), T0)


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b"[" * 5000, b'{"saved_at":"now","spots":[]}'])
def test_what_is_no_state_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a saved state"):
        decode(raw)


def test_a_state_is_usable_while_it_is_young_and_of_this_version() -> None:
    folds = SpotFolds(SPOT)
    folds.update(tick(T0, 1))
    state = WarmState(T0, (folds.state(),))
    assert state.usable(T0 + SECOND, SECOND)
    assert not state.usable(T0 + SECOND + 1, SECOND)
    assert not state.usable(T0 - 1, SECOND)  # of a clock that was set back
    assert not replace(state, version=0).usable(T0, SECOND)
    assert not WarmState(T0, ()).usable(T0, SECOND)


def test_an_engine_is_warm_at_once_where_another_left_off() -> None:
    first = venues()
    first.evening()
    cache = MemoryCache()
    cache.save(encode(first.engine.warm_state(T0 + 20 * SECOND)), 60_000)
    assert cache.kept is not None
    second = venues()
    assert second.engine.on_warm(decode(cache.kept)) == 1
    at = T0 + 21 * SECOND
    second.book(UP, at)
    second.spot(at)
    vector = second.engine.features(UP, at)
    assert vector["sigma"].valid
    assert vector["spot_ema"].valid
    assert vector["flow"].flaw is Flaw.WARMING  # a book begins with its snapshot
    cold = venues()
    cold.book(UP, at)
    cold.spot(at)
    assert cold.engine.features(UP, at)["sigma"].flaw is Flaw.WARMING


def test_what_was_restored_and_heard_nothing_since_is_not_saved_as_new() -> None:
    first = venues()
    first.evening()
    second = venues()
    second.engine.on_warm(first.engine.warm_state(T0))
    assert second.engine.warm_state(T0 + 3600 * SECOND).spots == ()


def test_a_warm_start_is_recorded_and_replays(tmp_path: Path) -> None:
    before = venues()
    before.evening()
    setup = setup_of()
    recorder = Recorder(tmp_path, setup)
    recorder.start()
    taped = engine_of(
        setup,
        lambda intent: None,
        lambda suppression: None,
        lambda *rules, **more: TapedEngine(recorder, *rules, **more),
    )
    at = T0 + 21 * SECOND
    taped.on_warm(before.engine.warm_state(T0 + 20 * SECOND))
    world = Venues(taped)
    world.book(UP, at)
    world.spot(at, "60007")
    assert recorder.close()
    made: list[Engine] = []

    def make(*rules: Any, **more: Any) -> Engine:
        made.append(Engine(*rules, **more))
        return made[0]

    session = RecordedEvents(tmp_path)
    assert next(event.type for event in session.events()) is EventType.WARM
    assert rerun(session, make).verdict is Verdict.SAME
    assert numbers(made[0], UP, at) == numbers(taped, UP, at)
    assert made[0].features(UP, at)["sigma"].valid


def test_a_state_says_whose_price_it_is_in_words() -> None:
    folds = SpotFolds(PARAMS.panel(PARAMS.follow[0]).spot)
    folds.update(tick(T0, 100))
    said = msgspec.json.decode(encode(WarmState(T0, (folds.state(),))))
    assert said["spots"][0]["params"]["source"] == "coinbase"
