"""Equivalence records: exact worst payoffs, and versions that only named people move."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.claims import (
    ClaimStatus,
    EquivalenceRecord,
    Instrument,
    JointOutcome,
    Pays,
    changed_texts,
    crosses,
    proposal,
    refusal,
    rules_hash,
    split_pin,
)
from domain.errors import BadInput
from domain.market import Venue
from domain.orders import Side

ONE, ZERO, HALF = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0)), Pays.exactly(Decimal("0.5"))
OPEN = Pays(Decimal(0), Decimal(1))
RULES = {"KX-BOS": "Boston wins. Void: last fair price.", "11": "Celtics. Canceled: 50-50.", "22": "Knicks. Same."}


def instrument(venue: Venue, market: str, meaning: str) -> Instrument:
    return Instrument(venue, market, meaning, rules_hash(RULES[market]))


GAME = (
    instrument(Venue.KALSHI, "KX-BOS", "Boston wins"),
    instrument(Venue.POLYMARKET, "11", "Celtics win"),
    instrument(Venue.POLYMARKET, "22", "Knicks win"),
)
PLAYED = (JointOutcome("Boston", (ONE, ONE, ZERO)), JointOutcome("New York", (ZERO, ZERO, ONE)))


def proposed(*more: JointOutcome) -> EquivalenceRecord:
    return proposal("Boston at New York", GAME, (*PLAYED, *more), "surefoot match", "names and date agree", 1)


def by_places(record: EquivalenceRecord) -> dict[tuple[tuple[int, int], tuple[Side, Side]], Decimal]:
    return {(cross.places, cross.sides): cross.worst for cross in crosses(record, (Venue.KALSHI,))}


def test_one_claim_bought_here_and_its_opposite_there_pays_a_dollar() -> None:
    found = by_places(proposed())
    assert found[(0, 2), (Side.BUY, Side.BUY)] == 1
    assert found[(0, 1), (Side.SELL, Side.BUY)] == 0  # received for selling, given back if it wins
    assert set(found) == {((0, 2), (Side.BUY, Side.BUY)), ((0, 1), (Side.SELL, Side.BUY))}


def test_a_void_that_pays_differently_is_what_the_worst_payoff_is() -> None:
    record = proposed(JointOutcome("abandoned", (ZERO, HALF, HALF)))
    assert by_places(record)[(0, 2), (Side.BUY, Side.BUY)] == Decimal("0.5")
    worst, outcome = record.worst({0: Side.BUY, 2: Side.BUY})
    assert (worst, outcome.name) == (Decimal("0.5"), "abandoned")


def test_an_open_payout_counts_at_its_lowest_when_held_and_at_its_highest_when_sold() -> None:
    record = proposed(JointOutcome("abandoned", (OPEN, HALF, HALF)))
    assert by_places(record)[(0, 2), (Side.BUY, Side.BUY)] == Decimal("0.5")
    assert by_places(record)[(0, 1), (Side.SELL, Side.BUY)] == Decimal("-0.5")


def test_nothing_is_sold_at_a_venue_that_sells_only_what_is_held() -> None:
    assert {cross.sides for cross in crosses(proposed(), sellable=())} == {(Side.BUY, Side.BUY)}


amounts = st.integers(0, 100).map(lambda cents: Decimal(cents) / 100)
payouts = st.tuples(amounts, amounts).map(lambda two: Pays(min(two), max(two)))


@st.composite
def records(draw: st.DrawFn) -> EquivalenceRecord:
    count = draw(st.integers(2, 4))
    venues = draw(st.lists(st.sampled_from([Venue.KALSHI, Venue.POLYMARKET]), min_size=count, max_size=count))
    legs = [Instrument(venue, f"m{n}", "wins", "0" * 64) for n, venue in enumerate(venues)]
    rows = draw(st.lists(st.tuples(*(payouts for _ in range(count))), min_size=2, max_size=5))
    return proposal("any", legs, [JointOutcome(f"o{n}", row) for n, row in enumerate(rows)], "a", "b", 0)


@given(records(), st.data())
def test_no_way_it_can_end_pays_less_than_the_worst_payoff_and_one_pays_just_that(
    record: EquivalenceRecord, data: st.DataObject
) -> None:
    legs = {n: data.draw(st.sampled_from(list(Side))) for n in range(len(record.instruments))}
    worst, named = record.worst(legs)
    seen: list[Decimal] = []
    for outcome in record.outcomes:  # every end of every range, one by one
        for ends in product(*((paid.low, paid.high) for paid in outcome.pays)):
            paid = sum((end if legs[n] is Side.BUY else -end for n, end in enumerate(ends)), Decimal(0))
            seen.append(paid)
            assert paid >= worst
    assert min(seen) == worst
    assert named in record.outcomes


@given(records(), st.data())
def test_more_outcomes_never_raise_the_worst_payoff(record: EquivalenceRecord, data: st.DataObject) -> None:
    legs = {n: data.draw(st.sampled_from(list(Side))) for n in range(len(record.instruments))}
    more = JointOutcome("another", data.draw(st.tuples(*(payouts for _ in record.instruments))))
    longer = proposal("any", record.instruments, (*record.outcomes, more), "a", "b", 0)
    assert longer.worst(legs)[0] <= record.worst(legs)[0]


@given(records())
def test_the_two_sides_of_a_cross_are_of_two_venues_and_can_make_a_profit_at_some_price(
    record: EquivalenceRecord,
) -> None:
    for cross in crosses(record, (Venue.KALSHI,)):
        here, there = (record.instruments[place].venue for place in cross.places)
        assert here is not there
        cheapest = -sum(side is Side.SELL for side in cross.sides)
        assert cross.worst > cheapest
        assert cross.worst == record.worst(dict(zip(cross.places, cross.sides, strict=True)))[0]


def test_the_same_markets_are_one_claim_in_whatever_order_they_are_named() -> None:
    turned = [JointOutcome(row.name, row.pays[::-1]) for row in PLAYED]
    again = proposal("the same game", GAME[::-1], turned, "somebody", "looked again", 9)
    assert again.id == proposed().id
    assert (again.version, again.status) == (1, ClaimStatus.PROPOSED)


def test_only_what_is_approved_in_its_newest_version_may_be_traded() -> None:
    first = proposed()
    approved = first.decided(ClaimStatus.APPROVED, "Ada", "read both texts", 2)
    suspended = approved.decided(ClaimStatus.SUSPENDED, "rules watch", "a text changed", 3)
    again = suspended.decided(ClaimStatus.APPROVED, "Ada", "only a typo", 4)
    assert [one.version for one in (first, approved, suspended, again)] == [1, 2, 3, 4]
    assert refusal(approved.pin, approved) == ""
    assert "not in the ledger" in refusal(first.pin, None)
    assert "proposed" in refusal(first.pin, first)
    assert "suspended" in refusal(suspended.pin, suspended)
    assert "no longer the newest" in refusal(approved.pin, again)
    assert split_pin(again.pin) == (again.id, 4)


def test_a_withdrawn_claim_stays_withdrawn_and_no_step_is_skipped() -> None:
    withdrawn = proposed().decided(ClaimStatus.WITHDRAWN, "Ada", "another fight", 2)
    for status in ClaimStatus:
        with pytest.raises(BadInput, match="comes nothing"):
            withdrawn.decided(status, "Ada", "again", 3)
    with pytest.raises(BadInput, match="approved, withdrawn"):
        proposed().decided(ClaimStatus.SUSPENDED, "Ada", "why not", 2)


@pytest.mark.parametrize(("author", "reason"), [("", "because"), ("Ada", " ")])
def test_nobody_approves_without_a_name_and_a_reason(author: str, reason: str) -> None:
    with pytest.raises(BadInput, match="name"):
        proposed().decided(ClaimStatus.APPROVED, author, reason, 2)


def test_a_rule_text_that_says_something_else_is_noticed_and_one_that_breaks_its_lines_elsewhere_is_not() -> None:
    record = proposed()
    texts = {one.key: RULES[one.market].replace(". ", ".\n ") for one in GAME}
    assert changed_texts(record, texts) == ()
    texts[Venue.POLYMARKET, "22"] = "Knicks. Canceled: No."
    (said,) = changed_texts(record, texts)
    assert "22 on polymarket" in said
    assert changed_texts(record, {}) == ()


@pytest.mark.parametrize(
    ("instruments", "outcomes", "why"),
    [
        (GAME[:1], PLAYED, "two or more"),
        ((GAME[0], GAME[0]), PLAYED, "twice"),
        (GAME, PLAYED[:1], "two or more"),
        (GAME, (PLAYED[0], PLAYED[0]), "name of its own"),
        (GAME, (PLAYED[0], JointOutcome("short", (ONE,))), "1 payouts for 3"),
        (GAME, (PLAYED[0], JointOutcome("rich", (ONE, ONE, Pays.exactly(Decimal(2))))), "from 0 to 1"),
        ((*GAME[:2], Instrument(Venue.POLYMARKET, "22", "Knicks win", "abc")), PLAYED, "64 hex digits"),
        ((*GAME[:2], Instrument(Venue.POLYMARKET, "22", " ", "0" * 64)), PLAYED, "meaning"),
    ],
)
def test_a_record_that_says_too_little_is_refused(
    instruments: tuple[Instrument, ...], outcomes: tuple[JointOutcome, ...], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        proposal("a game", instruments, outcomes, "Ada", "looked", 1)


def test_a_pin_that_is_none_is_refused() -> None:
    for text in ("c-12", "c-12@", "@3", "c-12@x", "c-12@³"):
        with pytest.raises(BadInput, match="pins no claim"):
            split_pin(text)
