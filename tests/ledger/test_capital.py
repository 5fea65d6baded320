"""What trades reserve, what is free, and what refuses to open: on Postgres and on the fake alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from domain.errors import Denied, Halted
from domain.evidence import FillStatus, Redemption
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent, canonical
from domain.market import Venue
from domain.orders import Purpose, Side
from domain.snapshot import VenueCapital
from domain.trade import TradeState
from ledger.migrate import migrate, shipped
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import (
    OPENING,
    RUN_ID,
    START,
    A,
    B,
    D,
    accepted,
    body,
    fill,
    hedged,
    intent,
    settling,
    standing_on_a,
    ticket,
)

AnyLedger = Ledger | MemoryLedger
WORST = intent().worst_cost  # 15: the payoff of ten pairs, and the loss budget


async def begin(ledger: AnyLedger, planned: Intent, at: int = START) -> int:
    first = ticket(planned)
    return await ledger.begin_order(RUN_ID, planned, first, body(first), at)


async def kalshi(ledger: AnyLedger) -> VenueCapital:
    """The venue's money; and the fast sums agree with the slow one over all entries."""
    (found,) = await ledger.capital()
    facts = (await ledger.snapshot()).facts
    assert found.cash == sum((entry.amount for entry in facts.cash), D(0))
    assert found.reserved == sum((held.reserved for held in found.held), D(0))
    if found.free is not None:
        assert found.free == found.cash - sum((held.reserved + held.cash for held in found.held), D(0))
    return found


