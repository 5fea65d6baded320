"""Reads of the venue, and the four answers evidence can give."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Rejected, Unavailable
from domain.evidence import OrderStatus
from domain.orders import Side
from tests.venues.kalshi.fake import (
    EVENT,
    FILLS,
    FRESH,
    MARKET,
    ORDERS,
    ROOT,
    FakeKalshi,
    as_of,
    fill,
    fills,
    order,
    orders,
    ticket,
)
from tests.venues.scripted import NOW, drops, hangs, says
from venues.kalshi.client import KalshiClient

# --- evidence ---------------------------------------------------------------------------------------------------


async def test_a_known_order_is_done_with_every_fill_explained(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket())}))
    venue.on("GET", FILLS, says(fills(fill("t-2", "4.00"), cursor="more")), says(fills(fill("t-1", "6.00"))))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=3000)
    assert (seen.status, seen.filled, seen.remaining, seen.complete) == (OrderStatus.DONE, 10, 0, True)
    assert [(f.trade_id, f.size, f.client_order_id) for f in seen.fills] == [
        ("t-1", Decimal(6), ticket().client_order_id),
        ("t-2", Decimal(4), ticket().client_order_id),
    ]
    assert seen.fills[0].at == NOW + 250_000
    assert [asked.params.get("cursor") for asked in venue.asked("GET", FILLS)] == [None, "more"]
    assert venue.asked("GET", FILLS)[0].params["order_id"] == "o-1"


async def test_a_fill_listed_on_two_pages_counts_once(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket())}))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00"), cursor="c")), says(fills(fill("t-1", "10.00"))))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert seen.complete
    assert len(seen.fills) == 1


async def test_fills_that_lag_behind_the_order_leave_the_evidence_incomplete(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket())}))
    venue.on("GET", FILLS, says(fills(fill("t-1", "6.00"))))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (seen.status, seen.complete) == (OrderStatus.DONE, False)


async def test_a_cancelled_order_keeps_what_it_filled_and_has_nothing_left(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    listed = order(ticket(), status="canceled", fill_count_fp="4.00", remaining_count_fp="6.00")
    venue.on("GET", f"{ORDERS}/o-1", says({"order": listed}))
    venue.on("GET", FILLS, says(fills(fill("t-1", "4.00"))))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (seen.status, seen.filled, seen.remaining, seen.complete) == (OrderStatus.DONE, 4, 0, True)


@pytest.mark.parametrize("status", ["resting", "a_status_of_tomorrow"])
async def test_a_lagging_read_is_given_as_listed_and_never_as_final(
    venue: FakeKalshi, client: KalshiClient, status: str
) -> None:
    stale = order(ticket(), status=status, fill_count_fp="0.00", remaining_count_fp="10.00")
    venue.on("GET", f"{ORDERS}/o-1", says({"order": stale}), says({"order": order(ticket())}))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00"))))
    first = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    second = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (first.status, first.remaining) == (OrderStatus.RESTING, 10)
    assert second.complete


async def test_an_acknowledged_order_that_cannot_be_read_is_unseen_never_absent(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("GET", FRESH, says(as_of(NOW + 60_000_000)))
    venue.on("GET", ORDERS, says(orders()))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert seen.status is OrderStatus.UNSEEN


async def test_an_id_that_is_nobodys_does_not_hide_the_order(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", f"{ORDERS}/o-9", says({"error": {"code": "not_found", "message": "not found"}}, 404))
    venue.on("GET", ORDERS, says(orders(order(ticket(attempt=2), order_id="o-2"), order(ticket()))))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00"))))
    seen = await client.evidence(ticket(), order_id="o-9", sent_at=NOW, grace_ms=0)
    assert (seen.status, seen.order_id, seen.filled, seen.complete) == (OrderStatus.DONE, "o-1", 10, True)


async def test_an_order_without_id_is_found_by_its_client_id_on_any_page(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("GET", FRESH, says(as_of(NOW)))
    other = order(ticket(attempt=9), order_id="o-9")
    venue.on("GET", ORDERS, says(orders(other, cursor="p2")), says(orders(order(ticket()))))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00"))))
    seen = await client.evidence(ticket(), order_id=None, sent_at=NOW, grace_ms=3000)
    assert (seen.order_id, seen.complete, seen.fresh_at) == ("o-1", True, NOW)
    assert venue.asked("GET", ORDERS)[0].params["ticker"] == MARKET


async def test_an_order_not_listed_is_unseen_until_the_venues_data_is_fresh_enough(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("GET", FRESH, says(as_of(NOW - 1_000)), says(as_of(NOW)))
    venue.on("GET", ORDERS, says(orders()))
    early = await client.evidence(ticket(), order_id=None, sent_at=NOW - 3_000_000, grace_ms=3000)
    late = await client.evidence(ticket(), order_id=None, sent_at=NOW - 3_000_000, grace_ms=3000)
    assert (early.status, late.status) == (OrderStatus.UNSEEN, OrderStatus.ABSENT)


@pytest.mark.parametrize("ahead_us", [1, 60_000_000])
async def test_nothing_is_fresher_than_its_answer_whatever_the_venue_says_and_no_header_shows(
    venue: FakeKalshi, client: KalshiClient, ahead_us: int
) -> None:
    venue.on("GET", FRESH, says(as_of(NOW + ahead_us)))
    venue.on("GET", ORDERS, says(orders()))
    seen = await client.evidence(ticket(), order_id=None, sent_at=NOW - 1_000_000, grace_ms=3000)
    assert (seen.status, seen.fresh_at) == (OrderStatus.UNSEEN, NOW)


async def test_a_user_data_time_of_2099_proves_no_absence(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", FRESH, says(as_of(NOW + 2_275_574_400_000_000)))
    venue.on("GET", ORDERS, says(orders()))
    seen = await client.evidence(ticket(), order_id=None, sent_at=NOW - 60_000_000, grace_ms=3000)
    assert (seen.status, seen.fresh_at) == (OrderStatus.UNSEEN, 0)


async def test_freshness_is_asked_before_the_listing_it_vouches_for(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", FRESH, says(as_of(NOW)))
    venue.on("GET", ORDERS, says(orders()))
    await client.evidence(ticket(), order_id=None, sent_at=NOW, grace_ms=0)
    assert [seen.path.removeprefix(ROOT) for seen in venue.seen][:2] == [FRESH, ORDERS]


async def test_absence_is_concluded_only_from_a_listing_without_a_time_limit(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    """The first copy may be much older than the last: a trade resumed the day after."""
    venue.on("GET", FRESH, says(as_of(NOW + 60_000_000)))
    venue.on("GET", ORDERS, says(orders()), says(orders(order(ticket()))))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00"))))
    seen = await client.evidence(ticket(), order_id=None, sent_at=NOW - 3_000_000, grace_ms=3000)
    recent, complete = venue.asked("GET", ORDERS)
    assert "min_ts" in recent.params
    assert "min_ts" not in complete.params
    assert seen.status is OrderStatus.DONE


async def test_a_venue_clock_ahead_of_ours_does_not_make_a_stale_listing_fresh(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    ahead = {"Date": "Sat, 21 Nov 2026 02:00:05 GMT"}  # our clock says 02:00:00
    venue.on("GET", FRESH, says(as_of(NOW + 5_000_000), headers=ahead))
    venue.on("GET", ORDERS, says(orders()))
    seen = await client.evidence(ticket(), order_id=None, sent_at=NOW, grace_ms=3000)
    assert (seen.status, seen.fresh_at) == (OrderStatus.UNSEEN, NOW)


async def test_a_listing_whose_cursors_go_round_is_no_evidence(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", FRESH, says(as_of(NOW + 60_000_000)))
    venue.on("GET", ORDERS, says(orders(cursor="again")))
    with pytest.raises(Unavailable, match="does not end"):
        await client.evidence(ticket(), order_id=None, sent_at=NOW, grace_ms=0)


async def test_an_order_id_that_is_another_orders_is_no_id_of_ours(venue: FakeKalshi, client: KalshiClient) -> None:
    """An answer that names our order with another's id: ours is looked for by its own name."""
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(attempt=2))}))
    venue.on("GET", FRESH, says(as_of(NOW)))
    venue.on("GET", ORDERS, says(orders(order(ticket(), order_id="o-2"))), says(orders()))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00", order_id="o-2"))))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (seen.order_id, seen.complete) == ("o-2", True)
    gone = await client.evidence(ticket(), order_id="o-1", sent_at=NOW - 3_000_000, grace_ms=3000)
    assert gone.status is OrderStatus.ABSENT


