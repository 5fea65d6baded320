"""Books that stay doubted: what is asked for is not asked for in vain for ever."""

from __future__ import annotations

from collections.abc import Iterable

from workers.book_repairs import BookRepairs, Step


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def steps(repairs: BookRepairs, clock: Clock, seconds: Iterable[int], *doubted: str) -> list[tuple[int, Step]]:
    """What was due at each second while these were doubted; nothing is left out."""
    taken = []
    for second in seconds:
        clock.now = float(second)
        step, markets = repairs.due(doubted)
        if step is not Step.NOTHING:
            assert markets == doubted
            taken.append((second, step))
    return taken


def test_a_book_that_stays_doubted_is_subscribed_anew_and_then_connected_anew_within_seconds() -> None:
    clock = Clock()
    taken = steps(BookRepairs(clock=clock), clock, range(10), "M")
    assert taken == [(2, Step.ASK), (4, Step.RESUBSCRIBE), (8, Step.RECONNECT)]


def test_a_book_that_nothing_mends_costs_the_others_ever_less() -> None:
    clock = Clock()
    taken = steps(BookRepairs(clock=clock), clock, range(1_000), "M")
    connects = [second for second, step in taken if step is Step.RECONNECT]
    assert connects == [8, 38, 98, 218, 458, 758]
    assert 100 < sum(step is Step.ASK for _, step in taken) < 200


def test_a_doubt_that_was_answered_and_comes_back_is_a_doubt_of_its_own() -> None:
    clock = Clock()
    repairs = BookRepairs(clock=clock)
    assert steps(repairs, clock, range(4), "M") == [(2, Step.ASK)]
    assert steps(repairs, clock, range(4, 10)) == []
    assert steps(repairs, clock, range(10, 13), "M") == [(12, Step.ASK)]


def test_a_book_that_breaks_after_every_new_connection_does_not_have_one_a_second() -> None:
    clock = Clock()
    repairs = BookRepairs(clock=clock)
    connects = 0
    for second in range(60):
        clock.now = float(second)
        step, _ = repairs.due(("M",) if second % 12 < 10 else ())
        connects += step is Step.RECONNECT
    assert connects == 2


def test_each_book_has_a_patience_of_its_own() -> None:
    clock = Clock()
    repairs = BookRepairs(clock=clock)
    repairs.due(("OLD",))
    clock.now = 3.0
    repairs.due(("OLD", "NEW"))
    clock.now = 4.0
    assert repairs.due(("OLD", "NEW")) == (Step.RESUBSCRIBE, ("OLD",))


def test_a_minute_of_belief_forgets_what_was_tried() -> None:
    clock = Clock()
    repairs = BookRepairs(clock=clock)
    assert steps(repairs, clock, range(9), "M")[-1] == (8, Step.RECONNECT)
    assert steps(repairs, clock, range(9, 80)) == []
    assert steps(repairs, clock, range(80, 89), "M")[-1] == (88, Step.RECONNECT)
