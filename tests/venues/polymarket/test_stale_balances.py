"""The CLOB's balances are a cache: asked to be read again before they are believed, and before anything is sold."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from domain.orders import Purpose, Side, Verdict
from tests.patience import PATIENCE_S
from tests.venues.polymarket.scripted import ORDERS, OWNER, TRADES, YES, Scripted, order, posted, rows, ticket, trade
from tests.venues.scripted import says
from venues.polymarket.account import BALANCE_LATE_S
from venues.polymarket.checklist import approvals
from venues.polymarket.client import PolymarketClient
from venues.polymarket.contracts import EXCHANGE

UPDATE = "/balance-allowance/update"
SHORT = {"error": "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 10000000"}


class Cache:
    """What the chain has, and what the CLOB says until it is asked to look."""

    def __init__(self, venue: Scripted, *, deaf: bool = False) -> None:
        self.chain: dict[str, int] = {"": 100_000_000, YES: 0}
        self.said = dict(self.chain)
        self.allowed = "0"
        self.allowed_said = dict.fromkeys(self.chain, "0")
        self.deaf = deaf
        self.asked: list[str] = []
        venue.on("GET", "/balance-allowance", self.balance)
        venue.on("GET", UPDATE, self.update)

    async def balance(self, request: Any) -> Any:
        token = request.query.get("token_id", "")
        allowances = {EXCHANGE: self.allowed_said[token]}
        return await says({"balance": str(self.said[token]), "allowances": allowances})(request)

    async def update(self, request: Any) -> Any:
        token = request.query.get("token_id", "")
        self.asked.append(token)
        if not self.deaf:
            self.said[token], self.allowed_said[token] = self.chain[token], self.allowed
        return await says(b"")(request)

    def bought(self) -> None:
        """Ten shares for $5.60, on chain."""
        self.chain = {"": 94_400_000, YES: 10_000_000}


def lists(venue: Scripted, *trades: dict[str, Any]) -> None:
    venue.on("GET", TRADES, says(rows(*trades)))
    venue.on("GET", ORDERS, says(rows()))


async def test_a_balance_from_before_a_confirmed_fill_is_read_again_before_it_is_believed(
    venue: Scripted, client: PolymarketClient
) -> None:
    cache = Cache(venue)
    lists(venue)
    await client.account()
    cache.bought()
    lists(venue, trade("t-1", "0x1"))
    cache.asked.clear()
    account = await client.account()
    assert (account.cash, account.positions) == (Decimal("94.4"), {YES: Decimal(10)})
    assert cache.asked == [YES, ""]


async def test_a_balance_that_is_what_the_fills_make_is_not_asked_for_again(
    venue: Scripted, client: PolymarketClient
) -> None:
    cache = Cache(venue)
    cache.bought()
    cache.said = dict(cache.chain)
    lists(venue, trade("t-1", "0x1"))
    assert (await client.account()).positions == {YES: Decimal(10)}
    assert YES not in cache.asked


async def test_shares_that_no_fill_explains_are_asked_for_now_and_then_and_not_at_every_look(
    venue: Scripted, client: PolymarketClient
) -> None:
    cache = Cache(venue)
    cache.chain[YES] = cache.said[YES] = 25_000_000  # fifteen came by a transfer
    lists(venue, trade("t-1", "0x1"))
    assert [(await client.account()).positions for _ in range(3)] == [{YES: Decimal(25)}] * 3
    assert cache.asked.count(YES) == 1


@pytest.mark.parametrize("answer", [says({"error": "not found"}, 404), says(b"<html>", 503)])
async def test_an_account_is_read_without_a_refresh_that_is_gone_and_says_how_late_it_may_be(
    venue: Scripted, client: PolymarketClient, answer: Any
) -> None:
    cache = Cache(venue)
    cache.bought()
    lists(venue, trade("t-1", "0x1"))
    venue.on("GET", UPDATE, answer)
    account = await client.account()
    assert account.positions == {}
    assert account.late_us == BALANCE_LATE_S * 1_000_000 > 0


@pytest.mark.parametrize(("side", "token"), [(Side.SELL, YES), (Side.BUY, "")])
async def test_a_refusal_for_want_of_balance_has_it_read_again_before_the_next_try(
    venue: Scripted, client: PolymarketClient, side: Side, token: str
) -> None:
    cache = Cache(venue)
    cache.bought()
    sells = ticket(side=side, purpose=Purpose.UNWIND)
    venue.on("POST", "/order", says(SHORT, 400))
    refused = await client.submit(sells)
    assert (refused.verdict, refused.code) == (Verdict.REJECTED, "insufficient_balance")
    assert cache.asked == [token]
    assert cache.said[token] == cache.chain[token]
    venue.on("POST", "/orders", says([{"success": False, "errorMsg": SHORT["error"]}]))
    [batched] = await client.submit_many([sells])
    assert batched.code == "insufficient_balance"
    assert cache.asked == [token, token]


async def test_a_refresh_that_hangs_holds_no_refusal_up(venue: Scripted, client: PolymarketClient) -> None:
    async def hangs(_: Any) -> Any:
        await asyncio.sleep(60)

    venue.on("POST", "/order", says(SHORT, 400))
    venue.on("GET", UPDATE, hangs)
    async with asyncio.timeout(PATIENCE_S):
        assert (await client.submit(ticket(side=Side.SELL))).verdict is Verdict.REJECTED


async def test_what_was_bought_is_shown_to_the_clob_once_it_is_confirmed_and_once_only(
    venue: Scripted, client: PolymarketClient
) -> None:
    cache = Cache(venue)
    bought = ticket()
    known = (await client.prepare(bought)).order_id
    assert known is not None
    venue.on("POST", "/order", says(posted(known)))
    venue.on("GET", f"/data/order/{known}", says(order(known, owner=OWNER)))
    matched, confirmed = (trade("t-1", known, status=status) for status in ("MATCHED", "CONFIRMED"))
    asked: list[list[str]] = []
    for listed in (matched, confirmed, confirmed):
        venue.on("GET", TRADES, says(rows(listed)))
        await client.evidence(bought, order_id=known, sent_at=0, grace_ms=0)
        await asyncio.gather(*client._refreshing)
        asked.append(list(cache.asked))
    assert asked == [[], ["", YES], ["", YES]]


async def test_an_approval_that_the_clob_has_not_seen_yet_is_no_obstacle(
    venue: Scripted, client: PolymarketClient
) -> None:
    cache = Cache(venue)
    cache.allowed = str(2**256 - 1)
    missing = [check for check in await approvals(client, YES) if check.verdict == "fail"]
    assert missing == []
    assert cache.asked == ["", YES]


async def test_the_first_cash_a_process_reads_is_a_fresh_one(venue: Scripted, client: PolymarketClient) -> None:
    cache = Cache(venue)
    cache.bought()
    lists(venue)
    assert await client.cash() == Decimal("94.4")
    cache.chain[""] = 1_000_000
    assert await client.cash() == Decimal("94.4")
    assert cache.asked == [""]
