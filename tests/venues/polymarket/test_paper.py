"""Our Polymarket client against the paper exchange: orders really signed, books, evidence, account, checklist."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domain.evidence import FillStatus, OrderStatus
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, SubmitResult, TimeInForce, Verdict
from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, PaperServer, start
from paper.session.playback import Spec
from tests.paper.polymarket.clob import CONDITION, KEY, NO, OTHER, YES, Trader, session
from venues.polymarket.checklist import checklist
from venues.polymarket.client import PolymarketClient
from venues.polymarket.rest import Services
from venues.polymarket.wallet import Wallet


@dataclass
class Desk:
    server: PaperServer
    client: PolymarketClient
    trader: Trader
    attempts: int = 0

    async def admin(self, path: str, body: object) -> Any:
        answer = await self.trader.admin("POST", path, body)
        assert answer.status == 200, answer
        return answer.body

    def ticket(self, **changes: Any) -> OrderTicket:
        self.attempts += 1
        values: dict[str, Any] = {
            "intent_id": "i-paper",
            "leg": "A",
            "attempt": self.attempts,
            "purpose": Purpose.OPEN,
            "venue": Venue.POLYMARKET,
            "market": YES,
            "side": Side.BUY,
            "size": Decimal(10),
            "limit": Decimal("0.49"),
            "tif": TimeInForce.IOC,
            "decided_at": time.time_ns() // 1000,
        }
        return OrderTicket(**(values | changes))

    async def settled(self, ticket: OrderTicket, result: SubmitResult) -> Any:
        """Evidence once the venue's word is final; the test's own time limit is the bound."""
        while True:
            seen = await self.client.evidence(ticket, order_id=result.order_id, sent_at=result.at, grace_ms=0)
            if seen.status is OrderStatus.DONE and not seen.provisional:
                return seen
            await asyncio.sleep(0.02)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    side = PolymarketConfig(mine_after_ms=20, confirm_after_ms=20)
    config = PaperConfig(state_dir=tmp_path / "paper", api_keys={}, polymarket=side)
    server = await start(config, open_session=lambda _: session())
    try:
        await server.playback.play(Spec(recording="rain"))
        async with aiohttp.ClientSession() as http:
            trader = await Trader.at(server, http).enter()
            assert trader.credentials is not None
            clob = server.clob_url
            async with PolymarketClient(
                Services(clob, server.gamma_url, clob, clob, clob),
                Wallet.from_hex(KEY),
                trader.credentials,
                silence_ms=200,
                trades_lag_ms=50,
            ) as client:
                yield Desk(server, client, trader)
    finally:
        await server.stop()


async def test_a_purchase_is_accepted_under_the_id_computed_before_it_left_and_ends_confirmed(desk: Desk) -> None:
    ticket = desk.ticket()
    expected = (await desk.client.prepare(ticket)).order_id
    result = await desk.client.submit(ticket)
    assert (result.verdict, result.order_id, result.filled) == (Verdict.ACCEPTED, expected, 10)
    seen = await desk.settled(ticket, result)
    assert (seen.filled, seen.complete) == (10, True)
    [fill] = seen.fills
    assert (fill.market, fill.price, fill.status) == (YES, Decimal("0.49"), FillStatus.FINAL)
    assert fill.fee == Decimal("0.12495")  # 10 · 0.05 · 0.49 · 0.51


async def test_the_account_adds_up_before_and_after_the_chain_has_moved(desk: Desk) -> None:
    before = await desk.client.account()
    bought = desk.ticket(size=Decimal(100), limit=Decimal("0.50"))  # 80 at 0.49, 20 at 0.50
    result = await desk.client.submit(bought)
    for _ in range(2):
        account = await desk.client.account()
        assert account.cash == before.cash + sum((fill.cash for fill in account.fills), Decimal(0))
        assert account.positions == {YES: sum((fill.shares for fill in account.fills), Decimal(0))}
        await desk.settled(bought, result)
    sold = desk.ticket(side=Side.SELL, size=account.positions[YES], limit=Decimal("0.46"), purpose=Purpose.UNWIND)
    assert (await desk.client.submit(sold)).filled == account.positions[YES]
    await desk.settled(sold, await desk.client.submit(sold))
    account = await desk.client.account()
    assert account.positions == {}
    assert account.cash == before.cash + sum((fill.cash for fill in account.fills), Decimal(0))


async def test_the_same_bytes_again_are_a_duplicate_that_evidence_settles(desk: Desk) -> None:
    ticket = desk.ticket()
    first = await desk.client.submit(ticket)
    again = await desk.client.submit(ticket)
    assert (again.verdict, again.landed, again.order_id) == (Verdict.UNKNOWN, True, first.order_id)
    assert (await desk.settled(ticket, again)).filled == first.filled


async def test_an_order_that_finds_nothing_is_killed_and_known_to_have_been(desk: Desk) -> None:
    ticket = desk.ticket(limit=Decimal("0.10"))
    result = await desk.client.submit(ticket)
    assert (result.verdict, result.code) == (Verdict.REJECTED, "fak_killed")
    again = await desk.client.submit(ticket)
    seen = await desk.settled(ticket, again)
    assert (seen.filled, seen.complete) == (0, True)


async def test_an_order_that_never_left_is_absent_after_the_silence(desk: Desk) -> None:
    ticket = desk.ticket()
    now = time.time_ns() // 1000
    early = await desk.client.evidence(ticket, order_id=None, sent_at=now, grace_ms=0)
    late = await desk.client.evidence(ticket, order_id=None, sent_at=now - 1_000_000, grace_ms=0)
    assert (early.status, late.status) == (OrderStatus.UNSEEN, OrderStatus.ABSENT)


async def test_a_resting_order_is_listed_found_and_cancelled(desk: Desk) -> None:
    ticket = desk.ticket(tif=TimeInForce.GTC, post_only=True, limit=Decimal("0.40"))
    result = await desk.client.submit(ticket)
    assert (result.verdict, result.filled, result.remaining) == (Verdict.ACCEPTED, 0, 10)
    assert result.order_id is not None
    [listed] = (await desk.client.account()).open_orders
    assert (listed.order_id, listed.market, listed.remaining) == (result.order_id, YES, 10)
    assert await desk.client.cash() == (await desk.client.account()).cash - 4
    seen = await desk.client.evidence(ticket, order_id=result.order_id, sent_at=result.at, grace_ms=0)
    assert (seen.status, seen.remaining) == (OrderStatus.RESTING, 10)
    found = await desk.client.look_up(result.order_id)
    assert (found.market, found.side, found.size, found.limit) == (YES, Side.BUY, 10, Decimal("0.40"))
    await desk.client.cancel(YES, result.order_id)
    assert (await desk.settled(ticket, result)).complete


async def test_a_batch_and_the_cancel_of_a_market_and_of_everything(desk: Desk) -> None:
    resting = [desk.ticket(tif=TimeInForce.GTC, limit=Decimal(limit)) for limit in ("0.40", "0.41", "0.42")]
    crossing = desk.ticket(tif=TimeInForce.GTC, post_only=True, limit=Decimal("0.60"))
    results = await desk.client.submit_many([*resting, crossing])
    assert [each.verdict for each in results] == [*[Verdict.ACCEPTED] * 3, Verdict.REJECTED]
    assert results[3].code == "post_only_cross"
    ids = [each.order_id or "" for each in results[:3]]
    reasons = await desk.client.cancel_many([ids[0], "0x" + "00" * 32])
    assert list(reasons) == ["0x" + "00" * 32]
    assert set(await desk.client.cancel_market(YES)) == set(ids[1:])
    assert await desk.client.cancel_all() == []


async def test_what_is_known_of_a_market_agrees_with_what_it_was_recorded_as(desk: Desk) -> None:
    yes, no = await desk.client.market(YES), await desk.client.market(NO)
    assert (yes.event, yes.outcomes, yes.complement, no.complement) == (CONDITION, 2, NO, YES)
    assert (yes.min_size, yes.fees.taker, yes.min_notional, yes.open) == (5, Decimal("0.05"), 1, True)
    quote, mirrored = await desk.client.quote(YES), await desk.client.quote(NO)
    assert (quote.bids[0], quote.asks[0]) == ((Decimal("0.47"), 100), (Decimal("0.49"), 80))
    assert mirrored.bids[0] == (1 - quote.asks[0][0], quote.asks[0][1])
    assert (await desk.client.resolution(YES)).payout is None
    assert (await desk.client.markets.rules(OTHER)).neg_risk


async def test_the_checklist_of_a_fresh_paper_account_finds_nothing_wrong(desk: Desk) -> None:
    found = await checklist(desk.client, {YES: Decimal("0.01"), OTHER: None})
    assert {check.verdict for check in found} == {"ok"}, [check for check in found if check.verdict != "ok"]
    assert {check.name for check in found} >= {"polymarket clock", "polymarket key", "polymarket allowance exchange"}


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "lost_answer"},
        {"do": "status", "code": 500, "when": "after", "body": {"error": "could not insert order"}},
    ],
)
async def test_an_order_whose_answer_is_lost_is_found_by_the_id_known_before(desk: Desk, fault: dict[str, Any]) -> None:
    await desk.admin("/faults", [{"match": {"venue": "polymarket", "request": "place_order"}} | fault])
    ticket = desk.ticket()
    result = await desk.client.submit(ticket)
    assert (result.verdict, result.order_id, result.landed) == (Verdict.UNKNOWN, None, False)
    seen = await desk.settled(ticket, result)
    assert (seen.filled, seen.complete, seen.order_id) == (10, True, (await desk.client.prepare(ticket)).order_id)


async def test_an_order_lost_on_the_way_is_sent_again_with_the_same_bytes(desk: Desk) -> None:
    await desk.admin("/faults", [{"match": {"request": "place_order"}, "do": "lost_request"}])
    ticket = desk.ticket()
    lost = await desk.client.submit(ticket)
    seen = await desk.client.evidence(ticket, order_id=None, sent_at=lost.at, grace_ms=0)
    again = await desk.client.submit(ticket)
    assert (lost.verdict, seen.status) == (Verdict.UNKNOWN, OrderStatus.UNSEEN)
    assert (again.verdict, again.filled) == (Verdict.ACCEPTED, 10)


@pytest.mark.parametrize("stage", ["early", "late"])
async def test_a_trade_that_fails_on_chain_is_void_and_the_account_is_as_before(desk: Desk, stage: str) -> None:
    before = await desk.client.account()
    await desk.admin("/faults", [{"match": {"event": "settlement"}, "do": "fail", "stage": stage}])
    ticket = desk.ticket()
    result = await desk.client.submit(ticket)
    assert result.filled == 10
    seen = await desk.settled(ticket, result)
    assert (seen.filled, seen.complete, [fill.status for fill in seen.fills]) == (0, True, [FillStatus.VOID])
    after = await desk.client.account()
    assert (after.cash, after.positions) == (before.cash, {})


async def test_a_resolved_market_pays_and_its_shares_are_no_position_any_more(desk: Desk) -> None:
    before = await desk.client.account()
    for market, limit in ((YES, "0.49"), (NO, "0.53")):
        ticket = desk.ticket(market=market, limit=Decimal(limit))
        await desk.settled(ticket, await desk.client.submit(ticket))
    held = await desk.client.account()
    assert held.positions == {YES: 10, NO: 10}
    await desk.admin("/resolve", {"market": YES, "result": "no"})
    while (await desk.client.resolution(NO)).payout is None:  # noqa: ASYNC110 - the exchange settles on its own clock
        await asyncio.sleep(0.02)
    assert (await desk.client.resolution(NO)).payout == 1
    assert (await desk.client.resolution(YES)).payout == 0
    paid = await desk.client.account()
    assert paid.positions == {}
    assert paid.cash == held.cash + 10
    assert paid.cash == before.cash + 10 + sum((fill.cash for fill in paid.fills), Decimal(0))
    refused = await desk.client.submit(desk.ticket())
    assert refused.verdict is not Verdict.ACCEPTED


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_is_sent_the_venues_account_is_the_sum_of_its_fills(desk: Desk, seed: int) -> None:
    dice = random.Random(seed)
    opening = (await desk.client.account()).cash
    sent: list[tuple[OrderTicket, SubmitResult]] = []
    for _ in range(25):
        ticket = desk.ticket(
            market=dice.choice([YES, NO]),
            side=dice.choice([Side.BUY, Side.BUY, Side.SELL]),
            size=Decimal(dice.randint(500, 3000)).scaleb(-2),
            limit=Decimal(dice.randint(40, 60)).scaleb(-2),
            tif=dice.choice([TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTC]),
        )
        sent.append((ticket, await desk.client.submit(ticket)))
        if dice.random() < 0.3 and sent[-1][1].order_id:
            await desk.client.cancel(ticket.market, sent[-1][1].order_id)
    await desk.client.cancel_all()
    filled = Decimal(0)
    for ticket, result in sent:
        assert result.verdict in (Verdict.ACCEPTED, Verdict.REJECTED, Verdict.DENIED), result
        if result.verdict is Verdict.ACCEPTED:
            seen = await desk.settled(ticket, result)
            assert seen.complete
            assert seen.filled >= result.filled
            filled += seen.filled
    account = await desk.client.account()
    assert sum(fill.size for fill in account.fills) == filled > 0
    assert account.cash == opening + sum((fill.cash for fill in account.fills), Decimal(0))
    for token, shares in account.positions.items():
        assert shares == sum(fill.shares for fill in account.fills if fill.market == token)
    assert account.open_orders == ()


async def test_the_listings_agree_with_what_the_exchange_plays(desk: Desk) -> None:
    found = {market.condition: market async for market in desk.client.discovery.markets()}
    rain = found[CONDITION]
    assert [outcome.token_id for outcome in rain.outcomes] == [YES, NO]
    assert rain.rules.startswith("It rains or it does not.")
    for spec in rain.specs():
        assert spec == await desk.client.market(spec.market)
    [group] = [event async for event in desk.client.discovery.events() if event.group]
    assert OTHER in {outcome.token_id for market in group.markets for outcome in market.outcomes}
    assert (await desk.client.market(OTHER)).outcomes == group.outcomes
