"""On the running stack: the paper exchange cannot write for a while. It comes back by itself, and so does trading."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import SurefootError
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce, Verdict
from proof.chaos import books
from proof.chaos.system import System, clear_away, surefoot, until
from recording.sources import session_file
from tests.ledger.samples import D
from workers.accounts import kalshi_client

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ENV = {"SUREFOOT_PAPER__RUDENESS": "0", "SUREFOOT_RECONCILE__EVERY_S": "3600"}


@pytest.fixture
async def system(state_dir: Path) -> AsyncIterator[System]:
    there = System(state_dir, ENV)
    try:
        await there.up()
        await there.whole()
        yield there
    finally:
        clear_away(state_dir)


async def bought(system: System, name: str) -> Verdict:
    """What became of an order for one share."""
    ticket = OrderTicket(
        f"i-{name:0<32}", "X", 1, Purpose.ADOPTED, Venue.KALSHI, books.ticker("CALM", "RED"), Side.BUY, D(1),
        D("0.80"), TimeInForce.IOC, foreign_id=f"a-{name}",
    )  # fmt: skip
    async with kalshi_client(system.stack) as client:
        return (await client.submit(ticket)).verdict


async def test_an_exchange_that_could_not_write_starts_again_and_takes_orders(system: System) -> None:
    recording = system.folder / "full.session.jsonl.gz"
    session_file.write(books.session("full"), recording)
    await system.ask("POST", "/play", {"recording": str(recording)})

    async def filled() -> bool:
        try:
            return await bought(system, "0") is Verdict.ACCEPTED
        except SurefootError:
            return False

    await until(filled, "the session plays")
    before = system.records()["paper"].pid
    resource.prlimit(before, resource.RLIMIT_FSIZE, (1, 1))  # as a full disk: no file grows
    assert await bought(system, "1") is Verdict.UNKNOWN

    async def another() -> bool:
        return system.records()["paper"].pid != before

    await until(another, "the exchange was started again")
    await system.whole()
    assert await bought(system, "2") is Verdict.ACCEPTED
    status = await surefoot(system.folder, "reconcile")
    assert "not reached" not in status.out, status.out
