"""Virtual time: nothing is waited for, and everything happens in the order of its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from proof.simulate.clock import Deadlock, VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    for task in asyncio.all_tasks(made):
        task.cancel()
    with contextlib.suppress(Deadlock):
        made.run_until_complete(asyncio.sleep(0))
    made.close()


def test_a_year_passes_at_once(loop: VirtualLoop) -> None:
    loop.run_until_complete(asyncio.sleep(365 * 86_400))
    assert loop.time() == pytest.approx(365 * 86_400)


def test_many_sleepers_wake_in_the_order_of_their_times(loop: VirtualLoop) -> None:
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)
        assert loop.time() == pytest.approx(seconds)

    async def all_of_them() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (3.0, 0.001, 86_400.0, 2.0)))

    loop.run_until_complete(all_of_them())
    assert woken == [0.001, 2.0, 3.0, 86_400.0]


def test_a_timeout_is_a_timeout(loop: VirtualLoop) -> None:
    async def wait() -> None:
        async with asyncio.timeout(5):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        loop.run_until_complete(wait())
    assert loop.time() == pytest.approx(5)


def test_waiting_for_what_never_comes_is_an_error_not_a_standstill(loop: VirtualLoop) -> None:
    with pytest.raises(Deadlock, match="never come"):
        loop.run_until_complete(asyncio.Event().wait())