async def test_an_order_read_by_its_id_that_is_another_is_not_believed(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(), order_id="o-7")}))
    with pytest.raises(Unavailable, match="told of o-7"):
        await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)


async def test_an_order_of_our_name_on_the_other_side_is_not_ours(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(), book_side="ask")}))
    with pytest.raises(Unavailable, match="is a sell"):
        await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)


async def test_a_page_without_a_cursor_is_no_whole_listing(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", FRESH, says(as_of(NOW)))
    venue.on("GET", ORDERS, says({"orders": []}))
    with pytest.raises(Unavailable, match="without a cursor"):
        await client.evidence(ticket(), order_id=None, sent_at=NOW - 3_000_000, grace_ms=0)


COSTS = {
    "taker_fill_cost_dollars": "5.250000",
    "maker_fill_cost_dollars": "0.000000",
    "taker_fees_dollars": "0.174600",
    "maker_fees_dollars": "0.000000",
}


@pytest.mark.parametrize(
    ("changes", "paid", "fees"),
    [
        ({}, "5.25", "0.1746"),
        ({"maker_fill_cost_dollars": None}, None, "0.1746"),  # half of it unsaid is all of it unsaid
        ({"taker_fees_dollars": None}, "5.25", None),
        ({"taker_fill_cost_dollars": "0"}, None, "0.1746"),  # ten contracts for nothing
        ({"taker_fill_cost_dollars": "-5.25"}, None, "0.1746"),
        ({"taker_fill_cost_dollars": "12"}, None, "0.1746"),  # above a dollar each
        ({"taker_fees_dollars": "99"}, "5.25", None),
    ],
)
async def test_an_orders_own_cost_and_fees_are_what_was_paid_before_its_fills_are_listed(
    venue: FakeKalshi, client: KalshiClient, changes: dict[str, str | None], paid: str | None, fees: str | None
) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(), **(COSTS | changes))}))
    venue.on("GET", FILLS, says(fills()))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert not seen.complete
    assert (seen.paid, seen.fees_paid) == (Decimal(paid) if paid else None, Decimal(fees) if fees else None)


