"""The operator's audit: the account as the exchange has it."""

from __future__ import annotations

from decimal import Decimal

from tests.venues.paper.sample import AAA, Client


async def test_the_audit_says_what_the_account_holds_in_micros(venue: Client) -> None:
    placed = (await venue.order(count="2.00", price="0.5000")).body
    account = (await venue.admin("GET", "/audit")).body["account"]
    balance = await venue.get("/portfolio/balance")
    assert Decimal(account["cash"]) / 1_000_000 == Decimal(balance["balance_dollars"])
    assert account["positions"] == {AAA: 2_000_000}
    assert {fill["order_id"] for fill in account["fills"]} == {placed["order_id"]}
    assert sum(fill["count"] for fill in account["fills"]) == 2_000_000
