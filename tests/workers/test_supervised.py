"""Ingest ends once its supervisor has been gone for long enough, and only then."""

from __future__ import annotations

import asyncio

import pytest

from workers.local.processes import SUPERVISOR_VARIABLE
from workers.supervised import unsupervised


async def ended(parents: list[int], environ: dict[str, str], alone_s: float) -> bool:
    """Whether it ends within a hundred looks; its parents one look after the other, the last for ever."""
    looks = iter(range(100))

    def parent() -> int:
        look = next(looks, None)
        if look is None:
            raise TimeoutError
        return parents[min(look, len(parents) - 1)]

    try:
        await unsupervised(environ, parent=parent, alone_s=alone_s, look_s=0)
    except TimeoutError:
        return False
    return True


async def test_it_ends_once_its_supervisor_has_died() -> None:
    assert await ended([7, 7, 1], {SUPERVISOR_VARIABLE: "7"}, 0.0)


async def test_it_goes_on_while_its_supervisor_lives() -> None:
    assert not await ended([7], {SUPERVISOR_VARIABLE: "7"}, 0.0)


async def test_a_supervisor_that_died_before_the_first_look_is_missed_as_well() -> None:
    assert await ended([1], {SUPERVISOR_VARIABLE: "7"}, 0.0)


async def test_it_waits_before_it_ends_and_what_something_else_started_never_does() -> None:
    for environ in ({SUPERVISOR_VARIABLE: "7"}, {}):
        waiting = asyncio.create_task(unsupervised(environ, parent=lambda: 1, alone_s=3600, look_s=0))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
