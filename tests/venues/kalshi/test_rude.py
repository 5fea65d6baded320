"""Our Kalshi client against an exchange that is rude all the time: it never raises, believes no answer that is not so,
and what evidence and account say in the end is what the exchange has on disk."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.evidence import OrderStatus
from domain.orders import Side, Verdict
from paper.server import PaperConfig, start
from paper.session.playback import Spec
from tests.paper.sample import AAA, session
from tests.venues.kalshi.conftest import KEY_ID
from tests.venues.kalshi.fake import ticket
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer
from venues.wire import wall_clock_us

D = Decimal


async def patient(client: KalshiClient, order: Any, order_id: str | None) -> Any:
    """Evidence that ends the matter. What cannot be read just now is read again, as an activity does."""
    sent_at = wall_clock_us()
    while True:
        try:
            seen = await client.evidence(order, order_id=order_id, sent_at=sent_at, grace_ms=100)
        except Unavailable:
            seen = None
        if seen is not None and seen.status is OrderStatus.ABSENT:
            return seen
        if seen is not None and seen.status is OrderStatus.DONE and seen.complete:  # its fills may be listed later
            return seen
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_believed_of_a_rude_exchange_is_what_it_has_on_disk(
    tmp_path: Path, key_pair: tuple[bytes, bytes], signer: Signer, seed: int
) -> None:
    keys = {KEY_ID: key_pair[1].decode()}
    config = PaperConfig(tmp_path / "paper", api_keys=keys, rudeness=D("2.5"), seed=seed)
    server = await start(config, open_session=lambda _: session())
    await server.playback.play(Spec(recording="sample"))
    try:
        async with KalshiClient(f"http://127.0.0.1:{server.port}", signer) as client:
            store = server.exchange.store
            for number in range(24):
                sells = number % 3 == 2
                order = ticket(
                    market=AAA,
                    attempt=number + 1,
                    side=Side.SELL if sells else Side.BUY,
                    size=D("3.37"),
                    limit=D("0.46") if sells else D("0.50"),
                )
                result = await client.submit(order)
                there = next((one for one in store.orders() if one.client_order_id == order.client_order_id), None)
                matched = D(there.filled) / 1_000_000 if there is not None else D(0)
                if result.verdict is Verdict.ACCEPTED:
                    assert result.filled == matched
                if result.verdict is Verdict.REJECTED:
                    assert matched == 0, "a refusal was believed of an order that traded"
                    continue
                seen = await patient(client, order, result.order_id)
                assert seen.filled == matched
                if there is None:
                    continue
                rows = {row.trade_id: row for row in store.fills(order_id=there.order_id)}
                assert {fill.trade_id for fill in seen.fills} == rows.keys()
                for fill in seen.fills:
                    row = rows[fill.trade_id]
                    assert (fill.price, fill.size) == (D(row.price) / 1_000_000, D(row.count) / 1_000_000)
                    assert fill.fee == D(row.fee) / 1_000_000
            while True:  # a part of it may be as it was a moment ago; the test's own time limit is the bound
                account = await client.account()
                if account.cash == 10_000 + sum(fill.cash for fill in account.fills):
                    break
            assert account.cash == D(server.exchange.account.cash) / 1_000_000
            counts = server.faults.counts()
            assert sum(kind["fired"] for kind in counts.values()) > 10
    finally:
        await server.stop()
