"""Every disagreement between a venue account and the ledger is found, named with both sides' numbers, and no other."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.agreement import (
    Look,
    compare_account,
    lasting,
    unpaid_markets,
)
from domain.books import DECLARED_FOR_US, DeclaredTransfer, VenueBooks
from domain.custody import YOUNG_US, CapitalHeld, Carried, OpenTrade, compare_trades, judge_loss
from domain.evidence import Fill, FillStatus, Resolution
from domain.halt import Rule, Scope
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, Verdict
from domain.reconcile import ACKNOWLEDGEABLE, REPAIRED, UNOWNED, Finding, Kind, Trigger, stops
from domain.snapshot import OrderFacts, VenueSnapshot, WorkingOrder
from domain.trade import TradeState
from tests.ledger.samples import SECOND, START, A, B, D, fill, intent, order_id, ticket

TRADE = intent()
BOUGHT = ticket(TRADE, "A")
FILL = fill(BOUGHT, at=START)
LIMIT_US = 120 * SECOND


def facts(of: OrderTicket, verdict: Verdict | None = Verdict.ACCEPTED, *, settled: bool = True) -> OrderFacts:
    return OrderFacts(
        of, of.client_order_id, verdict, "", "", order_id(of) if verdict is Verdict.ACCEPTED else None,
        of.size if settled else D(0), settled, 1, START, START,
    )  # fmt: skip


def open_trade(state: TradeState = TradeState.LEG_A, **change: Any) -> OpenTrade:
    trade = OpenTrade(TRADE.id, state, (f"kalshi/{A}", f"kalshi/{B}"), ("A", "B"), filled=True, unproven=False)
    return replace(trade, **change)


def books(**change: Any) -> VenueBooks:
    """A ledger that knows one fill of ten shares at 0.40, bought with 1000 dollars."""
    base = VenueBooks(
        opened_at=START - SECOND,
        cash=D(1000) + FILL.cash,
        positions={A: D(10)},
        fills=(FILL,),
        orders=(facts(BOUGHT),),
        states={TRADE.id: TradeState.LEG_A},
        open_trades=(open_trade(),),
    )
    return replace(base, **change)


def account(**change: Any) -> VenueSnapshot:
    """The venue's account that agrees with `books`."""
    return replace(VenueSnapshot(Venue.KALSHI, D(1000) + FILL.cash, {A: D(10)}, (), (FILL,)), **change)


def look(theirs: VenueSnapshot, ours: VenueBooks, paid: dict[str, Resolution] | None = None) -> Look:
    return compare_account(theirs, ours, paid or {}, unknown_after_us=LIMIT_US, now=START + 10 * SECOND)


def found(theirs: VenueSnapshot, ours: VenueBooks, paid: dict[str, Resolution] | None = None) -> list[Kind]:
    return [finding.kind for finding in look(theirs, ours, paid).findings]


# ---------------------------------------------------------------------- one account


def test_an_account_that_agrees_has_no_finding_and_the_cash_that_is_expected() -> None:
    seen = look(account(), books())
    assert seen.findings == ()
    assert seen.expected_cash == account().cash


def test_a_working_order_that_no_trade_has_sent_is_foreign_and_said_so_with_its_ids_and_shares() -> None:
    by_hand = WorkingOrder("o-hand", "mine", B, D("3"))
    [finding] = look(account(working=(by_hand,)), books()).findings
    assert finding.kind is Kind.FOREIGN_ORDER
    assert (finding.subject, finding.markets) == ("o-hand", (f"kalshi/{B}",))
    assert all(word in finding.text for word in ("o-hand", "mine", "3 shares", B))
    assert "surefoot adopt" in finding.do


def test_a_working_order_of_an_open_trade_is_its_own_by_record_by_order_id_or_by_the_id_it_must_have() -> None:
    recorded = WorkingOrder(order_id(BOUGHT), BOUGHT.client_order_id, A, D(1))
    nameless = replace(recorded, client_order_id="")
    unrecorded = WorkingOrder("o-9", ticket(TRADE, "B", 7).client_order_id, B, D(1))
    assert found(account(working=(recorded, nameless, unrecorded)), books()) == []


