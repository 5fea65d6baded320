"""A request waits its turn for a bounded time, or is told at once that it cannot go."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import Denied, Unavailable
from venues.token_bucket import TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_full_bucket_lets_its_capacity_through_at_once_and_then_refuses() -> None:
    bucket = TokenBucket("write", rate=10, capacity=100, max_wait=0, clock=Clock())
    for _ in range(10):
        await bucket.take(10)
    with pytest.raises(Unavailable, match="ask again later") as refused:
        await bucket.take(10)
    assert refused.value.code == "rate_limited"


async def test_tokens_flow_back_with_time_but_never_above_the_capacity() -> None:
    clock = Clock()
    bucket = TokenBucket("write", rate=10, capacity=20, max_wait=0, clock=clock)
    await bucket.take(20)
    clock.now = 1.0
    await bucket.take(10)
    clock.now = 1000.0
    await bucket.take(20)
    with pytest.raises(Unavailable):
        await bucket.take(1)


async def test_a_refusal_takes_no_tokens() -> None:
    clock = Clock()
    bucket = TokenBucket("write", rate=10, capacity=10, max_wait=0, clock=clock)
    await bucket.take(5)
    with pytest.raises(Unavailable):
        await bucket.take(6)
    await bucket.take(5)


async def test_what_can_never_fit_is_denied_at_once_with_what_to_do() -> None:
    bucket = TokenBucket("write", rate=10, capacity=10, clock=Clock())
    with pytest.raises(Denied, match="split it") as denied:
        await bucket.take(11)
    assert denied.value.code == "above_burst"


async def test_the_venues_own_count_is_believed_only_where_it_is_lower_and_a_pause_is_kept() -> None:
    clock = Clock()
    bucket = TokenBucket("write", rate=10, capacity=10, max_wait=0, clock=clock)
    bucket.lower(3)
    bucket.lower(8)
    assert bucket.level == 3
    bucket.spend(5)
    assert bucket.level == -2
    bucket.shut_for(2.0)
    clock.now = 1.9
    with pytest.raises(Unavailable):
        await bucket.take(1)
    clock.now = 2.1
    await bucket.take(1)


async def test_a_waiter_that_is_cancelled_gives_its_tokens_back() -> None:
    bucket = TokenBucket("write", rate=1, capacity=10, max_wait=10, clock=Clock())
    await bucket.take(10)
    waiting = asyncio.create_task(bucket.take(10))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await bucket.take(1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    next_one = asyncio.create_task(bucket.take(10))
    await asyncio.sleep(0)
    assert not next_one.done()
    next_one.cancel()
    await asyncio.gather(next_one, return_exceptions=True)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        TokenBucket("read", rate=0, capacity=1)