async def test_fills_outrank_an_orders_own_sums(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(), **COSTS)}))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00", yes_price_dollars="0.5300"))))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (seen.complete, seen.paid, seen.fees_paid) == (True, None, None)


async def test_what_a_sale_cost_the_other_side_is_not_what_it_brought(venue: FakeKalshi, client: KalshiClient) -> None:
    sale = ticket(side=Side.SELL)
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(sale, book_side="ask", **COSTS)}))
    venue.on("GET", FILLS, says(fills()))
    seen = await client.evidence(sale, order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (seen.paid, seen.fees_paid) == (None, Decimal("0.1746"))


async def test_more_contracts_than_were_asked_for_are_beyond_it(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(), fill_count_fp="12.00", initial_count_fp="12.00")}))
    venue.on("GET", FILLS, says(fills(fill("t-1", "12.00", yes_price_dollars="0.1000"))))
    seen = await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (seen.beyond, seen.filled) == (True, 12)


@pytest.mark.parametrize(
    "changes",
    [
        {"fill_count_fp": "-1.00"},
        {"fill_count_fp": "1E+400000"},
        {"fill_count_fp": "1.0000001"},
        {"remaining_count_fp": "-1.00"},
        {"status": "resting", "fill_count_fp": "6.00", "remaining_count_fp": "5.00"},
    ],
)
async def test_counts_that_no_order_has_are_not_read(
    venue: FakeKalshi, client: KalshiClient, changes: dict[str, str]
) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(), **changes)}))
    venue.on("GET", FILLS, says(fills()))
    with pytest.raises(Unavailable):
        await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"yes_price_dollars": "1.7000"},
        {"yes_price_dollars": "-0.1000"},
        {"count_fp": "-5.00"},
        {"count_fp": "0.00"},
        {"fee_cost": "-100"},
        {"fee_cost": "100"},
    ],
)
async def test_a_fill_that_cannot_be_is_not_read(
    venue: FakeKalshi, client: KalshiClient, changes: dict[str, str | None]
) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket())}))
    venue.on("GET", FILLS, says(fills(fill("t-1", "10.00", **changes))))
    with pytest.raises(Unavailable):
        await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)