def test_a_working_order_of_a_closed_trade_is_stray() -> None:
    working = (WorkingOrder(order_id(BOUGHT), BOUGHT.client_order_id, A, D(1)),)
    ours = books(states={TRADE.id: TradeState.CLOSED}, open_trades=())
    assert found(account(working=working), ours) == [Kind.STRAY_ORDER]


def test_a_fill_of_an_open_trade_that_the_ledger_lacks_is_recorded_and_explains_shares_and_cash() -> None:
    late = fill(ticket(TRADE, "B", purpose=Purpose.HEDGE), at=START + SECOND)
    theirs = account(fills=(FILL, late), positions={A: D(10), B: D(10)}, cash=account().cash + late.cash)
    seen = look(theirs, books())
    assert [f.kind for f in seen.findings] == [Kind.MISSING_FILL]
    assert seen.fills == (late,)
    assert late.trade_id in seen.findings[0].text
    assert seen.expected_cash == theirs.cash


def test_a_fill_of_a_closed_trade_that_the_ledger_lacks_is_late_and_recorded_all_the_same() -> None:
    late = fill(BOUGHT, "1", n=2, at=START + SECOND)
    theirs = account(fills=(FILL, late), positions={A: D(11)}, cash=account().cash + late.cash)
    seen = look(theirs, books(states={TRADE.id: TradeState.CLOSED}, open_trades=()))
    assert [f.kind for f in seen.findings] == [Kind.LATE_FILL]
    assert seen.fills == (late,)


def by_hand(at: int = START + SECOND) -> Fill:
    return replace(FILL, trade_id="t-hand", order_id="o-hand", client_order_id="mine", market=B, at=at)


def test_fills_of_an_order_nobody_sent_are_one_foreign_finding_and_explain_shares_and_cash() -> None:
    one, two = by_hand(), replace(by_hand(), trade_id="t-hand-2", size=D(5))
    theirs = account(fills=(FILL, one, two), positions={A: D(10), B: D(15)}, cash=account().cash + one.cash + two.cash)
    seen = look(theirs, books())
    assert [f.kind for f in seen.findings] == [Kind.FOREIGN_FILL]
    assert "15 shares" in seen.findings[0].text
    assert seen.fills == ()  # the ledger takes over nothing that nobody answers for


def test_an_acknowledged_order_is_no_finding_any_more_and_its_fills_are_recorded() -> None:
    one = by_hand()
    theirs = account(
        fills=(FILL, one), positions={A: D(10), B: D(10)}, cash=account().cash + one.cash,
        working=(WorkingOrder("o-hand", "mine", B, D(3)),),
    )  # fmt: skip
    seen = look(theirs, books(known=frozenset({"kalshi/o-hand"})))
    assert seen.findings == ()
    assert seen.fills == (one,)


def test_fills_from_before_the_opening_balance_are_part_of_it() -> None:
    old = by_hand(START - 2 * SECOND)
    assert found(account(fills=(old, FILL)), books()) == []


def test_a_fill_that_the_venue_does_not_list_is_named_unless_it_is_older_than_anything_listed() -> None:
    other = fill(ticket(TRADE, "B"), at=START + SECOND)
    ours = books(fills=(FILL, other))
    theirs = account()
    assert found(theirs, ours) == [Kind.UNLISTED_FILL]
    aged = books(fills=(FILL, replace(other, at=START - 5)))
    assert found(theirs, aged) == []
    void = books(fills=(FILL, replace(other, status=FillStatus.VOID)))
    assert found(theirs, void) == []


def test_a_fill_with_other_numbers_is_named_with_both() -> None:
    theirs = account(fills=(replace(FILL, price=D("0.41")),))
    [finding] = look(theirs, books()).findings
    assert finding.kind is Kind.FILL_DIFFERS
    assert "0.41" in finding.text
    assert "0.4," in finding.text


def test_a_fill_that_the_venue_has_voided_since_is_recorded_and_its_trade_told() -> None:
    void = replace(FILL, status=FillStatus.VOID)
    seen = look(account(fills=(void,), positions={}, cash=D(1000)), books())
    assert [f.kind for f in seen.findings] == [Kind.MISSING_FILL]
    assert seen.fills == (void,)


