"""Balances that a venue answers from a cache: refreshed before a difference is believed, judged on a longer clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from domain.halt import Rule, Scope
from domain.reconcile import Kind
from tests.activities.reconciling import Desk, kinds
from tests.ledger.samples import A, D
from venues.port import Account, Refreshable

LATE_S = 0.2


class Cached:
    """The desk's venue, whose balances are as they were until `wait_s` is over or, `heeds`, it is asked to look."""

    def __init__(self, desk: Desk, *, heeds: bool, wait_s: float = 60.0) -> None:
        self._venue: Any = desk.venue
        self._heeds, self._until = heeds, time.monotonic() + wait_s
        self._old: Account | None = None
        self.asked: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def account(self) -> Account:
        now: Account = await self._venue.account()
        if self._old is None:
            self._old = now
        old = self._old if time.monotonic() < self._until else now
        return replace(now, cash=old.cash, positions=old.positions, late_us=round(LATE_S * 1e6))

    async def refresh_balances(self, markets: Sequence[str]) -> None:
        self.asked.append(tuple(markets))
        if self._heeds:
            self._until = 0.0


async def test_a_refresh_is_asked_for_before_a_difference_of_balances_is_believed(desk: Desk) -> None:
    cached = Cached(desk, heeds=True)
    assert isinstance(cached, Refreshable)
    desk.venue = cached  # type: ignore[assignment]
    await cached.account()
    await desk.begin()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.MISSING_FILL]
    assert cached.asked[0] == (A,)
    assert await desk.halts() == set()


async def test_balances_that_come_right_within_their_own_lateness_are_no_finding(desk: Desk) -> None:
    cached = Cached(desk, heeds=False, wait_s=LATE_S / 2)
    desk.venue = cached  # type: ignore[assignment]
    await cached.account()
    await desk.begin()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.MISSING_FILL]
    assert result.comparisons[0].looks >= desk.rules.looks  # as many as the machine had time for while it waited
    assert await desk.halts() == set()


async def test_balances_that_differ_for_longer_than_they_may_be_late_are_believed(desk: Desk) -> None:
    cached = Cached(desk, heeds=False)
    desk.venue = cached  # type: ignore[assignment]
    await cached.account()
    await desk.begin()
    began = time.monotonic()
    result = await desk.reconcile()
    assert time.monotonic() - began >= LATE_S
    assert Kind.POSITION in kinds(result)
    assert (Scope.MARKET, f"kalshi/{A}", Rule.MISMATCH) in await desk.halts()


async def test_money_that_only_a_cache_has_moved_is_not_booked_as_a_transfer(desk: Desk) -> None:
    cached = Cached(desk, heeds=False, wait_s=LATE_S / 2)
    desk.venue = cached  # type: ignore[assignment]
    await cached.account()
    cached._old = replace(await cached.account(), cash=D(900))
    result = await desk.reconcile()
    assert (result.findings, result.done) == ((), ())


async def test_what_no_balance_says_is_not_waited_for(desk: Desk) -> None:
    cached = Cached(desk, heeds=False)
    desk.venue = cached  # type: ignore[assignment]
    await desk.rest_by_hand()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.FOREIGN_ORDER]
    assert (result.comparisons[0].looks, cached.asked) == (desk.rules.looks, [])


@pytest.fixture(autouse=True)
def quick(desk: Desk) -> None:
    desk.rules = replace(desk.rules, look_s=0.01)