@pytest.mark.parametrize("answer", [says(b"<html>"), says({"order": {"order_id": "o-1"}}), says({}, 503), drops, hangs])
async def test_evidence_that_cannot_be_read_is_unavailable(
    venue: FakeKalshi, client: KalshiClient, answer: Any
) -> None:
    venue.on("GET", f"{ORDERS}/o-1", answer)
    with pytest.raises(Unavailable):
        await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "ten"])
async def test_a_count_that_is_no_finite_number_does_not_decode(
    venue: FakeKalshi, client: KalshiClient, bad: str
) -> None:
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket(), fill_count_fp=bad)}))
    with pytest.raises(Unavailable, match="cannot be read"):
        await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)


# --- cancel -----------------------------------------------------------------------------------------------------


async def test_a_cancel_names_its_market_and_lets_the_venue_route(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("DELETE", "/portfolio/events/orders/o-1", says({"order_id": "o-1", "reduced_by": "1.00", "ts_ms": 1}))
    await client.cancel(MARKET, "o-1")
    assert venue.seen[0].params == {"market_ticker": MARKET, "exchange_index": "-1"}


async def test_a_cancel_answered_not_found_proves_nothing_and_raises_nothing(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("DELETE", "/portfolio/events/orders/o-1", says({"error": {"code": "not_found"}}, 404))
    await client.cancel(MARKET, "o-1")


async def test_a_cancel_that_was_not_answered_is_unavailable_and_a_refused_one_rejected(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    refused = says({"error": {"code": "authentication_error"}}, 401)
    venue.on("DELETE", "/portfolio/events/orders/o-1", drops, says({}, 503), refused)
    for expected in (Unavailable, Unavailable, Rejected):
        with pytest.raises(expected):
            await client.cancel(MARKET, "o-1")


# --- markets ----------------------------------------------------------------------------------------------------


async def test_a_quote_is_sorted_best_first_with_asks_from_the_no_side(venue: FakeKalshi, client: KalshiClient) -> None:
    levels = {
        "yes_dollars": [["0.4600", "5.00"], ["0.4700", "3.00"]],
        "no_dollars": [["0.4800", "2.50"], ["0.5100", "1.00"], ["0.3000", "0.00"]],
    }
    venue.on("GET", f"/markets/{MARKET}/orderbook", says({"orderbook_fp": levels}))
    quote = await client.quote(MARKET)
    assert quote.bids == ((Decimal("0.47"), Decimal(3)), (Decimal("0.46"), Decimal(5)))
    assert quote.asks == ((Decimal("0.49"), Decimal(1)), (Decimal("0.52"), Decimal("2.5")))
    assert (quote.asked_at, quote.answered_at) == (NOW, NOW)


async def test_an_empty_book_has_no_levels_and_an_impossible_one_is_not_believed(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    path = f"/markets/{MARKET}/orderbook"
    venue.on("GET", path, says({"orderbook_fp": {}}), says({"orderbook_fp": {"yes_dollars": [["1.5000", "1.00"]]}}))
    quote = await client.quote(MARKET)
    assert (quote.bids, quote.asks) == ((), ())
    with pytest.raises(Unavailable, match="expected a price from 0 to 1"):
        await client.quote(MARKET)


def rules(venue: FakeKalshi, market: dict[str, Any], event: dict[str, Any], series: dict[str, Any]) -> None:
    basic = {"ticker": MARKET, "event_ticker": EVENT, "status": "active", "title": "Will it?"}
    venue.on("GET", f"/markets/{MARKET}", says({"market": basic | market}))
    venue.on("GET", f"/events/{EVENT}", says({"event": {"event_ticker": EVENT, "series_ticker": "KXTEST"} | event}))
    venue.on("GET", "/series/KXTEST", says({"series": {"ticker": "KXTEST"} | series}))


async def test_the_rules_of_a_market_come_from_market_event_and_series_and_are_kept(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    bands = [
        {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
    ]
    series = {"fee_type": "quadratic_with_maker_fees", "fee_multiplier": 0.5}
    rules(venue, {"price_ranges": bands, "notional_value_dollars": "1.0000"}, {}, series)
    spec = await client.market(MARKET)
    assert (spec.fees.taker, spec.fees.maker) == (Decimal("0.035"), Decimal("0.00875"))
    assert [spec.on_grid(Decimal(p)) for p in ("0", "0.001", "0.105", "0.11", "0.999", "1")] == [
        False,
        True,
        False,
        True,
        True,
        False,
    ]
    assert (spec.event, spec.open, spec.payoff, spec.min_size) == (EVENT, True, 1, Decimal("0.01"))
    assert await client.market(MARKET) is spec
    asked = [seen.path.removeprefix(ROOT).split("/")[1] for seen in venue.seen]
    assert asked == ["markets", "events", "series", "exchange"]


async def test_a_market_that_is_not_open_is_asked_for_each_time_since_it_may_open(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    basic = {"ticker": MARKET, "event_ticker": EVENT, "title": "Will it?"}
    statuses = [says({"market": basic | {"status": status}}) for status in ("finalized", "active")]
    venue.on("GET", f"/markets/{MARKET}", *statuses)
    venue.on("GET", f"/events/{EVENT}", says({"event": {"event_ticker": EVENT, "series_ticker": "KXTEST"}}))
    venue.on("GET", "/series/KXTEST", says({"series": {"ticker": "KXTEST"}}))
    assert [(await client.market(MARKET)).open for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize(
    ("event", "series", "rates"),
    [
        ({}, {"fee_type": "quadratic", "fee_multiplier": 1}, ("0.07", "0")),
        ({}, {"fee_type": "quadratic_with_combo_maker_fees", "fee_multiplier": 2}, ("0.14", "0.07")),
        (
            {"fee_type_override": "quadratic", "fee_multiplier_override": 0},
            {"fee_type": "quadratic_with_maker_fees", "fee_multiplier": 1},
            ("0", "0"),
        ),
        ({}, {"fee_type": "flat", "fee_multiplier": 0.5}, ("0.07", "0.07")),
        ({}, {"fee_type": "of_tomorrow", "fee_multiplier": 3}, ("0.21", "0.21")),
        ({}, {"fee_type": "quadratic"}, ("0.07", "0.07")),
        ({}, {}, ("0.07", "0.07")),
    ],
)
async def test_an_event_overrides_its_series_fees_and_an_unknown_fee_is_taken_at_its_dearest(
    venue: FakeKalshi, client: KalshiClient, event: dict[str, Any], series: dict[str, Any], rates: tuple[str, str]
) -> None:
    rules(venue, {}, event, series)
    fees = (await client.market(MARKET)).fees
    assert (fees.taker, fees.maker) == (Decimal(rates[0]), Decimal(rates[1]))


async def test_a_market_that_is_not_active_is_not_open_and_one_without_fractions_trades_whole_contracts(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    rules(venue, {"status": "closed", "fractional_trading_enabled": False}, {}, {"fee_type": "quadratic"})
    spec = await client.market(MARKET)
    assert (spec.open, spec.size_step, spec.min_size) == (False, 1, 1)


async def test_a_market_the_venue_does_not_know_is_rejected(client: KalshiClient) -> None:
    with pytest.raises(Rejected, match="not_found"):
        await client.market("KXNOWHERE")


@pytest.mark.parametrize("word", ["executed", "canceled", "cancelled", "Expired", "KILLED", "rejected"])
async def test_whatever_word_says_that_an_order_trades_no_more_its_counts_are_final(
    venue: FakeKalshi, client: KalshiClient, word: str
) -> None:
    asked = ticket()
    listed = order(asked, status=word, fill_count_fp="0.00", remaining_count_fp="0.00")
    venue.on("GET", "/portfolio/orders/o-1", says({"order": listed}))
    seen = await client.evidence(asked, order_id="o-1", sent_at=NOW, grace_ms=0)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.DONE, 0, True)


async def test_an_order_in_a_word_that_is_new_counts_as_working_and_is_listed_as_such(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    counts = {"fill_count_fp": "0.00", "remaining_count_fp": "10.00", "yes_price_dollars": "0.5600"}
    listed = order(ticket(), status="parked", **counts)
    venue.on("GET", "/portfolio/fills", says({"fills": [], "cursor": ""}))
    venue.on("GET", "/portfolio/orders", says({"orders": [listed], "cursor": ""}))
    venue.on("GET", "/portfolio/positions", says({"market_positions": [], "cursor": ""}))
    venue.on("GET", "/portfolio/balance", says({"balance": 100, "balance_dollars": "1.0000"}))
    assert [one.order_id for one in (await client.account()).open_orders] == ["o-1"]