async def test_opening_a_trade_reserves_its_worst_cost_and_closing_it_gives_that_back(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    held = await kalshi(ledger)
    assert (held.cash, held.reserved, held.free) == (OPENING, WORST, OPENING - WORST)
    assert [(one.intent_id, one.reserved, one.cash) for one in held.held] == [(planned.id, WORST, D(0))]
    await ledger.record_trade(RUN_ID, planned, hedged(planned))
    spent = D("-9.8413")
    over = await kalshi(ledger)
    assert (over.cash, over.reserved, over.free, over.held) == (OPENING + spent, D(0), OPENING + spent, ())


async def test_when_a_fill_is_recorded_makes_no_difference_to_what_is_free(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    before = await kalshi(ledger)
    await ledger.record_fills([fill(ticket(planned))])
    after = await kalshi(ledger)
    assert after.free == before.free
    assert after.cash == before.cash - D("4.1680")
    assert after.held[0].cash == D("-4.1680")


async def test_a_trade_that_does_not_fit_is_denied_with_the_numbers_and_leaves_no_trace(ledger: AnyLedger) -> None:
    planned, other = intent(1), intent(2)
    await ledger.record_opening(Venue.KALSHI, WORST + WORST - D("0.01"), START)
    await begin(ledger, planned)
    with pytest.raises(Denied, match=r"\$14\.99 free.*\$15\.00 reserved.*may need \$15\.00") as refusal:
        await begin(ledger, other)
    assert refusal.value.code == "above_balance"
    facts = (await ledger.snapshot()).facts
    assert [trade.id for trade in facts.trades] == [planned.id]
    assert len(facts.orders) == len(facts.sends) == 1
    assert [held.intent_id for held in (await kalshi(ledger)).held] == [planned.id]


async def test_asking_again_neither_reserves_twice_nor_refuses_what_is_reserved(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, WORST, START)
    assert [await begin(ledger, planned, START + n) for n in range(3)] == [1, 2, 3]
    assert (await kalshi(ledger)).free == 0
    assert sorted(await asyncio.gather(*(begin(ledger, planned, START + n) for n in range(6)))) == [4, 5, 6, 7, 8, 9]
    assert (await kalshi(ledger)).free == 0


async def test_a_venue_without_an_opening_balance_has_no_limit_from_here(ledger: AnyLedger) -> None:
    await ledger.record_transfer(Venue.KALSHI, D("1.00"), "wire-7", START)
    await begin(ledger, intent())
    known = await kalshi(ledger)
    assert (known.cash, known.reserved, known.free) == (D("1.00"), WORST, None)


async def test_every_order_but_the_first_passes_whatever_is_free(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, WORST, START)
    await begin(ledger, planned)
    await ledger.record_transfer(Venue.KALSHI, D("-15"), "to the bank", START)
    assert (await kalshi(ledger)).free == D("-15")
    hedge = ticket(planned, "B", purpose=Purpose.HEDGE)
    assert await ledger.begin_order(RUN_ID, None, hedge, body(hedge), START) == 1


async def test_a_transfer_is_booked_once_and_can_be_reserved(ledger: AnyLedger) -> None:
    await ledger.record_opening(Venue.KALSHI, D("1"), START)
    for _ in range(2):
        await ledger.record_transfer(Venue.KALSHI, D("14.00"), "wire-8", START + 1)
    assert (await kalshi(ledger)).free == WORST
    await begin(ledger, intent())
    assert (await kalshi(ledger)).free == 0


async def test_a_settling_trade_locks_what_it_spent_and_gives_back_the_rest(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    await ledger.record_trade(RUN_ID, planned, settling(planned))
    now = await kalshi(ledger)
    assert now.held[0].reserved == D("9.8413")
    assert now.free == now.cash == OPENING - D("9.8413")


async def test_a_share_held_short_locks_a_dollar_until_it_is_paid(ledger: AnyLedger) -> None:
    planned = replace(intent(), legs=(intent().legs[0], replace(intent().legs[1], side=Side.SELL)), payoff=D(0))
    short = ticket(planned, "B", purpose=Purpose.HEDGE, side=Side.SELL)
    fills = (fill(ticket(planned)), fill(short))
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    resting = replace(settling(planned), fills=fills, orders=())
    await ledger.record_trade(RUN_ID, planned, resting)
    now = await kalshi(ledger)
    at_venue = OPENING - D("4.1680") + D("5.50") - D("0.1733") - 10  # a dollar of collateral for each share short
    assert now.free == at_venue
    paid = tuple(
        Redemption(Venue.KALSHI, market, planned.id, shares, D(1), START + 9)
        for market, shares in ((A, D(10)), (B, D(-10)))
    )
    await ledger.record_trade(RUN_ID, planned, replace(resting, redemptions=paid[1:], revision=11))
    assert (await kalshi(ledger)).free == at_venue  # the collateral was worth just what the market took
    await ledger.record_trade(RUN_ID, planned, replace(resting, state=TradeState.CLOSED, redemptions=paid, revision=12))
    assert (await kalshi(ledger)).free == OPENING - D("4.1680") + D("5.50") - D("0.1733")


async def test_a_settling_trade_that_trades_again_reserves_its_worst_cost_again(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    await ledger.record_trade(RUN_ID, planned, settling(planned))
    await ledger.record_trade(RUN_ID, planned, standing_on_a(planned, revision=20))
    assert (await kalshi(ledger)).reserved == WORST


async def test_an_older_record_moves_no_capital_and_a_released_one_stays_released(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    await ledger.record_trade(RUN_ID, planned, hedged(planned))
    over = await kalshi(ledger)
    await ledger.record_trade(RUN_ID, planned, standing_on_a(planned))
    await ledger.record_trade(RUN_ID, planned, standing_on_a(planned, revision=99))
    assert await kalshi(ledger) == over
    with pytest.raises(Denied, match="the trade is over") as refusal:
        await begin(ledger, planned)
    assert refusal.value.code == "released"


async def test_a_fill_after_the_release_and_one_that_turns_void_count_once(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    record = hedged(planned)
    await ledger.record_trade(RUN_ID, planned, replace(record, fills=record.fills[:1]))
    late = replace(record.fills[1], status=FillStatus.PROVISIONAL)
    await ledger.record_fills([late])
    assert (await kalshi(ledger)).free == OPENING - D("9.8413")
    await ledger.record_fills([replace(late, status=FillStatus.VOID)])
    assert (await kalshi(ledger)).free == OPENING - D("4.1680")


async def test_a_fill_whose_order_is_not_known_yet_is_taken_over_by_its_trade(ledger: AnyLedger) -> None:
    planned = intent()
    hedge = ticket(planned, "B", purpose=Purpose.HEDGE)
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    await ledger.record_fills([fill(hedge, at=START + 60_000)])  # the ledger was away when the order left
    stray = await kalshi(ledger)
    assert (stray.free, stray.held[0].cash) == (OPENING - WORST - D("5.6733"), D(0))
    await ledger.record_trade(RUN_ID, planned, settling(planned))
    known = await kalshi(ledger)
    assert (known.free, known.held[0].cash) == (OPENING - D("9.8413"), D("-9.8413"))


async def test_capital_that_nothing_holds_is_released_once_with_the_cash_it_has(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await begin(ledger, planned)
    await ledger.record_fills([fill(ticket(planned))])
    assert await ledger.release(planned.id, START + 5) is True
    assert await ledger.release(planned.id, START + 6) is False
    assert (await kalshi(ledger)).free == OPENING - D("4.1680")


async def test_a_trade_over_two_venues_needs_both(ledger: AnyLedger) -> None:
    base = intent()
    other = replace(base.legs[1], venue=Venue.POLYMARKET)
    planned = replace(base, legs=(base.legs[0], other))
    at_b = planned.worst_cost_at(Venue.POLYMARKET)
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await ledger.record_opening(Venue.POLYMARKET, at_b - D("0.01"), START)
    with pytest.raises(Denied, match="polymarket has"):
        await begin(ledger, planned)
    assert [one.reserved for one in await ledger.capital()] == [D(0), D(0)]
    await ledger.record_transfer(Venue.POLYMARKET, D("0.01"), "wire-9", START)
    await begin(ledger, planned)
    assert [(one.venue, one.reserved) for one in await ledger.capital()] == [
        (Venue.KALSHI, planned.worst_cost_at(Venue.KALSHI)),
        (Venue.POLYMARKET, at_b),
    ]


# ---------------------------------------------------------------------- halts at the door


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (Scope.ALL, ""),
        (Scope.VENUE, "kalshi"),
        (Scope.MARKET, B),
        (Scope.MARKET, f"kalshi/{A}"),
        (Scope.STRATEGY, "pair"),
        (Scope.STRATEGY, "basket"),
    ],
)
async def test_a_halt_that_covers_any_leg_refuses_the_opening_by_name(
    ledger: AnyLedger, scope: Scope, target: str
) -> None:
    planned = intent()
    halt = await ledger.set_halt(Halt("", scope, target, Rule.OPERATOR, "ada", "books look wrong", START))
    with pytest.raises(Halted, match=f"{halt.id}.*ada.*books look wrong.*Nothing was sent") as refusal:
        await begin(ledger, planned)
    assert refusal.value.code == "halted"
    facts = (await ledger.snapshot()).facts
    assert (facts.trades, facts.orders, facts.sends) == ((), (), ())
    await ledger.clear_halt(halt.id, "ada", "books are right", START + 1)
    assert await begin(ledger, planned) == 1


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (Scope.VENUE, "polymarket"),
        (Scope.MARKET, "kalshi/OTHER"),
        (Scope.MARKET, f"polymarket/{A}"),
        (Scope.STRATEGY, A),
    ],
)
async def test_a_halt_elsewhere_does_not_stop_it(ledger: AnyLedger, scope: Scope, target: str) -> None:
    await ledger.set_halt(Halt("", scope, target, Rule.MISMATCH, "reconciliation", "differs", START))
    assert await begin(ledger, intent()) == 1


async def test_under_a_halt_an_open_trade_goes_on_but_its_opening_order_does_not_leave_again(
    ledger: AnyLedger,
) -> None:
    planned = intent()
    await begin(ledger, planned)
    await ledger.set_halt(Halt("", Scope.ALL, "", Rule.SAFE_MODE, "start-up", "unowned orders", START))
    for later in (
        ticket(planned, "B", purpose=Purpose.HEDGE),
        ticket(planned, "A", 2, purpose=Purpose.UNWIND, side=Side.SELL),
    ):
        assert await ledger.begin_order(RUN_ID, None, later, body(later), START) == 1
        await ledger.finish_order(later, accepted(later))
    with pytest.raises(Halted, match="everything halted"):
        await begin(ledger, planned)


# ---------------------------------------------------------------------- together, and against an older ledger


async def test_fifty_trades_that_open_at_once_never_reserve_more_than_there_is(ledger: AnyLedger) -> None:
    await ledger.record_opening(Venue.KALSHI, WORST * 20 + D("0.01"), START)
    await ledger.record_opening(Venue.POLYMARKET, D(1000), START)

    def two_venues(n: int) -> Intent:
        base = intent(n)
        return replace(base, legs=(base.legs[0], replace(base.legs[1], venue=Venue.POLYMARKET))) if n % 3 == 0 else base

    async def one(n: int) -> bool:
        planned = two_venues(n)
        try:
            await begin(ledger, planned)
        except Denied:
            return False
        if n % 2:
            await ledger.record_trade(RUN_ID, planned, hedged(planned))
        return True

    opened = await asyncio.gather(*(one(n) for n in range(50)))
    assert any(opened)
    for venue in await ledger.capital():
        assert venue.free is not None
        assert venue.free >= 0
        assert venue.free == venue.cash - sum((held.reserved + held.cash for held in venue.held), D(0))
    assert sum(opened) >= 20


async def test_fifty_trades_that_stay_open_take_exactly_what_fits(ledger: AnyLedger) -> None:
    await ledger.record_opening(Venue.KALSHI, WORST * 20 + D("0.01"), START)
    answers = await asyncio.gather(*(begin(ledger, intent(n)) for n in range(50)), return_exceptions=True)
    assert sum(answer == 1 for answer in answers) == 20
    assert all(isinstance(answer, Denied) for answer in answers if answer != 1)
    assert (await kalshi(ledger)).free == D("0.01")


async def test_a_ledger_of_the_previous_version_keeps_what_its_open_trades_hold(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await migrate(postgres_dsn, shipped()[:2])
    planned, order, one = intent(), ticket(intent()), fill(ticket(intent()))
    ref = f"{one.trade_id}/{one.order_id}"
    await connection.execute(
        "INSERT INTO intents VALUES ($1, 'r', 'pair', '1', 'GAME', 10, 1, 1, 1, 15, 1, 2, $2)",
        planned.id,
        canonical(planned),
    )
    await connection.execute("INSERT INTO trades VALUES ($1, 'r', 'STUCK', NULL, 0, 0, 10, 0, 15, 4, 1)", planned.id)
    await connection.execute(
        "INSERT INTO orders VALUES ($1, $2, 'A', 1, 'open', 'kalshi', $3, 'buy', 10, 0.4, $4, FALSE)",
        order.client_order_id,
        planned.id,
        A,
        order.tif,
    )
    await connection.execute(
        "INSERT INTO fills VALUES ('kalshi', $1, $2, $3, $4, 'buy', 0.4, 10, 0.168, 1, 'final', TRUE)",
        one.trade_id,
        one.order_id,
        one.client_order_id,
        A,
    )
    await connection.execute("INSERT INTO cash VALUES ('kalshi', 'opening', 'opening', 1000, 1)")
    await connection.execute("INSERT INTO cash VALUES ('kalshi', 'fill', $1, -4.168, 1)", ref)
    await connection.close()
    assert await migrate(postgres_dsn) == len(shipped()) - 2
    ledger = await Ledger.connect(postgres_dsn, min_size=1, max_size=1)
    now = await kalshi(ledger)
    assert (now.cash, now.reserved, now.free) == (D("995.832"), D(15), D(985))
    assert [(held.intent_id, held.cash) for held in now.held] == [(planned.id, D("-4.168"))]
    await ledger.close()
