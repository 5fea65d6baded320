"""A lost ledger and a halt keep legs from being opened, and strand none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.authority import Anybody
from activities.orders import OrderActivities
from domain.errors import BadInput, Denied, Halted, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, Verdict
from domain.requests import CancelRequest
from testing.ledger.memory import MemoryLedger
from tests.activities.ordering import HEDGE, PLANNED, RECHECK, Desk
from tests.ledger.samples import RUN_ID, START, B, ticket


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---------------------------------------------------------------------- the ledger away


class _Away(MemoryLedger):
    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure

    async def begin_order(self, *args: Any, order_id: str = "", chain: str = "") -> int:
        raise self.failure

    async def finish_order(self, *args: Any) -> None:
        raise self.failure


@pytest.mark.parametrize("failure", [Unavailable("Postgres is gone", "ledger_unavailable"), BadInput("no such table")])
async def test_without_a_ledger_leg_a_is_denied_and_leg_b_goes_out_all_the_same(failure: Exception) -> None:
    desk = Desk()
    desk.activities = OrderActivities(
        {Venue.KALSHI: desk.venue}, _Away(failure), RUN_ID, lambda: desk.now, authority=Anybody()
    )
    refused = await desk.open()
    assert (refused.verdict, refused.sent) == (Verdict.DENIED, False)
    assert str(failure) in refused.detail
    assert not desk.venue.arrivals
    assert (await desk.submit(HEDGE, RECHECK)).verdict is Verdict.ACCEPTED


async def test_a_ledger_that_hangs_denies_leg_a_since_no_halt_can_be_ruled_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.orders._ENTRY_PATIENCE_S", 0.02)

    async def hang(*args: Any, order_id: str = "", chain: str = "") -> int:
        await asyncio.Event().wait()
        return 0

    desk.ledger.begin_order = hang  # type: ignore[method-assign]
    result = await desk.open()
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "ledger_unavailable", False)
    assert "no halt can be ruled out" in result.detail
    assert not desk.venue.arrivals


async def test_an_opening_order_without_its_intent_is_denied_since_no_halt_can_be_matched(desk: Desk) -> None:
    result = await desk.submit(ticket(PLANNED))
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "no_intent", False)
    assert not desk.venue.arrivals


# ---------------------------------------------------------------------- halts


class _Refusing(MemoryLedger):
    """A ledger whose capital check refuses every opening."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__()
        self.refusal = refusal

    async def begin_order(
        self,
        run_id: str,
        intent: Intent | None,
        ticket: OrderTicket,
        body: bytes,
        at: int,
        *,
        order_id: str = "",
        chain: str = "",
    ) -> int:
        if intent is not None:
            raise self.refusal
        return await super().begin_order(run_id, intent, ticket, body, at, order_id=order_id, chain=chain)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Halted("h-1: everything halted by Ada (operator): storm", "halted"), "halted"),
        (Halted("h-1: everything halted by Ada (operator): storm"), "halted"),
        (Denied("$12 free at kalshi, the trade may need $15", "above_balance"), "above_balance"),
    ],
)
async def test_what_the_ledger_refuses_to_open_is_denied_in_its_words(refusal: Exception, code: str) -> None:
    desk = Desk()
    desk.activities = OrderActivities(
        {Venue.KALSHI: desk.venue}, _Refusing(refusal), RUN_ID, lambda: desk.now, authority=Anybody()
    )
    result = await desk.open()
    assert (result.verdict, result.code, result.detail) == (Verdict.DENIED, code, str(refusal))
    assert not desk.venue.arrivals


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if not purpose.entry])
async def test_what_closes_or_bounds_an_open_trade_passes_every_halt(desk: Desk, purpose: Purpose) -> None:
    await desk.ledger.set_halt(Halt("h-1", Scope.ALL, "", Rule.OPERATOR, "Ada", "storm", START))
    side = Side.SELL if purpose is Purpose.UNWIND else Side.BUY
    closing = ticket(PLANNED, "B", purpose=purpose, side=side, limit="0.53" if side is Side.SELL else "0.55")
    assert (await desk.submit(closing)).verdict is not Verdict.DENIED
    await ActivityEnvironment().run(desk.activities.cancel_order, CancelRequest(closing, "o-1"))


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (Scope.ALL, ""),
        (Scope.VENUE, "kalshi"),
        (Scope.MARKET, B),
        (Scope.MARKET, f"kalshi/{B}"),
        (Scope.STRATEGY, "pair"),
        (Scope.STRATEGY, "basket"),
    ],
)
async def test_a_halt_that_covers_any_leg_denies_leg_a(desk: Desk, scope: Scope, target: str) -> None:
    await desk.ledger.set_halt(Halt("h-1", scope, target, Rule.OPERATOR, "Ada", "storm", START))
    result = await desk.open()
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "halted", False)
    assert "Ada" in result.detail
    assert not desk.venue.arrivals


async def test_a_halt_elsewhere_stops_nothing(desk: Desk) -> None:
    await desk.ledger.set_halt(Halt("h-1", Scope.MARKET, "OTHER", Rule.OPERATOR, "Ada", "storm", START))
    assert (await desk.open()).verdict is Verdict.ACCEPTED


async def test_a_ledger_that_hangs_does_not_hold_leg_b(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.orders._LEDGER_PATIENCE_S", 0.02)

    async def hang(*args: Any, order_id: str = "", chain: str = "") -> int:
        await asyncio.Event().wait()
        return 0

    desk.ledger.begin_order = hang  # type: ignore[method-assign]
    assert (await desk.submit(HEDGE, RECHECK)).verdict is Verdict.ACCEPTED


async def test_a_body_the_wire_cannot_carry_is_denied(desk: Desk) -> None:
    def refuse(what: OrderTicket) -> bytes:
        raise Denied("price 0.5551 cannot be written", "off_tick")

    desk.venue.body = refuse  # type: ignore[method-assign]
    result = await desk.submit(HEDGE)
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "off_tick", False)


async def test_a_halt_of_the_flag_denies_an_opening_and_lets_a_hedge_pass(desk: Desk) -> None:
    flagged = [Halt("flag-1", Scope.VENUE, "kalshi", Rule.OPERATOR, "Ada", "storm", 0)]
    desk.activities = OrderActivities(
        {Venue.KALSHI: desk.venue},
        desk.ledger,
        RUN_ID,
        lambda: desk.now,
        flagged=lambda: tuple(flagged),
        authority=Anybody(),
    )
    refused = await desk.open()
    assert (refused.verdict, refused.code, refused.sent) == (Verdict.DENIED, "halted", False)
    assert "flag-1" in refused.detail
    assert not desk.venue.arrivals
    assert (await desk.submit(HEDGE, RECHECK)).verdict is Verdict.ACCEPTED
