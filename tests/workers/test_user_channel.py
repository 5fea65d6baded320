"""The user channel puts fills on record at once, and wakes only trades that still wait for evidence."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.orders import SubmitResult, Verdict
from ledger.memory import MemoryLedger
from tests.ledger.samples import START, accepted, body, intent, order_id, ticket
from workers.user_channel import UserChannel, is_user_frame
from workflows.names import SIGNAL_ORDER_UPDATE

RUN = "run-1"
PLANNED = intent()
ORDER = ticket(PLANNED)


class FakeTemporal:
    def __init__(self) -> None:
        self.signals: list[tuple[str, str, str]] = []

    def get_workflow_handle(self, workflow_id: str) -> Any:
        temporal = self

        class Handle:
            async def signal(self, name: str, argument: str) -> None:
                temporal.signals.append((workflow_id, name, argument))

        return Handle()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.user_channel._ANSWER_TIME_S", 0)


def fill_frame(**changes: Any) -> bytes:
    message = {
        "trade_id": "t-1",
        "order_id": order_id(ORDER),
        "client_order_id": ORDER.client_order_id,
        "market_ticker": ORDER.market,
        "yes_price_dollars": "0.4000",
        "count_fp": "10.00",
        "fee_cost": "0.168000",
        "book_side": "bid",
        "is_taker": True,
        "ts_ms": START // 1000,
    }
    return json.dumps({"type": "fill", "sid": 3, "msg": message | changes}).encode()


async def begun(result: SubmitResult | None) -> MemoryLedger:
    ledger = MemoryLedger()
    await ledger.begin_order(RUN, PLANNED, ORDER, body(ORDER), START)
    if result is not None:
        await ledger.finish_order(ORDER, result)
    return ledger


async def test_a_fill_is_on_record_before_anyone_asks_for_it() -> None:
    ledger = await begun(accepted(ORDER))
    await UserChannel(FakeTemporal(), ledger).take(fill_frame())  # type: ignore[arg-type]
    (fill,) = (await ledger.trade(PLANNED.id)).fills
    assert (fill.size, fill.price, fill.fee) == (Decimal(10), Decimal("0.4"), Decimal("0.168"))


async def test_a_trade_whose_order_was_never_answered_is_woken() -> None:
    temporal = FakeTemporal()
    await UserChannel(temporal, await begun(None)).take(fill_frame())  # type: ignore[arg-type]
    assert temporal.signals == [(PLANNED.id, SIGNAL_ORDER_UPDATE, ORDER.client_order_id)]


async def test_a_trade_that_has_its_answer_is_left_alone() -> None:
    temporal = FakeTemporal()
    await UserChannel(temporal, await begun(accepted(ORDER))).take(fill_frame())  # type: ignore[arg-type]
    assert temporal.signals == []


async def test_an_unknown_outcome_is_worth_a_nudge() -> None:
    temporal = FakeTemporal()
    ledger = await begun(SubmitResult(Verdict.UNKNOWN, "timeout"))
    await UserChannel(temporal, ledger).take(fill_frame())  # type: ignore[arg-type]
    assert len(temporal.signals) == 1


@pytest.mark.parametrize("raw", [b"{", fill_frame(yes_price_dollars="dear"), fill_frame(client_order_id=None)])
async def test_a_frame_that_cannot_be_used_disturbs_nobody(raw: bytes) -> None:
    temporal, ledger = FakeTemporal(), await begun(None)
    await UserChannel(temporal, ledger).take(raw)  # type: ignore[arg-type]
    assert temporal.signals == []
    assert not (await ledger.trade(PLANNED.id)).fills


def test_frames_of_the_book_are_not_the_user_channels() -> None:
    assert is_user_frame(fill_frame())
    assert is_user_frame(b' {"msg":{},"type":"user_order"}')
    assert not is_user_frame(b'{"type":"orderbook_delta","sid":1,"seq":2,"msg":{}}')
    assert not is_user_frame(b"\xff")
