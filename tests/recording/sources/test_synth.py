"""The generated evening: the same everywhere, never crossed by accident, with exactly the opportunities it says."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest

from domain.book import Book
from domain.money import MICRO
from recording.sources import session_file, synth
from recording.sources.choose import takeable
from recording.sources.session import BookDelta, BookReset

SEEDS = (0, 1, 7, 42, 1234)


def test_the_same_seed_gives_the_same_bytes_on_every_machine() -> None:
    digest = hashlib.sha256(b"".join(session_file.lines(synth.make(7)))).hexdigest()
    assert digest == "6e59478fce68957de0ae5a6f812a4351da9914bef38588ad1ee81e35111e01a2"
    assert synth.STREAM == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_planted_real_opportunities_can_be_taken(seed: int) -> None:
    real = [plant for plant in synth.plan(seed).plants if plant.kind is synth.Kind.REAL]
    spells = takeable(synth.make(seed))
    assert [spell.start for spell in spells] == [plant.at for plant in real]
    assert len(real) >= 5
    assert all(200_000 <= plant.lasts < 3_000_000 for plant in real)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_of_trap_is_planted_and_only_the_crossed_one_crosses_a_book(seed: int) -> None:
    plan = synth.plan(seed)
    assert {plant.kind for plant in plan.plants} == set(synth.Kind)
    crossed = next(plant for plant in plan.plants if plant.kind is synth.Kind.CROSSED)
    session = synth.make(seed)
    books = {spec.market: Book(spec.market) for spec in session.markets}
    for event in session.events():
        book = books[event.market]
        if isinstance(event, BookReset):
            book.reset(event.yes, event.no, event.at, event.at)
        elif event.side == "yes":
            assert book.change_bid(event.price, event.delta, event.at, event.at)
        else:
            assert book.change_ask(MICRO - event.price, event.delta, event.at, event.at)
        assert not book.crossed() or crossed.at <= event.at <= crossed.at + crossed.lasts


@pytest.mark.parametrize("seed", SEEDS)
def test_a_game_of_two_and_a_cup_of_three_or_four_both_hold_opportunities_and_say_who_wins(seed: int) -> None:
    plan = synth.plan(seed)
    assert [len(event.outcomes) for event in plan.events] == [2, 3 if seed % 2 else 4]
    assert all(sum(event.fair) == 100 for event in plan.events)
    real = [plant for plant in plan.plants if plant.kind is synth.Kind.REAL]
    assert {plant.event for plant in real} == {0, 1}
    session = synth.make(seed)
    assert {spec.event: spec.outcomes for spec in session.markets} == {
        event.name: len(event.outcomes) for event in plan.events
    }
    assert set(plan.winners.values()) <= {spec.market for spec in session.markets}


def test_every_outcome_of_an_event_wins_on_some_evening() -> None:
    plans = [synth.plan(seed) for seed in range(100)]
    won = {(len(event.outcomes), event.winner) for plan in plans for event in plan.events}
    assert won == {(outcomes, winner) for outcomes in (2, 3, 4) for winner in range(outcomes)}


def test_events_are_in_order_and_the_session_is_about_as_long_as_asked() -> None:
    session = synth.make(9, seconds=30)
    assert all(a.at <= b.at for a, b in pairwise(session.log))
    assert 29 * MICRO < session.end - session.start <= 30 * MICRO


@pytest.mark.parametrize("seed", [103, 166, 175, 297, 320])
def test_no_event_is_before_the_one_that_it_follows_where_a_move_runs_into_the_next_opportunity(seed: int) -> None:
    assert all(a.at <= b.at for a, b in pairwise(synth.make(seed).log))


def test_different_seeds_give_different_games() -> None:
    assert synth.make(1).log != synth.make(2).log


@pytest.mark.parametrize("seed", SEEDS)
def test_a_taker_at_the_limit_of_a_plant_fills_at_two_or_three_prices_with_an_uneven_average(seed: int) -> None:
    uneven = 0
    for plant in synth.plan(seed).plants:
        if plant.kind is not synth.Kind.REAL:
            continue
        wave = [event for event in synth.make(seed).log if isinstance(event, BookDelta) and event.at == plant.at]
        added = [(MICRO - event.price, event.delta) for event in wave if event.delta > 0]
        (limit, size), *front = added
        assert size == plant.size
        assert 1 <= len(front) <= 2
        assert all(price < limit for price, _ in front)
        paid = sum(price * size for price, size in added)
        uneven += paid % sum(size for _, size in added) != 0
    assert uneven >= 4