def test_shares_that_no_fill_explains_are_a_position_with_both_numbers_and_the_difference() -> None:
    [finding] = look(account(positions={A: D(12)}), books()).findings
    assert (finding.kind, finding.amount) == (Kind.POSITION, D(2))
    assert "12 shares" in finding.text
    assert "10" in finding.text


def test_shares_declared_known_are_expected_from_then_on() -> None:
    assert found(account(positions={A: D(10), B: D(4)}), books(known_shares={B: D(4)})) == []
    assert found(account(positions={A: D(10), B: D(5)}), books(known_shares={B: D(4)})) == [Kind.POSITION]


def test_a_market_that_has_paid_explains_shares_that_are_gone_and_cash_that_came() -> None:
    theirs = account(positions={}, cash=account().cash + 10)
    assert unpaid_markets(theirs, books()) == [A]
    assert found(theirs, books(), {A: Resolution(A, D(1), START)}) == []
    assert found(theirs, books(), {A: Resolution(A)}) == [Kind.POSITION, Kind.CASH]


def test_a_short_position_locks_a_dollar_a_share_until_its_market_has_paid() -> None:
    sold = replace(FILL, side=Side.SELL)
    ours = books(fills=(sold,), positions={A: D(-10)}, cash=D(1000) + sold.cash)
    held = VenueSnapshot(Venue.KALSHI, D(1000) + sold.cash - 10, {A: D(-10)}, (), (sold,))
    assert found(held, ours) == []
    paid = replace(held, positions={}, cash=D(1000) + sold.cash - 10)  # the collateral came back, the payout left
    assert found(paid, ours, {A: Resolution(A, D(1), START)}) == []


def declared(amount: str, *, at: int = START, ref: str = "kalshi/transfer@1", seen: bool = False) -> DeclaredTransfer:
    return DeclaredTransfer(ref, D(amount), "ada", "from the bank", at, seen)


def test_cash_alone_that_differs_is_unexplained_until_somebody_says_what_it_is() -> None:
    [missing] = look(account(cash=account().cash - D("250.5")), books()).findings
    assert (missing.kind, missing.amount, missing.stops) == (Kind.UNEXPLAINED_CASH, D("-250.5"), True)
    assert "250.50" in missing.text
    assert "surefoot transfer kalshi --out 250.50" in missing.do
    [stop] = stops([missing], Trigger.SCHEDULE)
    assert (stop.scope, stop.target, stop.rule) == (Scope.VENUE, "kalshi", Rule.MISMATCH)
    [extra] = look(account(cash=account().cash + D("0.37")), books()).findings
    assert (extra.kind, extra.amount, extra.stops) == (Kind.UNEXPLAINED_CASH, D("0.37"), False)  # a rebate, say


def test_cash_that_differs_by_what_was_declared_is_a_transfer_of_exactly_that() -> None:
    moved = books(declared=(declared("250.5"),))
    [finding] = look(account(cash=account().cash + D("250.5")), moved).findings
    assert (finding.kind, finding.amount, finding.subject) == (Kind.TRANSFER, D("250.5"), "kalshi/transfer@1")
    assert found(account(), moved) == []  # it is on its way
    assert found(account(cash=account().cash + D("250")), moved) == [Kind.UNEXPLAINED_CASH]


def test_a_difference_that_a_person_declared_known_is_a_transfer_whatever_came_since() -> None:
    known = books(declared=(declared("-3", ref="kalshi/cash@7", seen=True),))
    assert found(account(cash=account().cash - 3), known) == [Kind.TRANSFER]
    seen = look(account(cash=account().cash - 5), known).findings
    assert [(one.kind, one.amount) for one in seen] == [(Kind.TRANSFER, D(-3)), (Kind.UNEXPLAINED_CASH, D(-2))]


def test_of_several_declared_transfers_those_that_together_make_the_difference_are_booked() -> None:
    several = (declared("10", ref="a"), declared("25", ref="b"), declared("-4", ref="c"))
    seen = look(account(cash=account().cash + 21), books(declared=several)).findings
    assert [(one.kind, one.subject) for one in seen] == [(Kind.TRANSFER, "b"), (Kind.TRANSFER, "c")]
    every = look(account(cash=account().cash + 31), books(declared=several)).findings
    assert [one.subject for one in every] == ["a", "b", "c"]


