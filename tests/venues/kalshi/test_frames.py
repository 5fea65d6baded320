"""The frames we write are the frames the venue writes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Inexact, from_micros, to_micros
from tests.places import SHARED_FOLDER
from venues.kalshi import frames

_SHARED = SHARED_FOLDER / "fixtures" / "kalshi" / "ws"


def test_a_delta_has_four_decimal_prices_two_decimal_counts_and_both_clocks() -> None:
    frame = frames.delta(1, 2, "KXTEST-A", "yes", 470_000, -3_000_000, 1_781_159_489_957_081, yes_price=True)
    assert frame.endswith(b"}}\n")
    assert json.loads(frame) == {
        "type": "orderbook_delta",
        "sid": 1,
        "seq": 2,
        "msg": {
            "market_ticker": "KXTEST-A",
            "market_id": frames.market_id("KXTEST-A"),
            "price_dollars": "0.4700",
            "delta_fp": "-3.00",
            "side": "yes",
            "ts": "2026-06-11T06:31:29.957081Z",
            "ts_ms": 1_781_159_489_957,
        },
    }


def test_no_levels_are_written_at_the_yes_price_when_asked_and_on_their_own_side_otherwise() -> None:
    asked = json.loads(frames.snapshot(3, 1, "M", [(470_000, 10_000)], [(480_000, 2_000_000)], yes_price=True))
    plain = json.loads(frames.snapshot(3, 1, "M", [(470_000, 10_000)], [(480_000, 2_000_000)], yes_price=False))
    assert asked["msg"]["no_dollars_fp"] == [["0.5200", "2.00"]]
    assert plain["msg"]["no_dollars_fp"] == [["0.4800", "2.00"]]
    assert asked["msg"]["yes_dollars_fp"] == plain["msg"]["yes_dollars_fp"] == [["0.4700", "0.01"]]
    moved = json.loads(frames.delta(3, 2, "M", "no", 480_000, 10_000, 0, yes_price=True))
    assert moved["msg"]["price_dollars"] == "0.5200"


def test_an_empty_side_and_an_empty_level_are_left_out() -> None:
    message = json.loads(frames.snapshot(1, 1, "M", [(10_000, 0)], [(20_000, 10_000)], yes_price=False))["msg"]
    assert "yes_dollars_fp" not in message
    assert message["no_dollars_fp"] == [["0.0200", "0.01"]]


def test_levels_are_listed_by_ascending_price_whatever_order_they_came_in() -> None:
    levels = [(30_000, 10_000), (10_000, 10_000), (20_000, 10_000)]
    message = json.loads(frames.snapshot(1, 1, "M", levels, levels, yes_price=True))["msg"]
    assert [price for price, _ in message["yes_dollars_fp"]] == ["0.0100", "0.0200", "0.0300"]
    assert [price for price, _ in message["no_dollars_fp"]] == ["0.9700", "0.9800", "0.9900"]


@pytest.mark.parametrize("price", [-100, 50, 1_000_100])
def test_a_price_the_wire_cannot_carry_is_refused(price: int) -> None:
    with pytest.raises(Inexact, match="expected"):
        frames.delta(1, 1, "M", "yes", price, 10_000, 0, yes_price=False)


def test_a_size_finer_than_a_hundredth_contract_is_refused() -> None:
    with pytest.raises(Inexact, match=r"0\.01 contract"):
        frames.count_text(10_001)


@given(st.integers(0, 10_000), st.integers(-(10**9), 10**9))
def test_prices_and_counts_come_back_exactly(tick: int, hundredths: int) -> None:
    price, count = tick * 100, hundredths * 10_000
    assert to_micros(frames.price_text(price)) == price
    assert Decimal(frames.count_text(count)) == from_micros(count)


def test_a_ticker_is_escaped_as_json_text() -> None:
    assert json.loads(frames.snapshot(1, 1, 'A"B', [], [], yes_price=True))["msg"]["market_ticker"] == 'A"B'


@pytest.mark.shared
def test_recorded_book_frames_are_rebuilt_key_for_key() -> None:
    if not _SHARED.is_dir():
        pytest.skip(f"no recorded frames at {_SHARED}")
    rebuilt = 0
    for name, yes_price in (("noleg", False), ("yes", True)):
        for line in (_SHARED / f"ws__orderbook_trade_{name}.jsonl").read_text().splitlines():
            seen = json.loads(line) if line else {}
            message = seen.get("msg", {})
            if seen.get("type") == "orderbook_snapshot":
                yes = [(to_micros(p), to_micros(s)) for p, s in message["yes_dollars_fp"]]
                no = [(to_micros(p), to_micros(s)) for p, s in message["no_dollars_fp"]]
                no = [(1_000_000 - p, s) for p, s in no] if yes_price else no
                ours = frames.snapshot(seen["sid"], seen["seq"], message["market_ticker"], yes, no, yes_price=yes_price)
            elif seen.get("type") == "orderbook_delta":
                fraction = message["ts"].rstrip("Z").partition(".")[2].ljust(6, "0")
                at = message["ts_ms"] // 1000 * 1_000_000 + int(fraction)
                price = to_micros(message["price_dollars"])
                if yes_price and message["side"] == "no":
                    price = 1_000_000 - price
                change = to_micros(message["delta_fp"])
                ours = frames.delta(
                    seen["sid"],
                    seen["seq"],
                    message["market_ticker"],
                    message["side"],
                    price,
                    change,
                    at,
                    yes_price=yes_price,
                )
                message["ts"] = frames.time_text(at)  # the venue drops trailing zeros of the fraction; we keep six
            else:
                continue
            message["market_id"] = frames.market_id(message["market_ticker"])
            assert list(json.loads(ours)["msg"]) == list(message)
            assert json.loads(ours) == seen
            rebuilt += 1
    assert rebuilt == 8
