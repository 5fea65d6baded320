"""The user channel puts fills on record at once, and wakes only trades that still wait for evidence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BadInput
from domain.market import Venue
from domain.orders import OrderTicket, SubmitResult, TimeInForce, Verdict
from domain.trade import OrderRecord, TradeRecord, TradeState
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import START, accepted, body, intent, order_id, ticket
from venues.kalshi.adapter import ADAPTER as KALSHI
from venues.market_events import Resolved
from venues.polymarket.user_stream import MakerPart, UserEvent, UserOrder, UserTrade
from workers.user_channel import UserChannel
from workflows.names import SIGNAL_ORDER_UPDATE

RUN = "run-1"
PLANNED = intent()
ORDER = ticket(PLANNED)


class FakeTemporal:
    """Keeps the signals; `gone` are workflows that have ended, `holding` those a listing finds for a market."""

    def __init__(self, holding: dict[str, list[str]] | None = None) -> None:
        self.signals: list[tuple[str, str, str]] = []
        self.gone: set[str] = set()
        self.away = False
        self.holding = holding or {}

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        assert "ExecutionStatus = 'Running'" in query
        market = query.rpartition("Markets = ")[2].strip("'")
        for workflow_id in self.holding.get(market, ()):
            yield SimpleNamespace(id=workflow_id)

    def get_workflow_handle(self, workflow_id: str) -> Any:
        temporal = self

        class Handle:
            async def signal(self, name: str, argument: str) -> None:
                if temporal.away:
                    raise RPCError("Temporal is away", RPCStatusCode.UNAVAILABLE, b"")
                if workflow_id in temporal.gone:
                    raise RPCError("workflow execution already completed", RPCStatusCode.NOT_FOUND, b"")
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


def lifecycle_frame(event_type: str, market: str = ORDER.market) -> bytes:
    message = {"market_ticker": market, "event_type": event_type, "result": "yes"}
    return json.dumps({"type": "market_lifecycle_v2", "sid": 9, "seq": 4, "msg": message}).encode()


def at_rest() -> TradeRecord:
    """The trade waits for its markets; its one order is settled."""
    order = OrderRecord(ORDER, accepted(ORDER), settled=True, filled=Decimal(10))
    zero = Decimal(0)
    return TradeRecord(PLANNED.id, TradeState.SETTLING, None, zero, zero, zero, zero, zero, (order,), (), (), 3, START)


async def begun(result: SubmitResult | None, order: OrderTicket = ORDER) -> MemoryLedger:
    ledger = MemoryLedger()
    await ledger.begin_order(RUN, PLANNED, order, body(order), START)
    if result is not None:
        await ledger.finish_order(order, result)
    return ledger


async def test_a_fill_is_on_record_before_anyone_asks_for_it() -> None:
    ledger = await begun(accepted(ORDER))
    await UserChannel(FakeTemporal(), ledger).take(fill_frame())  # type: ignore[arg-type]
    (fill,) = (await ledger.trade(PLANNED.id)).fills
    assert (fill.size, fill.price, fill.fee) == (Decimal(10), Decimal("0.4"), Decimal("0.168"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"count_fp": "-10.00"},
        {"yes_price_dollars": "40.0000"},
        {"book_side": "none"},
        {"market_ticker": "ANOTHER-MARKET"},
    ],
)
async def test_a_fill_that_cannot_be_is_not_recorded_and_not_tried_again_but_wakes_its_trade(
    wrong: dict[str, Any],
) -> None:
    ledger, temporal = await begun(None), FakeTemporal()
    with pytest.raises(BadInput):
        await UserChannel(temporal, ledger).take(fill_frame(**wrong))  # type: ignore[arg-type]
    assert (await ledger.trade(PLANNED.id)).fills == ()
    assert [signal[0] for signal in temporal.signals] == [PLANNED.id]


@pytest.mark.parametrize("said", [{"client_order_id": None}, {"client_order_id": ""}])
async def test_a_fill_that_names_only_the_venues_order_is_recorded_under_our_own_name(said: dict[str, Any]) -> None:
    ledger = await begun(accepted(ORDER))
    await UserChannel(FakeTemporal(), ledger).take(fill_frame(**said))  # type: ignore[arg-type]
    (fill,) = (await ledger.trade(PLANNED.id)).fills
    assert fill.client_order_id == ORDER.client_order_id


async def test_a_fill_of_an_order_that_neither_side_names_is_left_to_the_reconciliation() -> None:
    ledger = await begun(accepted(ORDER))
    stranger = fill_frame(client_order_id="", order_id="nobody-s")
    await UserChannel(FakeTemporal(), ledger).take(stranger)  # type: ignore[arg-type]
    assert (await ledger.trade(PLANNED.id)).fills == ()


async def test_a_frame_that_names_an_order_nobody_here_sent_is_no_entry_of_the_books() -> None:
    """Such an entry could not be taken back: if the venue never lists the fill, the books would be false for ever."""
    ledger, temporal = await begun(accepted(ORDER)), FakeTemporal()
    for name in ("somebody-else-s", "a\x00\x1b[2J"):
        await UserChannel(temporal, ledger).take(fill_frame(client_order_id=name, order_id="o-1"))  # type: ignore[arg-type]
    assert (await ledger.snapshot()).facts.fills == ()
    assert temporal.signals == []


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


@pytest.mark.parametrize("settled", [False, True])
async def test_a_fill_long_after_its_order_left_wakes_the_trade_also_at_rest(settled: bool) -> None:
    temporal, ledger = FakeTemporal(), await begun(accepted(ORDER))
    if settled:
        await ledger.record_trade(RUN, PLANNED, at_rest())
    late = fill_frame(trade_id="t-9", ts_ms=START // 1000 + 60_000)
    await UserChannel(temporal, ledger).take(late)  # type: ignore[arg-type]
    assert temporal.signals == [(PLANNED.id, SIGNAL_ORDER_UPDATE, ORDER.client_order_id)]


async def test_a_fill_of_the_moment_leaves_a_trade_at_rest_alone() -> None:
    temporal, ledger = FakeTemporal(), await begun(accepted(ORDER))
    await ledger.record_trade(RUN, PLANNED, at_rest())
    await UserChannel(temporal, ledger).take(fill_frame())  # type: ignore[arg-type]
    assert temporal.signals == []


async def test_a_frame_about_a_trade_that_trades_no_more_is_no_entry_of_the_books() -> None:
    temporal, ledger = FakeTemporal(), await begun(accepted(ORDER))
    await ledger.record_trade(RUN, PLANNED, at_rest())
    await UserChannel(temporal, ledger).take(fill_frame(trade_id="t-forged"))  # type: ignore[arg-type]
    assert (await ledger.trade(PLANNED.id)).fills == ()


async def test_a_fill_for_a_trade_that_has_ended_is_on_record_and_disturbs_nobody() -> None:
    temporal, ledger = FakeTemporal(), await begun(accepted(ORDER))
    temporal.gone.add(PLANNED.id)
    late = fill_frame(trade_id="t-9", ts_ms=START // 1000 + 60_000)
    await UserChannel(temporal, ledger).take(late)  # type: ignore[arg-type]
    assert [fill.trade_id for fill in (await ledger.trade(PLANNED.id)).fills] == ["t-9"]


RESTING = replace(ORDER, tif=TimeInForce.GTC)
IN_THE_BOOK = replace(accepted(RESTING), filled=Decimal(0), remaining=Decimal(10))


async def test_a_fill_of_an_order_in_the_book_wakes_its_trade_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.user_channel._ANSWER_TIME_S", 3600)
    temporal, ledger = FakeTemporal(), await begun(IN_THE_BOOK, RESTING)
    await UserChannel(temporal, ledger).take(fill_frame(is_taker=False))  # type: ignore[arg-type]
    assert len(temporal.signals) == 1


async def test_the_venues_cancel_of_an_order_in_the_book_wakes_its_trade() -> None:
    temporal, ledger = FakeTemporal(), await begun(IN_THE_BOOK, RESTING)
    order = {
        "order_id": order_id(ORDER),
        "ticker": ORDER.market,
        "status": "canceled",
        "fill_count_fp": "0.00",
        "remaining_count_fp": "0.00",
        "client_order_id": ORDER.client_order_id,
    }
    raw = json.dumps({"type": "user_order", "sid": 3, "msg": order}).encode()
    await UserChannel(temporal, ledger).take(raw)  # type: ignore[arg-type]
    assert len(temporal.signals) == 1


@pytest.mark.parametrize("event_type", ["determined", "settled"])
async def test_a_market_that_has_a_result_or_has_paid_wakes_the_trades_that_hold_it(event_type: str) -> None:
    temporal = FakeTemporal(holding={ORDER.market: ["i-1", "i-2"], "OTHER": ["i-3"]})
    temporal.gone.add("i-1")
    await UserChannel(temporal, MemoryLedger()).take(lifecycle_frame(event_type))  # type: ignore[arg-type]
    assert temporal.signals == [("i-2", SIGNAL_ORDER_UPDATE, ORDER.market)]


async def test_other_news_of_a_market_wakes_nobody() -> None:
    temporal = FakeTemporal(holding={ORDER.market: ["i-1"]})
    for event_type in ("created", "close_date_updated", "metadata_updated"):
        await UserChannel(temporal, MemoryLedger()).take(lifecycle_frame(event_type))  # type: ignore[arg-type]
    assert temporal.signals == []


@pytest.mark.parametrize("raw", [b"{", b"[" * 100_000, fill_frame(yes_price_dollars="dear")])
async def test_a_frame_that_cannot_be_read_is_nobodys_fill_and_says_why(raw: bytes) -> None:
    temporal, ledger = FakeTemporal(), await begun(None)
    with pytest.raises(BadInput, match="cannot be read"):
        await UserChannel(temporal, ledger).take(raw)  # type: ignore[arg-type]
    assert temporal.signals == []
    assert not (await ledger.trade(PLANNED.id)).fills


async def test_a_fill_of_an_order_that_is_not_ours_disturbs_nobody() -> None:
    temporal, ledger = FakeTemporal(), await begun(None)
    await UserChannel(temporal, ledger).take(fill_frame(client_order_id=None))  # type: ignore[arg-type]
    assert temporal.signals == []
    assert not (await ledger.trade(PLANNED.id)).fills


async def test_a_look_is_handed_on_where_somebody_takes_it_and_the_fill_is_on_record_at_once() -> None:
    temporal, ledger, looks = FakeTemporal(), await begun(None), []
    channel = UserChannel(temporal, ledger, later=looks.append)  # type: ignore[arg-type]
    await channel.take(fill_frame())
    assert len((await ledger.trade(PLANNED.id)).fills) == 1
    assert temporal.signals == []
    (look,) = looks
    assert (look.venue, look.order_id, look.at_once) == (Venue.KALSHI, ORDER.client_order_id, False)
    await channel.look(look)
    assert len(temporal.signals) == 1


async def test_a_temporal_that_is_away_is_told_to_whoever_tries_again() -> None:
    temporal = FakeTemporal()
    temporal.away = True
    with pytest.raises(RPCError, match="away"):
        await UserChannel(temporal, await begun(None)).take(fill_frame())  # type: ignore[arg-type]


def test_frames_of_the_book_are_not_the_user_channels() -> None:
    assert KALSHI.is_own(fill_frame())
    assert KALSHI.is_own(b' {"msg":{},"type":"user_order"}')
    assert KALSHI.is_own(lifecycle_frame("settled"))
    assert not KALSHI.is_own(b'{"type":"orderbook_delta","sid":1,"seq":2,"msg":{}}')
    assert not KALSHI.is_own(b"\xff")


# ---------------------------------------------------------------------- Polymarket's events


def at_polymarket(of: OrderTicket = ORDER) -> OrderTicket:
    return replace(of, venue=Venue.POLYMARKET)


def user_trade(status: str, *, maker: bool = False) -> UserTrade:
    mine, other = order_id(ORDER), "0xsomebody"
    part = MakerPart(mine if maker else other, "1", "BUY", Decimal(10), Decimal("0.4"), "owner")
    return UserTrade("t-1", "0xc", "1", status, "BUY", None, None, other if maker else mine, (part,), START)


def user_order(kind: str = "UPDATE") -> UserOrder:
    return UserOrder(order_id(ORDER), "0xc", "1", kind, "", "BUY", None, None, None, START)


async def polymarket_ledger(result: SubmitResult | None, order: OrderTicket = ORDER) -> MemoryLedger:
    """The order begun with the id that Polymarket will give it, and its answer if there was one."""
    ledger, sent = MemoryLedger(), at_polymarket(order)
    await ledger.begin_order(RUN, PLANNED, sent, body(sent), START, order_id=order_id(order))
    if result is not None:
        await ledger.finish_order(sent, result)
    return ledger


@pytest.mark.parametrize("event", [user_order(), user_order("CANCELLATION"), user_trade("MATCHED")])
async def test_news_of_an_order_without_an_answer_wakes_its_trade(event: UserEvent) -> None:
    temporal = FakeTemporal()
    await UserChannel(temporal, await polymarket_ledger(None)).hear(event)  # type: ignore[arg-type]
    assert temporal.signals == [(PLANNED.id, SIGNAL_ORDER_UPDATE, ORDER.client_order_id)]


@pytest.mark.parametrize("event", [user_order(), user_trade("MATCHED"), user_trade("MINED"), user_trade("RETRYING")])
async def test_what_an_orders_own_answer_told_wakes_nobody(event: UserEvent) -> None:
    temporal = FakeTemporal()
    ledger = await polymarket_ledger(accepted(at_polymarket()))
    await ledger.record_trade(RUN, PLANNED, at_rest())
    await UserChannel(temporal, ledger).hear(event)  # type: ignore[arg-type]
    assert temporal.signals == []


@pytest.mark.parametrize("status", ["CONFIRMED", "FAILED"])
@pytest.mark.parametrize("maker", [False, True])
async def test_the_final_word_on_a_fill_always_wakes_its_trade(status: str, *, maker: bool) -> None:
    temporal = FakeTemporal()
    ledger = await polymarket_ledger(accepted(at_polymarket()))
    await UserChannel(temporal, ledger).hear(user_trade(status, maker=maker))  # type: ignore[arg-type]
    assert temporal.signals == [(PLANNED.id, SIGNAL_ORDER_UPDATE, ORDER.client_order_id)]


async def test_a_final_word_for_a_trade_that_is_over_is_no_trouble() -> None:
    temporal = FakeTemporal()
    temporal.gone.add(PLANNED.id)
    ledger = await polymarket_ledger(accepted(at_polymarket()))
    await UserChannel(temporal, ledger).hear(user_trade("CONFIRMED"))  # type: ignore[arg-type]


async def test_somebody_elses_orders_wake_nobody() -> None:
    temporal = FakeTemporal()
    channel = UserChannel(temporal, MemoryLedger())  # type: ignore[arg-type]
    for event in (user_order(), user_trade("MATCHED"), user_trade("CONFIRMED")):
        await channel.hear(event)
    assert temporal.signals == []


async def test_a_resolved_condition_wakes_the_trades_of_its_tokens() -> None:
    temporal = FakeTemporal({"1": ["i-1"], "2": ["i-2"]})
    channel = UserChannel(temporal, MemoryLedger())  # type: ignore[arg-type]
    await channel.hear(Resolved(Venue.POLYMARKET, "0xc", ("1", "2"), "1", START))
    assert [(trade, about) for trade, _, about in temporal.signals] == [("i-1", "1"), ("i-2", "2")]
