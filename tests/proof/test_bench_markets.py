"""The bench's crowd is such as two venues could have sent it; its figures are measured, never asserted."""

from __future__ import annotations

import pytest

from domain.market import Venue
from ingest.gates import mirrored
from proof.bench import markets
from proof.bench.crowd import STEP_US, T0, Crowd, crowd


@pytest.fixture(scope="module")
def script() -> Crowd:
    return crowd(markets=40, count=12_000, seed=3)


def test_equal_seeds_give_equal_bytes_and_other_seeds_others(script: Crowd) -> None:
    assert crowd(40, 12_000, 3) == script
    assert crowd(40, 500, 4).frames[:100] != script.frames[:100]


def test_the_crowd_contradicts_itself_nowhere_and_holds_something_to_take(script: Crowd) -> None:
    run = markets._pass(script)
    counters = run.engine.counters
    assert run.engine.unready() == ()
    assert (counters.gaps, counters.malformed, counters.unknown, counters.duplicates) == (0, 0, 0, 0)
    assert counters.deltas == script.changes
    assert counters.intents > 0
    assert (
        len(script.markets) == len(run.engine.feed(Venue.KALSHI).books | run.engine.feed(Venue.POLYMARKET).books) == 40
    )
    books = run.engine.feed(Venue.POLYMARKET).books
    pairs = [(spec.market, spec.complement) for spec in script.markets if spec.venue is Venue.POLYMARKET]
    assert all(mirrored(books[one], books[other]) for one, other in pairs)


def test_frames_come_in_the_order_of_their_time(script: Crowd) -> None:
    times = [at for _, at, _ in script.frames]
    assert times == [T0 + number * STEP_US for number in range(1, len(times) + 1)]


def test_a_session_can_be_played_again_through_one_engine(script: Crowd) -> None:
    run = markets._Run(script)
    for _ in range(2):
        run.again()
        before = run.engine.counters.intents
        for frame in script.frames:
            run.take(frame)
        assert run.engine.counters.gaps == 0
        assert run.engine.counters.intents > before


def test_figures_have_a_sample_a_frame_and_the_memory_of_a_book_is_some(script: Crowd) -> None:
    spent, _ = markets.timed(script)
    assert len(spent) == len(script.frames)
    seconds, worked, pauses = markets.untimed(script)
    assert min(seconds, worked) > 0
    assert len(pauses) == 3
    assert markets.memory(script) > 1_000


def test_frames_that_come_faster_than_they_are_worked_off_wait_for_those_before_them() -> None:
    figure = markets.burst([20.0] * 1_000, base=100)  # 50 frames apart by 10 ms, then 1 ms, each takes 0.02 ms
    assert figure["max"] == pytest.approx(0.02)
    assert figure["drained"] >= 0
    slow = markets.burst([2_000.0] * 1_000, base=100)  # the burst comes twice as fast as it is worked off
    assert slow["max"] == pytest.approx(2 + 499, rel=0.01)
    assert slow["drained"] > 0