def test_a_declared_transfer_that_never_shows_is_a_finding_that_halts_its_venue_until_the_word_is_taken_back() -> None:
    old = declared("250.5", at=START + 10 * SECOND - DECLARED_FOR_US - 1)
    [finding] = look(account(), books(declared=(old,))).findings
    assert (finding.kind, finding.amount) == (Kind.DECLARED_TRANSFER, D("250.5"))
    assert "surefoot transfer kalshi --out 250.50" in finding.do
    [stop] = stops([finding], Trigger.SCHEDULE)
    assert (stop.scope, stop.target) == (Scope.VENUE, "kalshi")
    taken_back = declared("-250.5", ref="kalshi/transfer@2")
    assert set(found(account(), books(declared=(old, taken_back)))) == {Kind.TRANSFER}  # both, and nothing together


def test_cash_that_differs_while_something_else_does_is_unexplained() -> None:
    assert found(account(cash=D(1), positions={A: D(12)}), books()) == [Kind.POSITION, Kind.CASH]


def test_cash_is_not_judged_without_an_opening_balance() -> None:
    assert found(account(cash=D(1)), books(opened_at=None)) == []


def test_an_order_whose_outcome_is_open_for_too_long_is_named_and_a_younger_or_answered_one_is_not() -> None:
    order = facts(ticket(TRADE, "B"), Verdict.UNKNOWN, settled=False)
    old = replace(order, first_sent_at=START + 10 * SECOND - LIMIT_US - 1)
    assert found(account(), books(orders=(facts(BOUGHT), order))) == []
    assert found(account(), books(orders=(facts(BOUGHT), old))) == [Kind.UNKNOWN_ORDER]
    assert found(account(), books(orders=(facts(BOUGHT), replace(old, verdict=Verdict.ACCEPTED)))) == []
    assert found(account(), books(orders=(facts(BOUGHT), replace(old, settled=True)))) == []


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from(list(Side)), st.integers(1, 20), st.integers(1, 99)))
)
def test_an_account_made_of_any_fills_agrees_with_a_ledger_that_has_any_part_of_them(
    trades: list[tuple[str, Side, int, int]],
) -> None:
    """Shares, cash and collateral balance whichever of the venue's fills the ledger has heard of."""
    fills = [
        replace(FILL, trade_id=f"t{n}", market=market, side=side, size=D(size), price=D(cents) / 100, at=START + n)
        for n, (market, side, size, cents) in enumerate(trades)
    ]
    held: dict[str, Decimal] = {}
    for one in fills:
        held[one.market] = held.get(one.market, D(0)) + one.shares
    collateral = sum((max(-shares, D(0)) for shares in held.values()), D(0))
    cash = D(1000) + sum((one.cash for one in fills), D(0)) - collateral
    theirs = VenueSnapshot(Venue.KALSHI, cash, {m: n for m, n in held.items() if n}, (), tuple(fills))
    heard = fills[::2]
    known: dict[str, Decimal] = {}
    for one in heard:
        known[one.market] = known.get(one.market, D(0)) + one.shares
    ours = books(fills=tuple(heard), positions=known, cash=D(1000) + sum((one.cash for one in heard), D(0)))
    assert set(found(theirs, ours)) <= {Kind.MISSING_FILL}
    assert {one.trade_id for one in look(theirs, ours).fills} == {one.trade_id for one in fills[1::2]}


# ---------------------------------------------------------------------- trades, capital, losses


def trades(**change: Any) -> list[Kind]:
    asked: dict[str, Any] = {
        "trades": [open_trade()], "running": {TRADE.id: Carried()}, "capital": [], "known": frozenset(),
        "recorded": {TRADE.id}, "now": START,
    } | change  # fmt: skip
    return [finding.kind for finding in compare_trades(**asked)]


def test_a_trade_that_runs_and_is_on_record_is_as_it_should_be() -> None:
    assert trades(capital=[CapitalHeld(TRADE.id, "kalshi", D(9), TradeState.LEG_A)]) == []


