"""What a person has acknowledged breaks no invariant, and is told in words; what nobody has still does."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.evidence import Fill
from domain.invariants import check_all, no_orphan_orders, same_bytes, shares_accounted
from domain.snapshot import Arrival, LedgerFacts, VenueSnapshot, WorkingOrder
from domain.trade import Outcome
from tests.domain.facts import RECORD, arrivals, broken, ledger, order, trade, venue
from tests.ledger.samples import SECOND, START, B, D

BY_HAND = replace(
    RECORD.fills[0], trade_id="t-hand", order_id="o-hand", client_order_id="by-hand-1", market=B, at=START + SECOND
)
ARRIVED = Arrival("by-hand-1", 1, ("c" * 64,), START)


def with_hand(**change: Any) -> tuple[LedgerFacts, VenueSnapshot]:
    """Ten shares bought by hand that both sides have."""
    facts, seen = ledger(), venue()
    entry = replace(facts.cash[-1], ref=f"{BY_HAND.trade_id}/{BY_HAND.order_id}", amount=BY_HAND.cash)
    held = {key: shares + (10 if key[1] == B else 0) for key, shares in facts.positions.items()}
    facts = replace(facts, fills=(*facts.fills, BY_HAND), cash=(*facts.cash, entry), positions=held, **change)
    positions = {market: shares + (10 if market == B else 0) for market, shares in seen.positions.items()}
    return facts, replace(seen, cash=seen.cash + BY_HAND.cash, positions=positions, fills=(*seen.fills, BY_HAND))


def test_an_acknowledged_order_by_hand_keeps_all_seven_and_is_named() -> None:
    facts, seen = with_hand(known=frozenset({"kalshi/o-hand"}))
    findings = {finding.name: finding for finding in check_all(facts, seen, [*arrivals(), ARRIVED])}
    assert [finding.name for finding in findings.values() if not finding.holds] == []
    note = findings["same_bytes"].note
    assert "1 orders reached the exchange that this ledger never sent, acknowledged: by-hand-1" in note
    assert "repeated copies" not in note


def test_one_that_nobody_acknowledged_is_a_body_never_recorded() -> None:
    facts, _ = with_hand(known=frozenset({"kalshi/o-other"}))
    broken(same_bytes(facts, [*arrivals(), ARRIVED]), "by-hand-1", "never recorded")


def test_one_that_never_filled_is_excused_by_the_name_its_sender_gave_it() -> None:
    facts = ledger(known=frozenset({"kalshi/by-hand-1"}))
    assert same_bytes(facts, [*arrivals(), ARRIVED]).holds


def test_many_that_were_acknowledged_together_are_excused_up_to_that_time() -> None:
    facts, _ = with_hand(known=frozenset({f"kalshi/foreign_fill-until-{BY_HAND.at}"}))
    assert same_bytes(facts, [*arrivals(), ARRIVED]).holds
    facts, _ = with_hand(known=frozenset({f"kalshi/foreign_fill-until-{BY_HAND.at - 1}"}))
    assert not same_bytes(facts, [*arrivals(), ARRIVED]).holds


def test_an_order_of_ours_is_never_excused_for_other_bytes() -> None:
    one, other = arrivals()
    facts = ledger(known=frozenset({f"kalshi/{one.client_order_id}"}))
    assert not same_bytes(facts, [replace(one, sha256=("c" * 64,)), other]).holds


def test_a_working_order_that_was_acknowledged_is_no_orphan() -> None:
    working = venue(working=(WorkingOrder("o-hand", "by-hand-1", B, D(3)),))
    assert not no_orphan_orders(ledger(), working).holds
    finding = no_orphan_orders(ledger(known=frozenset({"kalshi/o-hand"})), working)
    assert finding.holds
    assert "o-hand" in finding.note


def late(known: str = "") -> LedgerFacts:
    """A trade closed as missed, whose first order has filled all the same."""
    fill: Fill = RECORD.fills[0]
    zero = Decimal(0)
    closed = trade(outcome=Outcome.MISSED, hedged=zero, unwound=zero, residual=zero, pnl=zero)
    facts = ledger(trades=(closed,), orders=(order(0, filled=zero),), fills=(fill,))
    return replace(facts, known=frozenset({known} - {""}))


def test_a_late_fill_is_excused_as_so_many_shares_and_no_more() -> None:
    fill = RECORD.fills[0]
    broken(shares_accounted(late()), "it declares hedged 0")
    finding = shares_accounted(late(f"kalshi/{fill.order_id}=10"))
    assert finding.holds
    assert "closed before some fills, acknowledged" in finding.note
    assert not shares_accounted(late(f"kalshi/{fill.order_id}=9")).holds
    assert shares_accounted(late(f"kalshi/late_fill-until-{fill.at}")).holds
    assert not shares_accounted(late(f"kalshi/late_fill-until-{fill.at - 1}")).holds
