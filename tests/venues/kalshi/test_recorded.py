"""Every recorded answer and frame of the demo exchange is understood."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.evidence import OrderStatus
from domain.fees import quadratic_fee
from domain.money import from_micros, to_micros
from domain.orders import Verdict
from tests.places import SHARED_FOLDER
from venues.kalshi import exchange_messages as told
from venues.kalshi import messages as wire
from venues.kalshi.errors import judge_answer, parse_error, read_refusal
from venues.kalshi.orders import CREATE_PATH
from venues.kalshi.sequence import Arrival, Sequence
from venues.kalshi.translate import (
    cash_of,
    fee_schedule,
    fill_from_row,
    market_spec,
    micros_of,
    order_evidence,
    quote_from_levels,
)

FIXTURES = SHARED_FOLDER / "fixtures" / "kalshi"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no recorded messages at {FIXTURES}"),
]

_KINDS: list[tuple[str, type[Any]]] = [
    ("account__endpoint_costs", wire.EndpointCosts),
    ("account__limits", wire.AccountLimits),
    ("auth__", wire.Balance),
    ("cleanup__", wire.CancelAnswer),
    ("exchange__status", told.ExchangeStatus),
    ("fills__", wire.FillsPage),
    ("markets__single_filter", wire.MarketsPage),
    ("markets__single", wire.MarketAnswer),
    ("markets__unauth_single", wire.MarketAnswer),
    ("markets__", wire.MarketsPage),
    ("orderbook__", wire.OrderbookAnswer),
    ("orders__cancel_v2", wire.CancelAnswer),
    ("orders__legacy", wire.OrderAnswer),
    ("orders__get_", wire.OrderAnswer),
    ("orders__stp_resting_after", wire.OrderAnswer),
    ("orders__", wire.CreatedOrder),
    ("portfolio__orders_list", wire.OrdersPage),
    ("portfolio__positions", wire.PositionsPage),
    ("series__fee_changes", told.SeriesFeeChanges),
    ("settlements__", wire.SettlementsPage),
    ("trades__", wire.TradesPage),
]


def _bodies() -> list[str]:
    names = sorted((FIXTURES / "rest").glob("*.json")) if FIXTURES.is_dir() else []
    return [path.stem for path in names if not path.stem.endswith(".meta")]


def _read(name: str) -> tuple[bytes, dict[str, Any]]:
    meta = FIXTURES / "rest" / f"{name}.meta.json"
    recorded = json.loads(meta.read_text()) if meta.exists() else {"status": 200}
    return (FIXTURES / "rest" / f"{name}.json").read_bytes(), recorded


@pytest.mark.parametrize("name", _bodies())
def test_every_recorded_answer_is_understood(name: str) -> None:
    body, meta = _read(name)
    if meta["status"] < 400:
        kind = next(kind for prefix, kind in _KINDS if name.startswith(prefix))
        msgspec.json.decode(body, type=kind)
    else:
        assert parse_error(meta["status"], body) is not None
        read_refusal(name, meta["status"], body)


def test_every_recorded_order_ends_in_the_verdict_its_answer_proves() -> None:
    verdicts: dict[str, tuple[Verdict, str]] = {}
    for name in _bodies():
        body, meta = _read(name)
        if meta.get("method") != "POST" or not meta["path"].endswith(CREATE_PATH):
            continue
        result = judge_answer(meta["request_body"]["client_order_id"], meta["status"], body, 0)
        verdicts[name.removeprefix("orders__")] = (result.verdict, result.code)
        assert result.landed == (result.code == "order_already_exists")
    assert verdicts == {
        "create_v2_maker": (Verdict.ACCEPTED, ""),
        "create_v2_taker_ioc": (Verdict.ACCEPTED, ""),
        "settlement_seed": (Verdict.ACCEPTED, ""),
        "stp_self_cross": (Verdict.ACCEPTED, ""),
        "stp_setup": (Verdict.ACCEPTED, ""),
        "duplicate_client_order_id": (Verdict.UNKNOWN, "order_already_exists"),
        "reuse_canceled_client_id": (Verdict.UNKNOWN, "order_already_exists"),
        "insufficient_balance": (Verdict.REJECTED, "insufficient_balance"),
        "invalid_price_structure": (Verdict.REJECTED, "invalid_price"),
        "numeric_field_types": (Verdict.REJECTED, "bad_request"),
        "post_only_cross": (Verdict.REJECTED, "post_only_cross"),
    }


def test_the_recorded_orders_and_fills_become_evidence_that_adds_up() -> None:
    orders = msgspec.json.decode(_read("portfolio__orders_list")[0], type=wire.OrdersPage).orders or []
    rows = msgspec.json.decode(_read("fills__after_taker")[0], type=wire.FillsPage).fills or []
    executed = 0
    for order in orders:
        mine = order.client_order_id or ""
        fills = tuple(fill_from_row(row, mine) for row in rows if row.order_id == order.order_id)
        seen = order_evidence(order, mine, fills, fresh_at=0)
        if order.status == "executed":
            executed += 1
            assert seen.complete
            assert sum(f.fee for f in fills) == order.taker_fees_dollars
        else:
            assert (seen.status, seen.filled, seen.remaining) == (OrderStatus.DONE, 0, 0)
    assert executed == 3


def test_the_recorded_read_after_a_cancel_is_stale_and_so_not_final() -> None:
    order = msgspec.json.decode(_read("orders__get_after_cancel")[0], type=wire.OrderAnswer).order
    assert order_evidence(order, "x", (), fresh_at=0).status is OrderStatus.RESTING


def test_the_recorded_fees_are_the_schedules() -> None:
    event = wire.Event(event_ticker="E", series_ticker="S")
    fees = fee_schedule(
        event, wire.Series(ticker="S", fee_type="quadratic", fee_multiplier=Decimal(1)), Decimal("0.01")
    )
    for row in msgspec.json.decode(_read("fills__after_taker")[0], type=wire.FillsPage).fills or []:
        micros = quadratic_fee(to_micros(fees.taker), to_micros(row.yes_price_dollars), to_micros(row.count_fp))
        assert row.fee_cost == from_micros(micros)


def test_the_recorded_account_market_and_book_are_exact() -> None:
    assert cash_of(msgspec.json.decode(_read("auth__balance_ok")[0], type=wire.Balance)) == Decimal("98.0186")
    market = msgspec.json.decode(_read("markets__single")[0], type=wire.MarketAnswer).market
    event = wire.Event(event_ticker=market.event_ticker, series_ticker="S")
    spec = market_spec(market, fee_schedule(event, wire.Series(ticker="S"), Decimal("0.0001")))
    assert (spec.open, spec.payoff, spec.step_at(Decimal("0.5"))) == (True, 1, Decimal("0.01"))
    assert not spec.on_grid(Decimal("0.5150"))
    book = msgspec.json.decode(_read("orderbook__base")[0], type=wire.OrderbookAnswer).orderbook_fp
    quote = quote_from_levels(market.ticker, book, asked_at=1, answered_at=2)
    assert (quote.bids, quote.asks) == (((Decimal("0.47"), Decimal(3)),), ((Decimal("0.52"), Decimal(3)),))


@pytest.mark.parametrize("name", ["ws__orderbook_trade_noleg", "ws__orderbook_trade_yes"])
def test_every_recorded_frame_decodes_and_their_numbers_have_no_gap(name: str) -> None:
    kinds: dict[str, Callable[[msgspec.Raw], Any]] = {
        "subscribed": lambda raw: msgspec.json.decode(raw, type=wire.Subscribed),
        "orderbook_snapshot": lambda raw: msgspec.json.decode(raw, type=wire.BookSnapshotMessage),
        "orderbook_delta": lambda raw: msgspec.json.decode(raw, type=wire.BookDeltaMessage),
    }
    count, changes = Sequence(), Decimal(0)
    for line in (FIXTURES / "ws" / f"{name}.jsonl").read_bytes().splitlines():
        if not line:
            continue
        envelope = msgspec.json.decode(line, type=wire.Envelope)
        message = kinds[envelope.type](envelope.msg)
        assert count.arrive(envelope.sid, envelope.seq) is Arrival.NEXT
        if isinstance(message, wire.BookDeltaMessage):
            changes += message.delta_fp
            assert message.ts is not None
            assert micros_of(message.ts) // 1000 == message.ts_ms
    assert changes == Decimal({"ws__orderbook_trade_noleg": "-1.00", "ws__orderbook_trade_yes": "1.00"}[name])
