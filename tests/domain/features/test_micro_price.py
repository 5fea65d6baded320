"""The micro-price: odd about balance, learned from what followed, and nothing where nothing was seen."""

from __future__ import annotations

import random

import pytest

from domain.features.feature import Flaw
from domain.features.lead import beta, spread_dislocation
from domain.features.micro_price import fit, state_of
from domain.features.touch import Touch

CENT = 10_000
SHARE = 1_000_000


def touch(bid: int, bid_size: int, ask: int, ask_size: int) -> Touch:
    return Touch(bid * CENT, bid_size * SHARE, ask * CENT, ask_size * SHARE, 0)


def follows_the_imbalance(steps: int, chance: float) -> list[Touch]:
    """A one-cent book whose mid moves a cent towards the heavier side with this chance, else away from it."""
    rng = random.Random(11)
    bid, books = 50, []
    for _ in range(steps):
        heavy_bid = rng.random() < 0.5
        books.append(touch(bid, 900 if heavy_bid else 100, bid + 1, 100 if heavy_bid else 900))
        up = heavy_bid if rng.random() < chance else not heavy_bid
        bid = min(max(bid + (1 if up else -1), 5), 95)
    return books


def test_one_move_ahead_is_worth_its_chance() -> None:
    # Each book is independent of the one before: g = ±(2·chance − 1) cents, and later moves add nothing.
    table = fit(follows_the_imbalance(20_000, 0.8), tick=CENT)
    heavy, light = touch(50, 900, 51, 100), touch(50, 100, 51, 900)
    assert table.of(heavy).value == pytest.approx(0.505 + 0.006, abs=0.0005)
    assert table.of(light).value == pytest.approx(0.505 - 0.006, abs=0.0005)


def test_mirrored_books_have_mirrored_adjustments_and_balance_has_none() -> None:
    rng = random.Random(3)
    books = []
    for _ in range(3_000):
        bid = rng.randrange(40, 44)
        books.append(touch(bid, rng.randrange(1, 1000), bid + rng.randrange(1, 4), rng.randrange(1, 1000)))
    table = fit(books, tick=CENT)
    for (bucket, wide), shift in table.table.items():
        assert table.table[8 - bucket, wide] == pytest.approx(-shift, abs=1e-9)
    assert table.table[4, 1] == pytest.approx(0.0, abs=1e-9)


def test_a_state_is_the_mirror_of_its_mirror() -> None:
    for bid_size in range(1, 50):
        for ask_size in range(1, 50):
            state, mirror = (
                state_of(Touch(50 * CENT, b, 51 * CENT, a, 0), 9, CENT)
                for b, a in ((bid_size, ask_size), (ask_size, bid_size))
            )
            assert state[0] + mirror[0] == 8


def test_it_says_nothing_about_what_it_never_saw() -> None:
    table = fit(follows_the_imbalance(200, 0.8), tick=CENT)
    assert table.of(touch(50, 500, 51, 500)).flaw is Flaw.MISSING
    assert table.of(touch(40, 900, 60, 100)).flaw is Flaw.MISSING
    assert table.of(touch(51, 900, 50, 100)).flaw is Flaw.CROSSED
    assert fit([], tick=CENT).of(touch(50, 900, 51, 100)).flaw is Flaw.MISSING
    with pytest.raises(ValueError, match="odd"):
        fit([], tick=CENT, buckets=10)


def test_beta_is_the_slope_through_the_origin_at_its_lag() -> None:
    rng = random.Random(4)
    returns = [rng.gauss(0, 1e-4) for _ in range(500)]
    moves = [0.0, 0.0] + [30.0 * r for r in returns[:-2]]
    assert beta(returns, moves, lag=2).value == pytest.approx(30.0)
    assert abs(beta(returns, moves, lag=0).value) < 5.0
    assert beta(returns, moves, lag=2, prior=10.0, weight=0.75).value == pytest.approx(25.0)
    assert spread_dislocation(beta(returns, moves, lag=2), 1e-3, 0.01).value == pytest.approx(0.02)


def test_beta_of_a_spot_that_stands_still_is_no_number() -> None:
    still = beta([0.0] * 100, [0.01] * 100)
    assert still.flaw is Flaw.ILL_POSED
    assert spread_dislocation(still, 1e-3, 0.0).flaw is Flaw.ILL_POSED
    assert beta([1e-3] * 10, [0.0] * 10).flaw is Flaw.WARMING
    with pytest.raises(ValueError, match="one length"):
        beta([1.0], [])
