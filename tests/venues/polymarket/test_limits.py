"""The venue's limits kept on our side: by endpoint, by signer and tier, and as its answers correct us."""

from __future__ import annotations

import pytest

from domain.errors import Denied, Unavailable
from venues.polymarket.limits import TIERS, Cost, Endpoint, Limits


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(max_wait=0, clock=clock)


ORDER = Cost(Endpoint.POST_ORDER, orders=1)
CANCEL = Cost(Endpoint.DELETE_ORDER, cancels=1)


async def test_a_standard_account_sends_sixty_orders_at_once_and_forty_a_second_after(
    limits: Limits, clock: Clock
) -> None:
    for _ in range(60):
        await limits.take(ORDER)
    with pytest.raises(Unavailable, match="order rate limit"):
        await limits.take(ORDER)
    clock.now = 1.0
    for _ in range(40):
        await limits.take(ORDER)
    with pytest.raises(Unavailable):
        await limits.take(ORDER)


async def test_a_batch_costs_what_it_holds_and_one_that_never_fits_is_denied_at_once(limits: Limits) -> None:
    await limits.take(Cost(Endpoint.POST_ORDERS, orders=15))
    assert limits.orders.level == 45
    with pytest.raises(Denied, match="split it") as denied:
        await limits.take(Cost(Endpoint.DELETE_ORDERS, cancels=200))
    assert denied.value.code == "above_burst"
    assert limits.cancels.level == 120


async def test_a_cancel_of_everything_may_leave_the_bucket_below_zero_and_later_cancels_wait(
    limits: Limits, clock: Clock
) -> None:
    await limits.take(Cost(Endpoint.CANCEL_ALL, cancels=1))
    limits.cancelled(200)
    with pytest.raises(Unavailable):
        await limits.take(CANCEL)
    await limits.take(ORDER)  # orders have a bucket of their own
    clock.now = 1.1
    await limits.take(CANCEL)


@pytest.mark.parametrize(("tier", "rate", "burst"), [(tier, *figures) for tier, figures in TIERS.items()])
def test_a_tier_sets_both_signer_buckets_and_cancels_have_twice_as_much(tier: str, rate: float, burst: float) -> None:
    limits = Limits(tier.upper())
    assert (limits.orders.rate, limits.orders.capacity) == (rate, burst)
    assert (limits.cancels.rate, limits.cancels.capacity) == (2 * rate, 2 * burst)


def test_a_tier_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of standard"):
        Limits("wood")


async def test_no_endpoint_sees_more_than_its_limit_in_any_ten_seconds(limits: Limits, clock: Clock) -> None:
    sent: list[float] = []
    for step in range(400):
        clock.now = step * 0.05
        try:
            while True:
                await limits.take(Cost(Endpoint.BALANCE))
                sent.append(clock.now)
        except Unavailable:
            continue
    assert max(sum(start <= at < start + 10 for at in sent) for start in sent) <= 200


async def test_retry_after_shuts_the_endpoint_it_came_for_that_long(limits: Limits, clock: Clock) -> None:
    limits.heed(ORDER, 429, {}, 30.0)
    clock.now = 29.9
    with pytest.raises(Unavailable):
        await limits.take(ORDER)
    await limits.take(CANCEL)
    clock.now = 30.1
    await limits.take(ORDER)


async def test_a_pause_of_new_orders_shuts_nothing_because_others_are_still_taken(limits: Limits) -> None:
    limits.heed(ORDER, 503, {}, 79.0)
    await limits.take(ORDER)


async def test_the_venues_count_of_what_remains_is_believed_where_it_is_lower(limits: Limits, clock: Clock) -> None:
    limits.heed(ORDER, 200, {"Poly-RateLimit-Remaining": "2"}, 0)
    limits.heed(CANCEL, 200, {"Poly-RateLimit-Remaining": "-7.5"}, 0)
    limits.heed(ORDER, 200, {"Poly-RateLimit-Remaining": "55"}, 0)
    limits.heed(ORDER, 200, {"Poly-RateLimit-Remaining": "soon"}, 0)
    assert (limits.orders.level, limits.cancels.level) == (2, -7.5)


async def test_a_429_of_an_empty_signer_bucket_shuts_that_and_not_the_endpoint(limits: Limits, clock: Clock) -> None:
    limits.heed(ORDER, 429, {"Poly-RateLimit-Remaining": "0"}, 2.0)
    assert limits.orders.level == -80
    await limits.take(Cost(Endpoint.POST_ORDER))
    clock.now = 2.1
    await limits.take(ORDER)


def test_an_answer_that_names_another_tier_moves_us_there_and_keeps_what_is_owed(limits: Limits) -> None:
    limits.cancelled(150)
    limits.heed(ORDER, 200, {"Poly-RateLimit-Tier": "Gold", "Poly-RateLimit-Warning": "true"}, 0)
    assert (limits.tier, limits.orders.capacity, limits.cancels.capacity) == ("gold", 600, 1200)
    assert limits.cancels.level == 1170
    assert limits.warnings == 1
    limits.heed(ORDER, 200, {"Poly-RateLimit-Tier": "a tier of tomorrow"}, 0)
    assert limits.tier == "gold"
