"""The operator's audit: the account as the exchange has it."""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import sha256

import aiohttp
import pytest

from tests.paper.sample import AAA, ORDERS, Client, ticket


async def test_the_audit_says_what_the_account_holds_in_micros(venue: Client) -> None:
    placed = (await venue.order(count="2.00", price="0.5000")).body
    account = (await venue.admin("GET", "/audit")).body["account"]
    balance = await venue.get("/portfolio/balance")
    assert Decimal(account["cash"]) / 1_000_000 == Decimal(balance["balance_dollars"])
    assert account["positions"] == {AAA: 2_000_000}
    assert {fill["order_id"] for fill in account["fills"]} == {placed["order_id"]}
    assert sum(fill["count"] for fill in account["fills"]) == 2_000_000


async def test_an_entry_of_a_batch_is_on_record_byte_for_byte_also_when_the_batch_was_lost(venue: Client) -> None:
    entry = json.dumps(ticket(client_order_id="first")).encode()
    batch = b'{"orders": [ ' + entry + b", {}] }"
    where = {"method": "POST", "path_prefix": "/trade-api/v2/portfolio/events/orders/batched"}
    await venue.admin("POST", "/faults", [{"match": where, "do": "lost_request"}])
    with pytest.raises(aiohttp.ClientError):
        await venue.call("POST", f"{ORDERS}/batched", batch)
    assert (await venue.call("POST", f"{ORDERS}/batched", batch)).status == 201
    seen = (await venue.admin("GET", "/audit")).body["orders"]["first"]
    assert (seen["times"], seen["sha256"]) == (2, [sha256(entry).hexdigest()])
