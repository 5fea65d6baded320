"""Our Polymarket client against an exchange that is rude all the time: it never raises, believes no answer that is not
so, and what evidence and account say in the end is what the exchange has on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domain.errors import Unavailable
from domain.evidence import OrderStatus
from domain.orders import Purpose, Side, SubmitResult, TimeInForce, Verdict
from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, start
from paper.session.playback import Spec
from tests.paper.polymarket.clob import KEY, NO, YES, Trader, session
from tests.venues.polymarket.test_paper import Desk
from venues.polymarket.client import PolymarketClient
from venues.polymarket.rest import Services
from venues.polymarket.wallet import Wallet

D = Decimal


@asynccontextmanager
async def rude_desk(folder: Path, rudeness: str, seed: int) -> AsyncIterator[Desk]:
    side = PolymarketConfig(mine_after_ms=20, confirm_after_ms=20)
    config = PaperConfig(folder, api_keys={}, polymarket=side, rudeness=D(rudeness), seed=seed)
    server = await start(config, open_session=lambda _: session())
    try:
        await server.playback.play(Spec(recording="rain"))
        async with aiohttp.ClientSession() as http:
            trader = await Trader.at(server, http).enter()
            assert trader.credentials is not None
            clob = server.clob_url
            services = Services(clob, server.gamma_url, clob, clob, clob)
            async with PolymarketClient(
                services, Wallet.from_hex(KEY), trader.credentials, silence_ms=200, trades_lag_ms=50
            ) as client:
                yield Desk(server, client, trader)
    finally:
        await server.stop()


async def patient(desk: Desk, ticket: Any, result: SubmitResult) -> Any:
    """Evidence that is final. What cannot be read just now is read again, as an activity does."""
    while True:
        try:
            seen = await desk.client.evidence(ticket, order_id=result.order_id, sent_at=result.at, grace_ms=100)
        except Unavailable:
            seen = None
        if seen is not None and seen.status is OrderStatus.ABSENT:
            return seen
        if seen is not None and seen.status is OrderStatus.DONE and not seen.provisional:
            return seen
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_believed_of_a_rude_exchange_is_what_it_has_on_disk(tmp_path: Path, seed: int) -> None:
    async with rude_desk(tmp_path / "paper", "2.5", seed) as desk:
        clob = desk.server.polymarket.clob
        for number in range(16):
            held = sum(
                row.shares for wallet in clob.wallets.values() for row in clob.store.trades(keeper=wallet.keeper)
            )
            sells = number % 3 == 2 and held >= 8_000_000
            ticket = desk.ticket(
                side=Side.SELL if sells else Side.BUY,
                size=D("7.31"),
                limit=D("0.46") if sells else D("0.50"),
                market=YES if number % 4 or sells else NO,
                purpose=Purpose.UNWIND if sells else Purpose.OPEN,
                decided_at=time.time_ns() // 1000,
            )
            result = await desk.client.submit(ticket)
            order_id = (await desk.client.prepare(ticket)).order_id
            there = clob.store.order(order_id)
            matched = D(there.matched) / 1_000_000 if there is not None else D(0)
            rows = [row for row in clob.store.trades(keeper=desk.trader.wallet.address) if row.order_id == order_id]
            paid = D(sum(row.value for row in rows)) / 1_000_000
            if result.verdict is Verdict.ACCEPTED:
                assert result.filled == matched
                assert result.paid in (None, paid)
            if result.verdict is Verdict.REJECTED:
                assert matched == 0, "a refusal was believed of an order that traded"
            if there is None and result.verdict is not Verdict.UNKNOWN:
                continue
            seen = await patient(desk, ticket, result)
            assert seen.filled == matched
            for fill in seen.fills:
                (row,) = [one for one in rows if one.trade_id == fill.trade_id]
                assert fill.gross == D(row.value) / 1_000_000
                assert fill.fee == D(row.fee) / 1_000_000
        counts = desk.server.faults.counts()
        assert sum(kind["fired"] for kind in counts.values()) > 15


@pytest.mark.parametrize(
    "fault", [{"do": "not_yet"}, {"do": "beyond", "factor": "3"}, {"do": "other_unit"}, {"do": "html", "when": "after"}]
)
async def test_a_wrong_answer_is_not_believed_and_evidence_says_what_was_matched(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    async with rude_desk(tmp_path / "paper", "0", 1) as desk:
        await desk.admin("/faults", [{"match": {"venue": "polymarket", "request": "place_order"}} | fault])
        ticket = desk.ticket(size=D(10), limit=D("0.49"))
        result = await desk.client.submit(ticket)
        assert result.verdict is not Verdict.REJECTED
        assert result.filled in (0, 10), result
        assert (await patient(desk, ticket, result)).filled == 10


async def test_of_a_trade_shared_with_another_maker_the_own_part_alone_is_booked(tmp_path: Path) -> None:
    async with rude_desk(tmp_path / "paper", "0", 1) as desk:
        ticket = desk.ticket(size=D(10), limit=D("0.48"), tif=TimeInForce.GTC)
        result = await desk.client.submit(ticket)
        await desk.admin("/faults", [{"match": {"event": "making"}, "do": "company"}])
        await desk.admin("/polymarket/print", {"token": YES, "side": "SELL", "price": "0.48", "size": "10"})
        seen = await patient(desk, ticket, result)
        assert [(fill.size, fill.gross, fill.fee) for fill in seen.fills] == [(10, D("4.80"), 0)]


async def test_the_account_of_a_rude_exchange_adds_up_once_its_caches_are_read_again(tmp_path: Path) -> None:
    async with rude_desk(tmp_path / "paper", "3", 1) as desk:
        clob = desk.server.polymarket.clob
        for _ in range(6):
            await desk.client.submit(desk.ticket(size=D("7.31"), limit=D("0.50")))
        while clob.unfinished:  # noqa: ASYNC110 - the chain's own time
            await asyncio.sleep(0.02)
        await desk.client.holdings.update()
        while True:
            try:
                account = await desk.client.account()
            except Unavailable:
                await asyncio.sleep(0.1)
                continue
            if account.cash == D(10_000) + sum((fill.cash for fill in account.fills), D(0)):
                break
            await asyncio.sleep(0.1)
        (wallet,) = clob.wallets.values()
        assert account.cash == D(wallet.cash) / 1_000_000