def test_an_open_trade_without_a_workflow_is_an_orphan_if_it_may_hold_something() -> None:
    assert trades(running={}) == [Kind.ORPHAN_TRADE]
    assert trades(running={}, trades=[open_trade(filled=False, unproven=True)]) == [Kind.ORPHAN_TRADE]
    assert trades(running={}, trades=[open_trade(filled=False)]) == []
    assert trades(running={}, known=frozenset({f"/{TRADE.id}"})) == []


def test_a_workflow_of_a_trade_the_ledger_never_heard_of_is_strange() -> None:
    assert trades(running={TRADE.id: Carried(), "i-other": Carried((A,), START - YOUNG_US)}) == [Kind.STRANGE_WORKFLOW]
    assert trades(running={TRADE.id: Carried(), "i-new": Carried((A,), START - 1_000_000)}) == []  # it may tell it yet
    assert trades(trades=[]) == []  # closed: its workflow is about to end


@pytest.mark.parametrize("state", [None, TradeState.CLOSED])
def test_capital_of_a_trade_that_is_closed_or_was_never_begun_is_idle(state: TradeState | None) -> None:
    held = [CapitalHeld("i-gone", "kalshi", D("9.5"), state)]
    [finding] = compare_trades([], {}, held, frozenset(), set(), now=START)
    assert (finding.kind, finding.amount) == (Kind.IDLE_CAPITAL, D("9.5"))
    assert "9.50" in finding.text
    assert trades(capital=held, running={TRADE.id: Carried(), "i-gone": Carried()}, recorded={TRADE.id, "i-gone"}) == []


def test_losses_are_a_finding_from_the_limit_on_and_never_without_one() -> None:
    assert judge_loss(D("-99.99"), D(100), D(24)) == ()
    assert judge_loss(D(-100), None, D(24)) == ()
    [finding] = judge_loss(D(-100), D(100), D(24))
    assert finding.kind is Kind.LOSS
    assert "100.00" in finding.text


# ---------------------------------------------------------------------- looks and what follows


def finding(kind: Kind, subject: str = "x", text: str = "differs", market: str = "kalshi/M") -> Finding:
    return Finding(kind, "kalshi", subject, text, "look", (market,))


def test_only_what_every_look_found_alike_lasts_and_what_changed_its_numbers_is_in_motion() -> None:
    still, passing = finding(Kind.POSITION, "a"), finding(Kind.POSITION, "b")
    moved = [finding(Kind.CASH, "cash", text) for text in ("1", "2")]
    looks = [(still, passing, moved[0]), (still, moved[1])]
    assert lasting(looks) == ((still,), (moved[1],))
    assert lasting([]) == ((), ())


def test_a_market_is_halted_once_however_much_is_wrong_with_it_and_repairs_stop_nothing() -> None:
    wrong = [finding(Kind.POSITION, "a"), finding(Kind.UNLISTED_FILL, "b"), finding(Kind.MISSING_FILL, "c")]
    [stop] = stops(wrong, Trigger.SCHEDULE)
    assert (stop.scope, stop.target, stop.rule) == (Scope.MARKET, "kalshi/M", Rule.MISMATCH)
    assert "1 more" in stop.reason
    assert stops([finding(kind) for kind in REPAIRED], Trigger.START_UP) == ()


def test_what_nobody_owns_is_safe_mode_at_a_start_and_a_halted_market_on_schedule() -> None:
    for kind in UNOWNED & ACKNOWLEDGEABLE:
        first, second = stops([finding(kind)], Trigger.START_UP)
        assert (first.scope, first.rule) == (Scope.ALL, Rule.SAFE_MODE)
        assert second.scope is Scope.MARKET
        assert [stop.scope for stop in stops([finding(kind)], Trigger.SCHEDULE)] == [Scope.MARKET]


def test_cash_halts_its_venue_losses_halt_everything_and_an_unknown_halts_its_market() -> None:
    asked = stops([finding(Kind.CASH), finding(Kind.LOSS), finding(Kind.UNKNOWN_ORDER)], Trigger.START_UP)
    assert {(stop.scope, stop.target, stop.rule) for stop in asked} == {
        (Scope.VENUE, "kalshi", Rule.MISMATCH),
        (Scope.ALL, "", Rule.LOSS),
        (Scope.MARKET, "kalshi/M", Rule.UNKNOWN_TOO_OLD),
    }
