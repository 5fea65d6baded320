"""The report of a run and the story of a trade, read from a ledger that a trade was written to."""

from __future__ import annotations

import json
from dataclasses import replace

from domain.decisions import Gate, Suppression
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.operator import Action, CommandRecord
from domain.orders import Purpose
from domain.snapshot import Arrival, VenueSnapshot
from domain.trade import OrderRecord, TradeRecord
from ledger.render import render
from ledger.report import build_report
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import (
    OPENING,
    RUN_ID,
    SECOND,
    START,
    A,
    B,
    D,
    accepted,
    body,
    fill,
    hedged,
    intent,
    paid_out,
    settling,
    standing_on_a,
    ticket,
)

AnyLedger = Ledger | MemoryLedger
NOW = START + 10 * SECOND


async def write(ledger: AnyLedger, record: TradeRecord, nonce: int = 0) -> None:
    """As a trade's activities do: begin, send, finish, record."""
    planned = intent(nonce)
    assert record.intent_id == planned.id
    for n, order in enumerate(record.orders):
        opening = planned if n == 0 else None
        await ledger.begin_order(RUN_ID, opening, order.ticket, body(order.ticket), START + (n + 1) * 10_000)
        await ledger.finish_order(order.ticket, order.result or accepted(order.ticket))
    await ledger.record_trade(RUN_ID, planned, record)


async def a_run(ledger: AnyLedger) -> None:
    """One trade as planned, one parked on leg A, one intent without a trade, three suppressed opportunities."""
    await ledger.start_run(RUN_ID, "paper", "replay", START - SECOND, "a seeded session")
    await ledger.record_opening(Venue.KALSHI, OPENING, START - SECOND)
    gates = (Gate.STALE, Gate.STALE, Gate.SKEWED)
    await ledger.record_suppressions(
        RUN_ID, [Suppression("pair", "GAME", g, "detail", D("0.50"), D(3), START + n) for n, g in enumerate(gates)]
    )
    await write(ledger, hedged(intent()))
    await write(ledger, standing_on_a(intent(1)), 1)
    await ledger.record_intent(intent(2), RUN_ID)


async def test_the_report_counts_decisions_trades_and_money_as_exact_text(ledger: AnyLedger) -> None:
    await a_run(ledger)
    report = json.loads(build_report(await ledger.snapshot(RUN_ID), {}, None, NOW).to_json())
    assert (report["run"], report["mode"], report["source"]) == (RUN_ID, "replay", "a seeded session")
    assert report["intents"] == 3
    assert report["suppressed"] == {"skewed": 1, "stale": 2}
    assert report["trades"] == {"CLOSED": 1, "STUCK": 1}
    assert report["outcomes"] == {"hedged": 1}
    assert report["fills"] == 3
    assert report["fees"] == "0.5093"  # 0.168 + 0.1733 + 0.168
    assert report["pnl"] == "0.1587"  # of the closed trade; what the parked one spent is not realised
    assert (report["realised"], report["locked"]) == ("0.1587", "0.00")
    assert report["edge"] == "0.4761"
    # 10 × 0.40 × 0.04 s closed, and 10 × 0.40 × 9.98 s of the one that still stands alone
    assert report["unhedged_notional_seconds"] == "40.08"
    assert [row["state"] for row in report["trade_rows"]] == ["CLOSED", "STUCK"]
    assert len(report["suppressions"]) == 3


async def test_with_the_exchange_at_hand_all_invariants_are_judged_and_hold(ledger: AnyLedger) -> None:
    await a_run(ledger)
    snapshot = await ledger.snapshot(RUN_ID)
    fills = snapshot.facts.fills
    cash = OPENING + sum((fill.cash for fill in fills), D(0))
    venue = VenueSnapshot(Venue.KALSHI, cash, {A: D(20), B: D(10)}, (), fills)
    audit = [Arrival(send.client_order_id, 1, (send.sha256,), send.at) for send in snapshot.facts.sends]
    report = build_report(snapshot, {venue.venue: venue}, audit, NOW)
    assert report.invariants == dict.fromkeys(report.invariants, True)
    assert len(report.invariants) == 7
    assert report.violations == ()

    short = replace(venue, cash=cash - D("0.0001"))
    wrong = build_report(snapshot, {short.venue: short}, audit, NOW)
    assert wrong.invariants["cash_and_positions_balance"] is False
    assert wrong.violations[0].startswith("cash_and_positions_balance: kalshi holds $")


async def test_without_the_exchange_the_invariants_that_need_it_are_null_with_a_reason(ledger: AnyLedger) -> None:
    await a_run(ledger)
    report = build_report(await ledger.snapshot(RUN_ID), {}, None, NOW).to_dict()
    unjudged = {name for name, holds in report["invariants"].items() if holds is None}
    assert unjudged == {"fills_match", "no_orphan_orders", "cash_and_positions_balance"}
    assert unjudged <= set(report["invariant_notes"])


async def test_a_run_in_which_nothing_happened_reports_zeros(ledger: AnyLedger) -> None:
    await ledger.start_run(RUN_ID, "paper", "paper", START, "synth")
    report = build_report(await ledger.snapshot(RUN_ID), {}, None, NOW).to_dict()
    assert (report["intents"], report["fills"], report["trades"], report["pnl"]) == (0, 0, {}, "0.00")


