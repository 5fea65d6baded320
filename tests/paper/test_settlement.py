"""How markets end: closed, determined, paid; the account to the last micro, and the frames that tell of it."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from paper.core.records import Position
from paper.kalshi import listing as life
from paper.kalshi.account import Account
from paper.kalshi.exchange import Exchange
from paper.kalshi.settlement import Clerk
from paper.kalshi.store import Store
from tests.paper.conftest import Launch
from tests.paper.sample import AAA, BBB, EVENT, Client, session, spec, until

GTC = {"time_in_force": "good_till_canceled"}
SECOND = 1_000_000


async def resolve(venue: Client, **body: object) -> Any:
    answer = await venue.admin("POST", "/resolve", body)
    assert answer.status == 200, answer
    return answer.body["markets"]


async def market(venue: Client, ticker: str = AAA) -> Any:
    return (await venue.get(f"/markets/{ticker}"))["market"]


async def finalized(venue: Client, *tickers: str) -> None:
    async def over() -> bool:
        return all([(await market(venue, ticker))["status"] == "finalized" for ticker in tickers])

    await until(over)


async def cash(venue: Client) -> Decimal:
    return Decimal((await venue.get("/portfolio/balance"))["balance_dollars"])


async def test_a_market_closes_at_once_is_determined_and_then_pays_what_was_held(launch: Launch) -> None:
    venue = await launch(settle_after_ms=200)
    await venue.order(count="10.00")
    before = await cash(venue)
    (told,) = await resolve(venue, market=AAA, result="yes")
    assert (told["stage"], told["result"], told["value"]) == ("closed", "yes", "1.00")
    closed = await market(venue)
    assert (closed["status"], closed["result"]) == ("closed", "")
    assert "settlement_value_dollars" not in closed
    assert (closed["yes_bid_dollars"], closed["yes_ask_dollars"]) == ("0.0000", "1.0000")
    await finalized(venue, AAA)
    paid = await market(venue)
    assert (paid["result"], paid["settlement_value_dollars"]) == ("yes", "1.0000")
    assert paid["settlement_ts"] > paid["close_time"]
    assert await cash(venue) == before + 10
    assert (await venue.get("/portfolio/positions"))["market_positions"] == []
    (row,) = (await venue.get("/portfolio/positions?settlement_status=settled"))["market_positions"]
    assert (row["ticker"], row["position_fp"], row["market_exposure_dollars"]) == (AAA, "0.00", "0.000000")
    assert row["realized_pnl_dollars"] == "5.100000"  # ten bought at 0.49


async def test_before_it_pays_it_says_how_it_will_and_money_stays_where_it_is(launch: Launch) -> None:
    venue = await launch(settle_after_ms=600)
    await venue.order(count="10.00")
    before = await cash(venue)
    await resolve(venue, market=AAA, result="no")

    async def determined() -> bool:
        return bool((await market(venue))["status"] == "determined")

    await until(determined)
    seen = await market(venue)
    assert (seen["result"], seen["settlement_value_dollars"], "settlement_ts" in seen) == ("no", "0.0000", False)
    assert await cash(venue) == before
    await finalized(venue, AAA)
    assert await cash(venue) == before
    assert (await venue.get("/portfolio/positions"))["market_positions"] == []


async def test_a_short_position_gives_its_payout_back_and_frees_its_collateral(launch: Launch) -> None:
    venue = await launch(settle_after_ms=0)
    await venue.order(side="ask", count="10.00", price="0.4700")
    await venue.order(ticker=BBB, side="ask", count="10.00", price="0.5000")
    before = await cash(venue)
    await resolve(venue, event=EVENT, winner=AAA)
    await finalized(venue, AAA, BBB)
    assert await cash(venue) == before + 10  # AAA was sold and won: nothing back; BBB lost: its dollar each


async def test_an_event_pays_its_winner_and_nobody_else(launch: Launch) -> None:
    venue = await launch(settle_after_ms=0)
    await venue.order(count="10.00")
    await venue.order(ticker=BBB, count="10.00", price="0.5200")
    before = await cash(venue)
    told = await resolve(venue, event=EVENT, winner=BBB)
    assert {item["market"]: item["result"] for item in told} == {AAA: "no", BBB: "yes"}
    await finalized(venue, AAA, BBB)
    assert await cash(venue) == before + 10
    rows = (await venue.get("/portfolio/settlements"))["settlements"]
    assert {(row["ticker"], row["market_result"], row["yes_count_fp"], row["revenue"]) for row in rows} == {
        (AAA, "no", "10.00", 0),
        (BBB, "yes", "10.00", 1000),
    }
    (one,) = (await venue.get(f"/portfolio/settlements?ticker={BBB}"))["settlements"]
    assert (one["event_ticker"], one["value"], one["yes_total_cost_dollars"]) == (EVENT, 100, "5.200000")


async def test_a_scalar_result_pays_its_value(launch: Launch) -> None:
    venue = await launch(settle_after_ms=0)
    await venue.order(count="3.50")
    before = await cash(venue)
    await resolve(venue, market=AAA, result="scalar", settlement_value="0.35")
    await finalized(venue, AAA)
    assert await cash(venue) == before + Decimal("1.225")
    assert (await market(venue))["result"] == "scalar"


async def test_a_closed_market_takes_no_orders_and_no_cancels_and_has_ended_those_that_rested(launch: Launch) -> None:
    venue = await launch(settle_after_ms=60_000)
    resting = (await venue.order(price="0.0100", **GTC)).body["order_id"]
    await resolve(venue, market=AAA, result="yes")
    order = (await venue.get(f"/portfolio/orders/{resting}"))["order"]
    assert (order["status"], order["remaining_count_fp"]) == ("canceled", "0.00")
    for answer in (await venue.order(), await venue.call("DELETE", f"/portfolio/events/orders/{resting}")):
        assert (answer.status, answer.body["error"]["code"]) == (409, "MARKET_INACTIVE")
    assert (await venue.order(ticker=BBB, price="0.5200")).status == 201
    assert (await venue.get(f"/markets/{AAA}/orderbook"))["orderbook_fp"] == {"no_dollars": [], "yes_dollars": []}
    listed = (await venue.get("/markets?status=closed"))["markets"]
    assert [item["ticker"] for item in listed] == [AAA]
    assert [item["ticker"] for item in (await venue.get("/markets?status=open"))["markets"]] == [BBB]


async def test_a_result_may_be_amended_until_it_is_paid_and_not_after(launch: Launch) -> None:
    venue = await launch(settle_after_ms=300)
    await venue.order(count="10.00")
    before = await cash(venue)
    await resolve(venue, market=AAA, result="yes")
    await until_stage(venue, "determined")
    await resolve(venue, market=AAA, result="no")
    assert (await market(venue))["status"] == "amended"
    await finalized(venue, AAA)
    assert await cash(venue) == before
    assert (await venue.admin("POST", "/resolve", {"market": AAA, "result": "no"})).status == 200
    late = await venue.admin("POST", "/resolve", {"market": AAA, "result": "yes"})
    assert (late.status, late.body["error"]["code"]) == (400, "finalized")


async def until_stage(venue: Client, stage: str) -> None:
    async def reached() -> bool:
        return bool((await market(venue))["status"] == stage)

    await until(reached)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"market": "KXNOWHERE", "result": "yes"}, "never listed"),
        ({"market": AAA}, "market and result"),
        ({"market": AAA, "result": "maybe"}, "result"),
        ({"market": AAA, "result": "scalar"}, "settlement_value"),
        ({"market": AAA, "result": "yes", "settlement_value": "1"}, "settlement_value"),
        ({"market": AAA, "result": "scalar", "settlement_value": "1.01"}, "whole cents"),
        ({"market": AAA, "result": "scalar", "settlement_value": "0.355"}, "whole cents"),
        ({"event": EVENT, "winner": "KXNOWHERE"}, "is no market of"),
        ({"market": AAA, "result": "yes", "event": EVENT, "winner": AAA}, "event and winner"),
        ({"market": AAA, "result": "yes", "why": "x"}, "why"),
    ],
)
async def test_a_resolution_that_makes_no_sense_is_refused_and_changes_nothing(
    venue: Client, body: dict[str, Any], words: str
) -> None:
    answer = await venue.admin("POST", "/resolve", body)
    assert answer.status == 400
    assert words in answer.body["error"]["message"]
    assert (await market(venue))["status"] == "active"
    assert (await venue.order()).status == 201


async def test_subscribers_hear_an_emptied_book_the_result_and_the_payment(launch: Launch) -> None:
    venue = await launch(settle_after_ms=20)
    socket = await venue.socket()
    books = {"channels": ["orderbook_delta"], "market_tickers": [AAA], "use_yes_price": True}
    await socket.send_json({"id": 1, "cmd": "subscribe", "params": books})
    await socket.send_json({"id": 2, "cmd": "subscribe", "params": {"channels": ["market_lifecycle_v2"]}})
    for _ in range(3):
        await socket.receive_json(timeout=10)
    await resolve(venue, market=AAA, result="yes")
    empty, determined, settled = [await socket.receive_json(timeout=10) for _ in range(3)]
    assert (empty["type"], set(empty["msg"])) == ("orderbook_snapshot", {"market_ticker", "market_id"})
    when = determined["msg"].pop("determination_ts")
    assert determined == {
        "type": "market_lifecycle_v2",
        "sid": 2,
        "seq": 1,
        "msg": {"market_ticker": AAA, "result": "yes", "settlement_value": "1.0000", "event_type": "determined"},
    }
    assert settled["msg"].pop("settled_ts") >= when
    assert (settled["seq"], settled["msg"]) == (2, {"market_ticker": AAA, "event_type": "settled"})
    assert (await venue.get("/portfolio/positions"))["market_positions"] == []


async def test_the_recording_goes_on_without_a_closed_market(launch: Launch) -> None:
    venue = await launch(settle_after_ms=0)
    await resolve(venue, market=AAA, result="yes")
    await finalized(venue, AAA)
    events = [event for event in session().events() if event.market == AAA]
    for event in events:
        venue.server.exchange.apply(event, venue.server.exchange.now())
    assert (await venue.get(f"/markets/{AAA}/orderbook"))["orderbook_fp"] == {"no_dollars": [], "yes_dollars": []}


async def test_a_session_played_again_opens_its_markets_anew_and_pays_first_what_was_decided(launch: Launch) -> None:
    venue = await launch(settle_after_ms=60_000)
    await venue.order(count="10.00")
    before = await cash(venue)
    await resolve(venue, market=AAA, result="yes")
    await venue.admin("POST", "/play", {"recording": "sample", "replace": True})
    assert (await market(venue))["status"] == "active"
    assert await cash(venue) == before + 10
    assert (await venue.get("/portfolio/positions"))["market_positions"] == []
    assert (await venue.order()).status == 201
    (row,) = (await venue.get("/portfolio/positions"))["market_positions"]
    assert row["position_fp"] == "1.00"
    assert len((await venue.get("/portfolio/settlements"))["settlements"]) == 1


async def test_markets_of_a_former_session_are_closed_known_and_can_still_be_resolved(launch: Launch) -> None:
    venue = await launch(settle_after_ms=0)
    await venue.order(count="10.00")
    before = await cash(venue)
    other = spec("KXOTHER-26NOV21-X")
    venue.server.exchange.begin([other], "{}")
    assert (await market(venue))["status"] == "closed"
    refused = await venue.order()
    assert refused.body["error"]["code"] == "MARKET_INACTIVE"
    await resolve(venue, market=AAA, result="yes")
    await finalized(venue, AAA)
    assert await cash(venue) == before + 10
    assert (await venue.get(f"/events/{EVENT}"))["event"]["event_ticker"] == EVENT
    audit = (await venue.admin("GET", "/audit")).body["settlements"]
    assert [(row["ticker"], row["shares"], row["paid"]) for row in audit] == [(AAA, 10 * SECOND, 10 * SECOND)]


async def test_orders_and_fills_of_a_settled_market_keep_answering(launch: Launch) -> None:
    venue = await launch(settle_after_ms=0)
    placed = (await venue.order(count="10.00")).body
    await resolve(venue, market=AAA, result="yes")
    await finalized(venue, AAA)
    assert (await venue.get(f"/portfolio/orders/{placed['order_id']}"))["order"]["fill_count_fp"] == "10.00"
    assert len((await venue.get(f"/portfolio/orders?ticker={AAA}"))["orders"]) == 1
    assert len((await venue.get(f"/portfolio/fills?order_id={placed['order_id']}"))["fills"]) == 1
    again = await venue.order(client_order_id=placed["client_order_id"], count="10.00")
    assert again.body["error"]["code"] == "order_already_exists"


async def test_a_lagging_read_shows_the_position_until_the_lag_has_passed(launch: Launch) -> None:
    venue = await launch(settle_after_ms=0, read_lag_ms=60_000)
    await venue.order(count="10.00")
    await resolve(venue, market=AAA, result="yes")
    await finalized(venue, AAA)
    assert (await venue.get("/portfolio/settlements"))["settlements"] == []
    assert (await venue.get("/portfolio/balance"))["balance_dollars"] == "10000.0000"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.mark.parametrize("down_for", [0, 400_000, 700_000, 5 * SECOND])
async def test_a_restart_at_any_point_of_a_settlement_takes_it_up_and_pays_once(tmp_path: Path, down_for: int) -> None:
    clock = Clock()

    def opened() -> Exchange:
        return Exchange(Store(tmp_path), opening_cash=1_000 * SECOND, unit=100, clock=clock)

    first = opened()
    first.begin([spec(AAA), spec(BBB)], "{}")
    first.account.positions[AAA] = Position(shares=10 * SECOND, cost=4_900_000)
    with first.store.transaction():
        first.store.put_position(AAA, first.account.positions[AAA])
    first.resolve({AAA: life.YES, BBB: life.NO}, SECOND)
    clock.now += 500_000
    first.settle_due()
    first.store.close()  # as kill -9 leaves it: everything that was done is on disk, and nothing else
    clock.now += down_for
    second = opened()
    second.resume([spec(AAA), spec(BBB)])
    clerk = Clerk(second, SECOND)
    clerk.start()
    clock.now += 2 * SECOND
    second.settle_due()
    await clerk.stop()
    assert second.settle_due() == 0
    assert second.account.cash == 1_010 * SECOND
    assert [listing.stage for listing in second.listings.all()] == ["finalized", "finalized"]
    assert [row.paid for row in second.store.settlements()] == [10 * SECOND]
    second.store.close()
    third = opened()
    assert (third.account.cash, third.settle_due()) == (1_010 * SECOND, 0)
    third.store.close()


async def test_a_state_file_from_before_markets_settled_is_taken_over(tmp_path: Path) -> None:
    Store(tmp_path).close()
    old = sqlite3.connect(tmp_path / "paper.db")
    old.executescript("DROP TABLE listings; DROP TABLE settlements; PRAGMA user_version=1;")
    old.close()
    exchange = Exchange(Store(tmp_path), opening_cash=SECOND, unit=100, clock=Clock())
    exchange.resume([spec(AAA)])
    assert exchange.listings.trading(AAA)
    exchange.store.close()


@given(
    trades=st.lists(
        st.tuples(st.booleans(), st.integers(1, 99).map(lambda c: c * 10_000), st.integers(1, 5_000)), max_size=10
    ),
    value=st.integers(0, 100).map(lambda cents: cents * 10_000),
)
def test_settling_pays_each_share_its_value_and_conserves_money(
    trades: list[tuple[bool, int, int]], value: int
) -> None:
    shares = sum(n if bought else -n for bought, _, n in trades) * 10_000
    account = Account(10**12, 100, {"M": Position(shares=shares, cost=abs(shares) // 2)})
    before, held = account.cash, account.positions["M"]
    paid = account.settle("M", value, 1)
    assert paid == shares * value // SECOND
    # A share held long brings its value; one held short frees its dollar less the value.
    assert account.cash - before == (paid if shares >= 0 else paid - shares)
    after = account.positions["M"]
    assert (after.shares, after.cost, after.settled) == (0, 0, True)
    assert after.realized - held.realized == account.cash - before - held.cost


def test_a_value_finer_than_a_cent_or_out_of_range_is_refused() -> None:
    assert life.scalar(350_000) == life.Outcome("scalar", 350_000)
    for value in (-10_000, 1_010_000, 355_000):
        with pytest.raises(BadInput, match="whole cents"):
            life.scalar(value)
