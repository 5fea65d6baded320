"""Each invariant holds after a trade as planned, and is false, naming what differs, when it is broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.evidence import FillStatus
from domain.invariants import (
    capital_conserved,
    cash_and_positions_balance,
    check_all,
    fills_match,
    no_orphan_orders,
    reservation_covered,
    same_bytes,
    shares_accounted,
)
from domain.market import Venue
from domain.orders import Verdict
from domain.snapshot import (
    Arrival,
    CashEntry,
    LedgerFacts,
    Reservation,
    VenueSnapshot,
    WorkingOrder,
)
from domain.trade import Outcome, TradeState
from tests.domain.facts import PLANNED, RECORD, TICKETS, arrivals, broken, held, ledger, order, trade, venue
from tests.ledger.samples import OPENING, START, A, B, D, fill, order_id


def test_a_trade_that_went_as_planned_keeps_all_seven() -> None:
    findings = check_all(ledger(), venue(), arrivals())
    assert {finding.name: finding.holds for finding in findings} == dict.fromkeys(
        (
            "same_bytes",
            "fills_match",
            "shares_accounted",
            "no_orphan_orders",
            "cash_and_positions_balance",
            "reservation_covered",
            "capital_conserved",
        ),
        True,
    )
    assert all(finding.violations == () and finding.note == "" for finding in findings)


def test_an_empty_ledger_against_an_untouched_account_keeps_all_seven() -> None:
    empty = LedgerFacts((), (), (), (), (CashEntry(Venue.KALSHI, "opening", "opening", OPENING, START),), {})
    untouched = VenueSnapshot(Venue.KALSHI, OPENING, {}, (), ())
    assert all(finding.holds for finding in check_all(empty, untouched, []))


def test_without_a_venue_what_needs_one_is_not_judged_and_says_so() -> None:
    by_name = {finding.name: finding for finding in check_all(ledger(), None)}
    unjudged = [name for name, finding in by_name.items() if finding.holds is None]
    assert unjudged == ["fills_match", "no_orphan_orders", "cash_and_positions_balance"]
    assert all("no venue snapshot" in by_name[name].note for name in unjudged)
    assert "no audit" in by_name["same_bytes"].note


def test_a_contradiction_inside_the_ledger_is_false_even_without_a_venue() -> None:
    broken(cash_and_positions_balance(ledger(positions={}), None), A, B)
    broken(no_orphan_orders(ledger(orders=(order(0, settled=False), order(1))), None), "not settled")
    broken(fills_match(ledger(fills=(*RECORD.fills, RECORD.fills[0])), None), "2 times")


# ---------------------------------------------------------------------- same_bytes


def test_same_bytes_is_broken_by_two_bodies_under_one_id() -> None:
    first = ledger().sends[0]
    again = replace(first, n=2, sha256="c" * 64)
    broken(same_bytes(ledger(sends=(*ledger().sends, again))), first.client_order_id, "a" * 64, "c" * 64)


def test_same_bytes_is_kept_by_the_same_body_sent_again() -> None:
    again = replace(ledger().sends[0], n=2)
    twice = [replace(one, times=2) for one in arrivals()[:1]]
    assert same_bytes(ledger(sends=(*ledger().sends, again)), twice).holds


def test_same_bytes_is_broken_by_two_bodies_arriving() -> None:
    one = arrivals()[0]
    broken(same_bytes(ledger(), [replace(one, sha256=("a" * 64, "d" * 64))]), one.client_order_id, "d" * 64)


def test_same_bytes_is_broken_by_an_arrival_that_was_never_recorded_as_sent() -> None:
    broken(same_bytes(ledger(), [Arrival("stranger", 1, ("e" * 64,))]), "stranger", "never recorded", "e" * 64)


def test_a_repeated_copy_of_recorded_bytes_that_the_ledger_missed_is_told_and_breaks_nothing() -> None:
    finding = same_bytes(ledger(), [replace(arrivals()[0], times=2)])
    assert finding.holds
    assert finding.note.startswith("1 repeated copies")


def test_bytes_that_arrived_under_the_venues_own_id_are_those_of_our_order() -> None:
    nameless = [replace(one, client_order_id="", order_id=order_id(TICKETS[n])) for n, one in enumerate(arrivals())]
    assert same_bytes(ledger(), nameless).holds
    broken(same_bytes(ledger(), [replace(nameless[0], sha256=("d" * 64,))]), "never recorded", "d" * 64)
    broken(same_bytes(ledger(), [replace(nameless[0], order_id="o-x")]), "o-x", "never recorded")


# ---------------------------------------------------------------------- fills_match


def test_fills_match_is_broken_by_a_fill_the_ledger_lacks_and_by_one_the_venue_lacks() -> None:
    missing = RECORD.fills[1]
    broken(fills_match(ledger(fills=RECORD.fills[:1]), venue()), missing.trade_id, "the ledger lacks it")
    broken(fills_match(ledger(), venue(fills=RECORD.fills[:1])), missing.trade_id, "does not list it")


@pytest.mark.parametrize(
    "change", [{"price": D("0.41")}, {"size": D(9)}, {"fee": D("0.17")}, {"market": B}, {"status": FillStatus.VOID}]
)
def test_fills_match_is_broken_by_any_number_that_differs(change: dict[str, Any]) -> None:
    theirs = (replace(RECORD.fills[0], **change), RECORD.fills[1])
    broken(fills_match(ledger(), venue(fills=theirs)), RECORD.fills[0].trade_id, "0.4 fee 0.168")


def test_fills_match_does_not_mind_how_many_zeros_a_number_carries() -> None:
    theirs = tuple(replace(one, size=D("10.00"), price=one.price + D("0.0000")) for one in RECORD.fills)
    assert fills_match(ledger(), venue(fills=theirs)).holds


def test_a_void_fill_that_only_one_side_keeps_is_no_difference() -> None:
    void = replace(fill(TICKETS[0], n=9), status=FillStatus.VOID)
    assert fills_match(ledger(), venue(fills=(*RECORD.fills, void))).holds
    assert fills_match(ledger(fills=(*RECORD.fills, void)), venue()).holds


# ---------------------------------------------------------------------- shares_accounted


def test_shares_accounted_is_broken_by_a_declaration_its_fills_do_not_bear_out() -> None:
    lost = trade(hedged=D(9))
    broken(shares_accounted(ledger(trades=(lost,))), PLANNED.id, "hedged 10", "declares hedged 9")


def test_a_declared_residual_is_accounted_for_but_not_under_an_outcome_that_denies_it() -> None:
    half = ledger(fills=RECORD.fills[:1])
    declared = trade(outcome=Outcome.RESIDUAL, hedged=D(0), residual=D(10), pnl=RECORD.fills[0].cash)
    assert shares_accounted(replace(half, trades=(declared,))).holds
    denied = replace(declared, outcome=Outcome.HEDGED)
    broken(shares_accounted(replace(half, trades=(denied,))), PLANNED.id, "10 shares standing alone")


@pytest.mark.parametrize("outcome", [None, Outcome.MISSED, Outcome.DENIED, Outcome.UNWOUND, Outcome.REDUCED])
def test_shares_accounted_is_broken_by_an_outcome_that_contradicts_the_shares(outcome: Outcome | None) -> None:
    broken(shares_accounted(ledger(trades=(trade(outcome=outcome),))), PLANNED.id, "outcome")


def test_a_trade_on_its_way_may_know_less_than_the_ledger_but_not_once_it_is_parked() -> None:
    behind = {"outcome": None, "hedged": D(0), "residual": D(10)}
    assert shares_accounted(ledger(trades=(trade(state=TradeState.LEG_B, **behind),))).holds
    broken(shares_accounted(ledger(trades=(trade(state=TradeState.STUCK, **behind),))), "STUCK")


def test_shares_accounted_is_broken_by_fills_of_no_trade_and_by_fills_in_a_foreign_market() -> None:
    broken(shares_accounted(ledger(trades=())), "no trade in the ledger")
    stray = (replace(RECORD.fills[0], market="OTHER"), RECORD.fills[1])
    broken(shares_accounted(ledger(fills=stray)), "OTHER")


# ---------------------------------------------------------------------- no_orphan_orders


def test_no_orphan_orders_is_broken_by_a_working_order_nobody_owns() -> None:
    stranger = WorkingOrder("o-x", "", A, D(5))
    broken(no_orphan_orders(ledger(), venue(working=(stranger,))), "o-x", "5 left", "(none)")


def test_no_orphan_orders_is_broken_by_a_working_order_of_a_closed_trade_but_not_of_an_open_one() -> None:
    working = (WorkingOrder(order_id(TICKETS[0]), TICKETS[0].client_order_id, A, D(5)),)
    broken(no_orphan_orders(ledger(), venue(working=working)), PLANNED.id, "closed")
    open_trade = trade(state=TradeState.LEG_A, outcome=None)
    assert no_orphan_orders(ledger(trades=(open_trade,)), venue(working=working)).holds


def test_a_working_order_without_a_client_id_is_known_by_the_venues_own() -> None:
    working = (WorkingOrder(order_id(TICKETS[0]), "", A, D(5)),)
    open_trade = trade(state=TradeState.LEG_A, outcome=None)
    assert no_orphan_orders(ledger(trades=(open_trade,)), venue(working=working)).holds
    broken(no_orphan_orders(ledger(), venue(working=working)), PLANNED.id, "closed")


def test_no_orphan_orders_is_broken_by_an_order_without_a_trade() -> None:
    broken(no_orphan_orders(ledger(trades=()), venue()), TICKETS[0].client_order_id, "has no trade")


# ---------------------------------------------------------------------- cash_and_positions_balance


def test_the_balance_is_broken_by_a_hundredth_of_a_cent() -> None:
    broken(cash_and_positions_balance(ledger(), venue(cash=venue().cash + D("0.0001"))), "$0.0001 unexplained")


def test_the_balance_is_broken_by_a_share_more_on_either_side() -> None:
    broken(cash_and_positions_balance(ledger(), venue(positions={A: D(10), B: D(11)})), B, "11", "10")
    broken(cash_and_positions_balance(ledger(), venue(positions={A: D(10)})), B, "holds 0 shares")


def test_a_flat_position_is_the_same_listed_or_not() -> None:
    assert cash_and_positions_balance(ledger(), venue(positions={A: D(10), B: D("10.00"), "C": D(0)})).holds


def test_the_balance_is_broken_without_an_opening_and_by_an_entry_that_is_not_its_fills() -> None:
    without = tuple(entry for entry in ledger().cash if entry.kind != "opening")
    broken(cash_and_positions_balance(ledger(cash=without), venue()), "0 opening balances")
    opening, first, second = ledger().cash
    wrong = (opening, replace(first, amount=first.amount - 1), replace(second, amount=second.amount + 1))
    broken(cash_and_positions_balance(ledger(cash=wrong), venue()), first.ref, second.ref)


def test_the_balance_is_broken_by_a_booked_pnl_its_fills_did_not_earn() -> None:
    flattering = trade(pnl=RECORD.pnl + D("0.01"))
    broken(cash_and_positions_balance(ledger(trades=(flattering,)), venue()), PLANNED.id, "earned $0.1587")


def test_a_voided_fill_balances_when_its_cash_was_taken_back() -> None:
    void = replace(RECORD.fills[1], status=FillStatus.VOID)
    entries = ledger().cash
    back = CashEntry(Venue.KALSHI, "void", entries[2].ref, -void.cash, START)
    known = ledger(
        fills=(RECORD.fills[0], void),
        positions={(Venue.KALSHI, A): D(10)},
        trades=(trade(outcome=Outcome.RESIDUAL, hedged=D(0), residual=D(10), pnl=RECORD.fills[0].cash),),
    )
    account = venue(cash=OPENING + RECORD.fills[0].cash, positions={A: D(10)}, fills=known.fills)
    assert cash_and_positions_balance(replace(known, cash=(*entries, back)), account).holds
    broken(cash_and_positions_balance(known, account), "void", "unexplained")


# ---------------------------------------------------------------------- reservation_covered


def test_reservation_covered_is_broken_by_more_at_risk_than_reserved_at_any_revision() -> None:
    held = (Reservation(-1, PLANNED.worst_cost, D("4.00"), START), Reservation(3, D("3.99"), D("4.00"), START))
    broken(reservation_covered(ledger(trades=(trade(reservations=held),))), PLANNED.id, "revision 3", "3.99")


def test_reservation_covered_is_broken_by_more_cash_out_than_was_ever_reserved() -> None:
    held = (Reservation(-1, D("9.84"), D("4.00"), START),)
    broken(reservation_covered(ledger(trades=(trade(reservations=held),))), "9.8413", "9.84 reserved")
    broken(reservation_covered(ledger(trades=(trade(reservations=()),))), "more than $0 reserved")


def test_a_settling_trade_must_have_reserved_what_it_has_out() -> None:
    rests = {"state": TradeState.SETTLING, "reserved": D("9.8413")}
    assert reservation_covered(ledger(trades=(trade(**rests),))).holds
    short = trade(**rests | {"reserved": D("9.84")})
    broken(reservation_covered(ledger(trades=(short,))), "settles with $9.8413 out", "$9.84 reserved")


# ---------------------------------------------------------------------- capital_conserved


def test_capital_held_for_a_closed_trade_or_for_none_is_named() -> None:
    broken(capital_conserved(ledger(capital=(held(),))), PLANNED.id, "is closed")
    broken(capital_conserved(ledger(capital=(held("i-gone"),))), "i-gone", "is not in the ledger")


def test_an_open_trade_must_hold_what_it_may_still_need() -> None:
    stuck = (trade(state=TradeState.STUCK, outcome=None),)
    assert capital_conserved(ledger(trades=stuck, capital=(held(),))).holds
    broken(capital_conserved(ledger(trades=stuck, capital=(held(reserved="14.99"),))), "may need $15", "$14.99")
    broken(capital_conserved(ledger(trades=stuck)), PLANNED.id, "holds no capital at kalshi")


def test_a_settling_trade_must_hold_what_is_locked_and_no_more() -> None:
    settling = (trade(state=TradeState.SETTLING),)
    assert capital_conserved(ledger(trades=settling, capital=(held(reserved="9.8413"),))).holds
    broken(capital_conserved(ledger(trades=settling, capital=(held(reserved="9.84"),))), "may need $9.8413")


def test_an_open_trade_of_which_nothing_left_may_have_been_released() -> None:
    begun = ledger(
        trades=(trade(state=TradeState.PLANNED, outcome=None),),
        orders=(order(0, filled=D(0), verdict=Verdict.DENIED, settled=True),),
        fills=(),
    )
    assert capital_conserved(begun).holds


def test_sums_that_are_not_those_of_the_entries_are_named() -> None:
    stuck = (trade(state=TradeState.STUCK, outcome=None),)
    whole = held()
    for wrong, named in (
        (replace(whole, cash=whole.cash + 1), "cash adds up"),
        (replace(whole, reserved=D(16)), "reserved capital adds up to $15"),
        (held(cash="-4.168"), f"cash of {PLANNED.id} adds up to $0"),
    ):
        broken(capital_conserved(ledger(trades=stuck, capital=(wrong,))), named)
