"""A short slice of the wire fuzzer, that it repeats itself, and that its judge sees what it must see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proof.wire_fuzz.campaign import Tally, run_one, run_seeds, write_down
from proof.wire_fuzz.checks import MOST_COPIES, check
from proof.wire_fuzz.lies import LIES
from proof.wire_fuzz.plan import Plan, make
from proof.wire_fuzz.sockets import PACE, SOCKET_LIES, run_together
from proof.wire_fuzz.world import World
from venues.kalshi import errors as kalshi
from venues.kalshi.client import KalshiClient
from venues.polymarket.user_stream import UserOrder, UserTrade
from workers.user_channel import UserChannel

SLICE = range(40)


def of(plan: Plan) -> tuple[World, list[str]]:
    world = World(plan)
    world.run()
    return world, check(world)[0]


def honest(seed: int, *, pair: tuple[str, ...] = ("kalshi", "kalshi"), tif: str = "immediate_or_cancel") -> Plan:
    """The first world from `seed` on that trades on `pair` in this style, without a lie in it."""
    while True:
        plan = make(seed)
        if tuple(leg.venue for leg in plan.intent.legs) == pair and all(leg.tif == tif for leg in plan.intent.legs):
            return replace(plan, rate=0.0, habits=(), honest=0, happenings=(), failing=0.0, says_unwind_ms=0)
        seed += 1


def test_nothing_is_found_in_the_first_worlds() -> None:
    _, tally = run_seeds(SLICE)
    assert tally.failed == {}
    assert tally.worlds == len(SLICE)


@pytest.mark.parametrize("seed", [111, 412, 525])
def test_a_wrong_fill_in_the_ledger_blocks_no_trade_for_ever(seed: int) -> None:
    """Its trade, its order or its market was told wrongly, by a list or by a push."""
    assert run_one(seed)[1] == []


def test_a_seed_is_one_world_told_alike_every_time() -> None:
    first, again = run_one(7)[0], run_one(7)[0]
    assert first.liar.told
    assert first.liar.told == again.liar.told
    assert first.record == again.record


def test_every_lie_is_told_within_two_hundred_worlds() -> None:
    named = {habit.name for seed in range(200) for habit in make(seed).habits}
    tally = run_seeds(range(40, 60))[1]
    never = [name for name, times in tally.by_lie().items() if not times and name not in named]
    assert not never
    assert set(LIES) <= set(tally.by_lie())


def test_without_lies_a_trade_is_hedged_and_every_book_agrees() -> None:
    for pair in (("kalshi", "kalshi"), ("kalshi", "polymarket"), ("polymarket", "kalshi")):
        world, wrong = of(honest(0, pair=pair))
        assert wrong == []
        assert world.record is not None
        assert world.record.fills
        assert not world.states["STUCK"]


def test_polymarkets_private_frames_reach_the_channel_and_what_it_raises_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[object] = []
    hear = UserChannel.hear

    async def listening(self: UserChannel, news: Any) -> None:
        heard.append(news)
        await hear(self, news)

    monkeypatch.setattr(UserChannel, "hear", listening)
    plan = honest(0, pair=("kalshi", "polymarket"))
    _, wrong = of(plan)
    assert wrong == []
    assert {type(event) for event in heard} == {UserOrder, UserTrade}

    async def broken(self: UserChannel, news: Any) -> None:
        raise KeyError("order")

    monkeypatch.setattr(UserChannel, "hear", broken)
    assert any("the user channel raised KeyError" in text for text in of(plan)[1])


def test_over_real_sockets_nothing_is_found_either() -> None:
    worlds = asyncio.run(run_together(range(6), replace(PACE, person_s=1.0, again_s=2.0, pays_s=2.0)))
    assert [check(world)[0] for world in worlds] == [[]] * 6
    told = {name.partition(":")[0] for world in worlds for name in world.liar.counts}
    assert told & set(SOCKET_LIES)


def test_a_failed_seed_is_kept_with_its_lies(tmp_path: Path) -> None:
    file = write_down(tmp_path / "finds", 7, ["cash: $1, $2"], ["3 ms GET /x: late"])
    assert json.loads(file.read_text()) == {"seed": 7, "wrong": ["cash: $1, $2"], "lies": ["3 ms GET /x: late"]}


def test_sums_of_two_tallies_name_each_seed_that_failed() -> None:
    total, world = Tally(), World(replace(honest(0), seed=3))
    total.count(world, ["cash: $1, $2"], False)
    total.add(Tally(worlds=2))
    assert (total.worlds, total.violations, list(total.failed)) == (3, 1, [3])
    world.shut_loop()


# ------------------------------------------------------------------ what the judge sees


@pytest.mark.ladder
def test_a_count_believed_with_its_minus_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = kalshi.judge_answer

    def believed(client_order_id: str, *rest: Any, **more: Any) -> Any:
        result = judged(client_order_id, *rest, **more)
        return replace(result, filled=-result.filled) if result.filled else result

    monkeypatch.setattr("venues.kalshi.client.judge_answer", believed)
    monkeypatch.setattr("activities.orders.judged_result", lambda ticket, result, *rest: result)
    assert (
        of(honest(0))[1] == []
    )  # asked again, the venue counts rightly, and no order went beyond its bounds meanwhile
    evidence = KalshiClient.evidence

    async def signed(self: KalshiClient, *rest: Any, **more: Any) -> Any:
        seen = await evidence(self, *rest, **more)
        return replace(seen, filled=-seen.filled)

    monkeypatch.setattr(KalshiClient, "evidence", signed)
    assert of(honest(0))[1]


def test_a_fill_that_the_trade_never_hears_of_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = KalshiClient.evidence

    async def deaf(self: KalshiClient, *rest: Any, **more: Any) -> Any:
        seen = await evidence(self, *rest, **more)
        return replace(seen, filled=Decimal(0), fills=())

    async def unheard(self: UserChannel, frame: bytes) -> None:
        """Nor does the ledger hear of it: a trade whose ledger has a fill is not closed without it."""

    monkeypatch.setattr(KalshiClient, "evidence", deaf)
    monkeypatch.setattr(UserChannel, "take", unheard)
    _, wrong = of(honest(0))
    assert any(each.startswith("counts:") for each in wrong)
    assert any(each.startswith("cash:") for each in wrong)


@pytest.mark.parametrize("times", [2, MOST_COPIES + 1])
def test_copies_beyond_the_bound_are_seen_and_fewer_are_not(times: int) -> None:
    world, wrong = of(honest(0))
    assert world.line is not None
    assert wrong == []
    world.line.copies += world.line.copies[:1] * (times - 1)
    assert [each[:6] for each in check(world)[0]] == ["bytes:"] * (times > MOST_COPIES)


def test_two_bodies_under_one_order_id_are_seen() -> None:
    world, _ = of(honest(0))
    assert world.line is not None
    first = world.line.copies[0]
    world.line.copies.append(replace(first, body=first.body.replace(b"{", b"{ ", 1)))
    assert any("different bodies" in each for each in check(world)[0])


def test_what_the_lifecycle_raises_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*rest: Any) -> None:
        raise ArithmeticError("an average of nothing")

    monkeypatch.setattr("workflows.lifecycle.Trade.shares", broken)
    _, wrong = of(honest(0))
    assert any(each.startswith("frozen:") and "an average of nothing" in each for each in wrong)


def _changed(key: str, change: Callable[[Any], Any], world: World) -> list[str]:
    """What is found when the record is another than it was."""
    assert world.record is not None
    world.record = replace(world.record, **{key: change(getattr(world.record, key))})
    return check(world)[0]


def test_a_fill_booked_twice_or_not_at_all_is_seen() -> None:
    world, wrong = of(honest(0))
    assert wrong == []
    kept = world.record
    assert any("twice" in each for each in _changed("fills", lambda fills: (*fills, fills[0]), world))
    world.record = kept
    assert any(each.startswith("counts:") for each in _changed("fills", lambda fills: fills[1:], world))
    world.record = kept
    assert any(each.startswith("alone:") for each in _changed("residual", lambda shares: shares + 1, world))
