"""Our Polymarket client against the paper exchange: orders really signed, books, evidence, account, checklist."""

from __future__ import annotations

import asyncio
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
from tests.venues.paper.polymarket.clob import CONDITION, KEY, NO, OTHER, YES, Trader, session
from venues.paper.playback import Spec
from venues.paper.polymarket.facade import PolymarketConfig
from venues.paper.server import PaperConfig, PaperServer, start
from venues.polymarket.checklist import checklist
from venues.polymarket.client import PolymarketClient
from venues.polymarket.rest import Services
from venues.polymarket.wallet import Wallet


@dataclass
class Desk:
    server: PaperServer
    client: PolymarketClient
    attempts: int = 0

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
        url = server.clob_url
        async with PolymarketClient(
            Services(url, url, url, url, url),
            Wallet.from_hex(KEY),
            trader.credentials,
            silence_ms=200,
            trades_lag_ms=50,
        ) as client:
            yield Desk(server, client)
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
