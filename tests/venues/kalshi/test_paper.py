"""Our client against the paper exchange: the same code, the same wire, only address and key differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from domain.errors import BadInput, Rejected, Unavailable
from domain.evidence import OrderStatus, Redemption
from domain.market import Venue
from domain.orders import Purpose, Side, TimeInForce, Verdict
from paper.kalshi.listing import NO, YES
from paper.kalshi.office import Opening
from paper.server import PaperConfig, PaperServer, start
from paper.session.playback import Spec
from tests.paper.sample import AAA, BBB, session
from tests.venues.kalshi.conftest import KEY_ID
from tests.venues.kalshi.fake import ticket
from venues.kalshi.checklist import checklist
from venues.kalshi.client import KalshiClient
from venues.kalshi.messages import Envelope, LifecycleMessage
from venues.kalshi.signing import Signer, generate_rsa_key
from venues.kalshi.stream import LIFECYCLE_FRAME, KalshiStream
from venues.wire import wall_clock_us


@pytest.fixture
async def paper(tmp_path: Path, key_pair: tuple[bytes, bytes]) -> AsyncIterator[PaperServer]:
    config = PaperConfig(state_dir=tmp_path / "paper", api_keys={KEY_ID: key_pair[1].decode()}, settle_after_ms=50)
    server = await start(config, open_session=lambda _: session())
    await server.playback.play(Spec(recording="sample", speed=Decimal(1)))
    yield server
    await server.stop()


@pytest.fixture
async def trader(paper: PaperServer, signer: Signer) -> AsyncIterator[KalshiClient]:
    async with KalshiClient(f"http://127.0.0.1:{paper.port}", signer) as client:
        yield client


async def test_an_order_trades_once_however_often_it_is_sent_and_evidence_explains_it(trader: KalshiClient) -> None:
    order = ticket(market=AAA, size=Decimal(100), limit=Decimal("0.50"))
    first, again = await trader.submit(order), await trader.submit(order)
    assert (first.verdict, first.filled, first.remaining) == (Verdict.ACCEPTED, 100, 0)
    assert (again.verdict, again.landed) == (Verdict.UNKNOWN, True)
    for order_id in (first.order_id, None):
        seen = await trader.evidence(order, order_id=order_id, sent_at=wall_clock_us(), grace_ms=3000)
        assert (seen.order_id, seen.complete, seen.filled) == (first.order_id, True, 100)
    account = await trader.account()
    assert account.positions == {AAA: Decimal(100)}
    assert account.cash == 10_000 + sum(fill.cash for fill in account.fills)
    assert {fill.client_order_id for fill in account.fills} == {order.client_order_id}


async def test_an_order_never_sent_is_unseen_and_then_absent(trader: KalshiClient) -> None:
    order, sent_at = ticket(market=AAA, attempt=7), wall_clock_us()
    early = await trader.evidence(order, order_id=None, sent_at=sent_at, grace_ms=60_000)
    late = await trader.evidence(order, order_id=None, sent_at=sent_at - 60_000_000, grace_ms=1000)
    assert (early.status, late.status) == (OrderStatus.UNSEEN, OrderStatus.ABSENT)


async def test_a_resting_order_is_listed_cancelled_and_done(trader: KalshiClient) -> None:
    order = ticket(market=BBB, limit=Decimal("0.01"), tif=TimeInForce.GTC, post_only=True)
    placed = await trader.submit(order)
    assert placed.order_id is not None
    assert [o.order_id for o in (await trader.account()).open_orders] == [placed.order_id]
    await trader.cancel(BBB, placed.order_id)
    await trader.cancel(BBB, placed.order_id)
    seen = await trader.evidence(order, order_id=placed.order_id, sent_at=wall_clock_us(), grace_ms=0)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.DONE, 0, True)


async def test_an_order_that_fills_in_part_rests_with_what_is_left_and_its_cancel_keeps_what_filled(
    trader: KalshiClient,
) -> None:
    order = ticket(market=AAA, size=Decimal(100), limit=Decimal("0.49"), tif=TimeInForce.GTC)
    placed = await trader.submit(order)
    assert (placed.verdict, placed.filled, placed.remaining) == (Verdict.ACCEPTED, 80, 20)
    assert placed.order_id is not None
    working = await trader.evidence(order, order_id=placed.order_id, sent_at=wall_clock_us(), grace_ms=0)
    assert (working.status, working.filled, working.remaining) == (OrderStatus.RESTING, 80, 20)
    account = await trader.account()
    assert account.cash == 10_000 + sum(fill.cash for fill in account.fills)  # what rests is held back, not gone
    assert await trader.cash() == account.cash - 20 * Decimal("0.49")
    await trader.cancel(AAA, placed.order_id)
    done = await trader.evidence(order, order_id=placed.order_id, sent_at=wall_clock_us(), grace_ms=0)
    assert (done.status, done.filled, done.remaining, done.complete) == (OrderStatus.DONE, 80, 0, True)


async def test_a_cancel_that_loses_the_race_against_a_fill_leaves_the_fill(trader: KalshiClient) -> None:
    order = ticket(market=AAA, size=Decimal(80), limit=Decimal("0.49"), tif=TimeInForce.GTC)
    placed = await trader.submit(order)
    assert placed.order_id is not None
    await trader.cancel(AAA, placed.order_id)  # it is executed by now: the venue answers 404
    seen = await trader.evidence(order, order_id=placed.order_id, sent_at=wall_clock_us(), grace_ms=0)
    assert (seen.status, seen.filled, seen.complete) == (OrderStatus.DONE, 80, True)


async def test_post_only_that_would_trade_is_refused_by_its_own_word_and_fill_or_kill_takes_all_or_nothing(
    trader: KalshiClient,
) -> None:
    crossing = await trader.submit(
        ticket(market=AAA, limit=Decimal("0.49"), tif=TimeInForce.GTC, post_only=True, size=Decimal(5))
    )
    assert (crossing.verdict, crossing.code) == (Verdict.REJECTED, "post_only_cross")
    whole = await trader.submit(
        ticket(market=AAA, attempt=2, limit=Decimal("0.50"), tif=TimeInForce.FOK, size=Decimal(120))
    )
    assert (whole.verdict, whole.filled, whole.remaining) == (Verdict.ACCEPTED, 120, 0)
    none = await trader.submit(ticket(market=AAA, attempt=3, limit=Decimal("0.50"), tif=TimeInForce.FOK))
    assert (none.verdict, none.code) == (Verdict.REJECTED, "fill_or_kill_insufficient_resting_volume")
    assert (await trader.account()).positions == {AAA: Decimal(120)}


async def test_an_order_of_the_account_is_looked_up_by_the_venues_id(trader: KalshiClient) -> None:
    order = ticket(market=AAA, side=Side.SELL, size=Decimal(7), limit=Decimal("0.47"))
    placed = await trader.submit(order)
    assert placed.order_id is not None
    found = await trader.look_up(placed.order_id)
    assert (found.client_order_id, found.market, found.side) == (order.client_order_id, AAA, Side.SELL)
    assert (found.size, found.limit, found.evidence.complete) == (7, Decimal("0.47"), True)
    with pytest.raises(Rejected, match="not listed"):
        await trader.look_up("00000000-0000-4000-8000-000000000000")


async def test_a_market_says_what_it_paid_once_it_has_and_then_the_account_holds_cash_for_it(
    paper: PaperServer, trader: KalshiClient
) -> None:
    await trader.submit(ticket(market=AAA, size=Decimal(80), limit=Decimal("0.49")))
    await trader.submit(ticket(market=BBB, leg="B", side=Side.SELL, size=Decimal(30), limit=Decimal("0.50")))
    before = await trader.account()
    assert (await trader.resolution(AAA)).payout is None
    paper.clerk.resolve({AAA: YES, BBB: NO})
    while (paid := await trader.resolution(AAA)).payout is None:  # noqa: ASYNC110 - the venue's own clock
        await asyncio.sleep(0.01)
    assert (paid.payout, (await trader.resolution(BBB)).payout) == (1, 0)
    assert 0 < paid.at <= wall_clock_us()
    after = await trader.account()
    assert (after.positions, after.open_orders, after.fills) == ({}, (), before.fills)
    redeemed = [
        Redemption(Venue.KALSHI, AAA, "i-1", Decimal(80), Decimal(1), paid.at),
        Redemption(Venue.KALSHI, BBB, "i-1", Decimal(-30), Decimal(0), paid.at),
    ]
    # Cash is what fills and redemptions say: the collateral of the short is free again.
    assert after.cash == 10_000 + sum(f.cash for f in after.fills) + sum(r.cash for r in redeemed)
    late = await trader.submit(ticket(market=AAA, attempt=9))
    assert (late.verdict, late.code) == (Verdict.REJECTED, "MARKET_INACTIVE")


async def test_the_stream_tells_of_results_and_payments(
    paper: PaperServer, trader: KalshiClient, signer: Signer
) -> None:
    seen: list[LifecycleMessage] = []
    up, settled = asyncio.Event(), asyncio.Event()

    def note(raw: bytes, received_at_us: int, received_ns: int) -> None:
        envelope = msgspec.json.decode(raw, type=Envelope)
        if envelope.type == LIFECYCLE_FRAME:
            seen.append(msgspec.json.decode(envelope.msg, type=LifecycleMessage))
            if seen[-1].event_type == "settled":
                settled.set()

    url = f"ws://127.0.0.1:{paper.port}"
    stream = KalshiStream(url, signer, on_frame=note, markets=(AAA,), on_state=lambda is_up, _: up.set())
    running = asyncio.create_task(stream.run())
    await up.wait()
    paper.clerk.resolve({AAA: YES})
    await settled.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [(m.market_ticker, m.event_type, m.result) for m in seen] == [
        (AAA, "determined", "yes"),
        (AAA, "settled", None),
    ]
    assert (seen[0].settlement_value, (await trader.resolution(AAA)).payout) == (1, 1)


async def test_refusals_come_back_rejected_with_the_venues_code(trader: KalshiClient) -> None:
    off_tick = await trader.submit(ticket(market=AAA, limit=Decimal("0.505")))
    too_dear = await trader.submit(ticket(market=AAA, attempt=2, size=Decimal(1_000_000), limit=Decimal("0.99")))
    killed = await trader.submit(
        ticket(market=AAA, attempt=3, size=Decimal(500), side=Side.SELL, limit=Decimal("0.47"), tif=TimeInForce.FOK)
    )
    codes = [off_tick.code, too_dear.code, killed.code]
    assert codes == ["invalid_price", "insufficient_balance", "fill_or_kill_insufficient_resting_volume"]
    assert {off_tick.verdict, too_dear.verdict, killed.verdict} == {Verdict.REJECTED}


async def test_rules_quotes_and_limits_are_read(trader: KalshiClient) -> None:
    spec, quote = await trader.market(AAA), await trader.quote(AAA)
    assert (spec.fees.taker, spec.open) == (Decimal("0.07"), True)
    assert (quote.bids[0], quote.asks[0]) == ((Decimal("0.47"), 100), (Decimal("0.49"), 80))
    assert (await trader.configure_limits()).write.refill_rate >= 100
    skew = await trader.clock_skew()
    assert abs(skew.offset) <= skew.error + 1_000


async def test_the_stream_brings_books_and_own_fills_and_a_resync_leaves_no_gap(
    paper: PaperServer, trader: KalshiClient, signer: Signer
) -> None:
    seen: list[str] = []
    gaps: list[tuple[str, ...]] = []
    changed = asyncio.Event()

    def note(raw: bytes, received_at_us: int, received_ns: int) -> None:
        seen.append(json.loads(raw)["type"])
        changed.set()

    async def until(kind: str, count: int) -> None:
        while seen.count(kind) < count:
            changed.clear()
            await changed.wait()

    url = f"ws://127.0.0.1:{paper.port}"
    stream = KalshiStream(url, signer, on_frame=note, markets=(AAA, BBB), on_gap=gaps.append)
    running = asyncio.create_task(stream.run())
    await until("orderbook_snapshot", 2)
    await trader.submit(ticket(market=AAA, size=Decimal(10), limit=Decimal("0.49")))
    await until("user_order", 1)
    await until("orderbook_delta", 1)
    assert await stream.request_snapshot([AAA])
    await until("orderbook_snapshot", 3)
    await trader.submit(ticket(market=AAA, attempt=2, size=Decimal(10), limit=Decimal("0.49")))
    await until("orderbook_delta", 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert seen.count("fill") == 2
    assert gaps == []


async def test_a_wrong_key_is_named_as_such_by_rest_and_stream_alike(paper: PaperServer) -> None:
    stranger = Signer.from_pem(KEY_ID, generate_rsa_key()[0])
    async with KalshiClient(f"http://127.0.0.1:{paper.port}", stranger) as client:
        result = await client.submit(ticket(market=AAA))
    assert (result.verdict, result.code) == (Verdict.REJECTED, "authentication_error")
    stream = KalshiStream(f"ws://127.0.0.1:{paper.port}", stranger, on_frame=lambda *_: None, markets=(AAA,))
    with pytest.raises(BadInput, match="private key"):
        await stream.run()


async def test_orders_are_changed_batched_and_counted_in_line(trader: KalshiClient) -> None:
    order = ticket(market=AAA, size=Decimal(10), limit=Decimal("0.45"), tif=TimeInForce.GTC)
    placed = await trader.submit(order)
    assert placed.order_id is not None
    assert await trader.working.queue_position(placed.order_id) == 0
    moved = await trader.working.amend(AAA, placed.order_id, side=Side.BUY, limit=Decimal("0.46"), total=Decimal(12))
    assert (moved.remaining_count, await trader.working.queue_positions([AAA])) == (
        12,
        {placed.order_id: Decimal(50)},
    )
    assert (await trader.working.decrease(AAA, placed.order_id, remaining=Decimal(4))).remaining_count == 4
    many = [ticket(market=BBB, attempt=n, limit=Decimal("0.10"), tif=TimeInForce.GTC) for n in (2, 3)]
    answers = await trader.working.submit_many([*many, ticket(market=BBB, attempt=4, limit=Decimal("0.105"))])
    assert [answer.verdict for answer in answers] == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.REJECTED]
    again = await trader.working.submit_many(many)
    assert {(answer.verdict, answer.landed) for answer in again} == {(Verdict.UNKNOWN, True)}
    gone = await trader.working.cancel_many([(BBB, answers[0].order_id or ""), (BBB, "nobody-s")])
    assert [one.error is None for one in gone] == [True, False]
    await trader.working.cancel_all()
    assert (await trader.account()).open_orders == ()


async def test_a_group_brakes_the_orders_that_open_trades(paper: PaperServer, signer: Signer) -> None:
    url = f"http://127.0.0.1:{paper.port}"
    async with KalshiClient(url, signer) as plain:
        group_id = await plain.groups.create(Decimal(5))
    async with KalshiClient(url, signer, group_ids={0: group_id}) as trader:
        first = await trader.submit(ticket(market=AAA, size=Decimal(10), limit=Decimal("0.49")))
        assert (first.verdict, first.filled) == (Verdict.ACCEPTED, 10)
        braked = await trader.submit(ticket(market=AAA, attempt=2, limit=Decimal("0.49")))
        closing = ticket(
            market=AAA, attempt=3, purpose=Purpose.UNWIND, side=Side.SELL, size=Decimal(10), limit=Decimal("0.47")
        )
        assert (braked.verdict, (await trader.submit(closing)).filled) == (Verdict.REJECTED, 10)
        await trader.groups.reset(group_id)
        assert (await trader.submit(ticket(market=AAA, attempt=4, limit=Decimal("0.49")))).filled == 10


async def test_a_pause_is_known_before_an_order_and_said_with_its_refusal(
    paper: PaperServer, trader: KalshiClient
) -> None:
    resumes = wall_clock_us() + 3_600_000_000
    paper.exchange.open_as(Opening(trading=False, resumes_at=resumes))
    refused = await trader.submit(ticket(market=AAA))
    assert (refused.verdict, refused.code) == (Verdict.REJECTED, "trading_is_paused")
    assert "paused until" in refused.detail
    with pytest.raises(Unavailable, match="paused until"):
        await trader.market(AAA)


async def test_an_order_that_is_history_is_still_evidence(tmp_path: Path, key_pair: tuple[bytes, bytes]) -> None:
    keys = {KEY_ID: key_pair[1].decode()}
    server = await start(
        PaperConfig(state_dir=tmp_path / "old", api_keys=keys, history_after_s=0), open_session=lambda _: session()
    )
    await server.playback.play(Spec(recording="sample", speed=Decimal(1)))
    async with KalshiClient(f"http://127.0.0.1:{server.port}", Signer.from_pem(KEY_ID, key_pair[0])) as trader:
        order = ticket(market=AAA, size=Decimal(10), limit=Decimal("0.49"), decided_at=wall_clock_us())
        placed = await trader.submit(order)
        for order_id in (placed.order_id, None):
            seen = await trader.evidence(order, order_id=order_id, sent_at=wall_clock_us() - 10**7, grace_ms=0)
            assert (seen.order_id, seen.complete, seen.filled) == (placed.order_id, True, 10)
    await server.stop()


async def test_the_paper_exchange_passes_the_checklist(trader: KalshiClient) -> None:
    lines = await checklist(trader, KEY_ID, [AAA, BBB])
    assert {line.verdict for line in lines} == {"ok"}, lines
    assert "2 market(s)" in next(line.seen for line in lines if line.name == "kalshi shard 0")