async def test_the_story_of_a_hedged_trade_tells_plan_wire_steps_orders_and_result(ledger: AnyLedger) -> None:
    await a_run(ledger)
    text = "\n".join(render(await ledger.trade(intent().id)))
    for part in (
        f"Trade {intent().id}",
        "buy 10 of GAME-AAA at 0.40 or better, $4.168 with fees (leg A, kalshi)",
        "$0.1587 expected after fees",
        "A1 is about to leave",
        "+0.070 s  LEG_B      hedge B1: accepted, all filled at 0.5500",
        "bought 10 at 0.55, fee $0.1733: $5.6733 paid, 0.060 s after the decision",
        "CLOSED, hedged: every filled share has its other side",
        "P&L $0.1587 against $0.1587 expected; fees $0.3413",
        "of it $10.00 is still to be paid",
        "$0.16·s unhedged",
    ):
        assert part in text
    assert "reserved" not in text.split("Result")[1]


async def test_the_story_of_a_stuck_trade_says_what_is_open_and_what_a_person_can_do(ledger: AnyLedger) -> None:
    await a_run(ledger)
    text = "\n".join(render(await ledger.trade(intent(1).id)))
    for part in (
        "unknown (timeout): no answer within 2 s",
        "filled 0, not settled: only the venue's evidence can tell",
        f"STUCK: waits for evidence or a person; `surefoot unwind {intent(1).id} --reason …`",
        "still reserved",
        "10 standing alone",
    ):
        assert part in text


async def test_the_story_of_an_intent_that_never_became_a_trade_says_so(ledger: AnyLedger) -> None:
    await a_run(ledger)
    assert render(await ledger.trade(intent(2).id))[-1] == "  no order was ever begun for this intent"


async def test_pnl_is_locked_while_a_trade_waits_for_its_markets_and_realised_once_they_have_paid(
    ledger: AnyLedger,
) -> None:
    await a_run(ledger)
    planned = intent(3)
    await write(ledger, settling(planned), 3)
    waiting = build_report(await ledger.snapshot(RUN_ID), {}, None, NOW).to_dict()
    assert (waiting["pnl"], waiting["realised"], waiting["locked"]) == ("0.3174", "0.1587", "0.1587")
    assert waiting["trades"] == {"CLOSED": 1, "SETTLING": 1, "STUCK": 1}
    text = "\n".join(render(await ledger.trade(planned.id)))
    for part in (
        "SETTLING, hedged: every filled share has its other side; its markets have not paid yet",
        "of it $10.00 is still to be paid by the markets",
        "$9.8413 locked until the markets pay",
    ):
        assert part in text

    await ledger.record_trade(RUN_ID, planned, paid_out(planned))
    done = build_report(await ledger.snapshot(RUN_ID), {}, None, NOW)
    assert (done.pnl, done.realised, done.locked) == (D("0.3174"), D("0.3174"), D(0))
    assert done.violations == ()
    text = "\n".join(render(await ledger.trade(planned.id)))
    assert "GAME-AAA paid $1.00: 10 of it, $10.00 received" in text
    assert "GAME-BBB paid $0.00: 10 of it, $0.00 received" in text
    assert "to be paid" not in text


async def test_the_story_says_what_a_token_stands_for_where_that_is_known(ledger: AnyLedger) -> None:
    await a_run(ledger)
    token = "4" * 70 + "745240"
    first, *others = intent(4).legs
    planned = replace(intent(4), legs=(replace(first, market=token), *others))
    await ledger.record_intent(planned, RUN_ID)
    story = await ledger.trade(planned.id)
    assert f"      …745240 is Boston wins (Yes), token {token}" in render(story, {token: "Boston wins (Yes)"})
    assert f"      …745240 is token {token}" in render(story)


async def test_the_report_names_halts_in_force_and_what_is_free_at_each_venue(ledger: AnyLedger) -> None:
    await a_run(ledger)
    over = await ledger.set_halt(Halt("", Scope.ALL, "", Rule.OPERATOR, "ada", "lunch", START))
    await ledger.clear_halt(over.id, "ada", "back", START + 1)
    halt = await ledger.set_halt(Halt("", Scope.MARKET, A, Rule.MISMATCH, "reconciliation", "a share more", START))
    report = build_report(await ledger.snapshot(RUN_ID), {}, None, NOW).to_dict()
    assert [(one["id"], one["rule"], one["target"]) for one in report["halts"]] == [(halt.id, "mismatch", A)]
    spent = OPENING - D("9.8413") - D("4.1680")
    free = OPENING - D("9.8413") - intent(1).worst_cost
    assert report["capital"] == [
        {"venue": "kalshi", "cash": f"{spent:.4f}", "reserved": "15.00", "free": f"{free:.4f}", "trades": 1}
    ]


async def test_the_story_tells_what_people_said_and_which_order_they_placed_themselves(ledger: AnyLedger) -> None:
    planned = intent()
    record = standing_on_a(planned)
    adopted = replace(
        ticket(planned, "B", 2), purpose=Purpose.ADOPTED, foreign_id="typed-by-hand", size=D(10), limit=D("0.56")
    )
    told = CommandRecord(Action.ADOPT, "ada", "bought it myself", "order o-9 is leg B's own", START + 90_000)
    theirs = replace(fill(adopted, at=START + 80_000), client_order_id="")
    placed = OrderRecord(adopted, accepted(adopted), settled=True, filled=D(10))
    whole = replace(record, orders=(*record.orders, placed), fills=(*record.fills, theirs), commands=(told,))
    await ledger.record_trade(RUN_ID, planned, whole)
    text = "\n".join(render(await ledger.trade(planned.id)))
    for part in (
        "adopt, ada: bought it myself → order o-9 is leg B's own",
        "B2 (adopted): buy 10 GAME-BBB at 0.56 or better",
        "placed elsewhere and adopted; filled 10, settled",
        "bought 10 at 0.56",
    ):
        assert part in text
