"""What a trade leaves on the metrics page: each stay, each closing, each unknown once, however often it is shown."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from prometheus_client import REGISTRY

from domain.evidence import OrderEvidence, OrderStatus
from domain.orders import SubmitResult, Verdict
from domain.requests import EvidenceRequest
from domain.trade import Entry, Outcome, TradeRecord, TradeState
from tests.ledger.samples import START, intent, ticket
from workers.measures import Measures, visits

MS = 1_000
S = TradeState
PLANNED = intent()
ORDER = ticket(PLANNED)


def read(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"surefoot_{name}", labels) or 0.0


def record(state: S, *story: tuple[S, int], at: int | None = None, nonce: int = 0) -> TradeRecord:
    """States with the milliseconds at which each was entered."""
    zero = Decimal(0)
    entered = tuple(Entry(entry, START + ms * MS) for entry, ms in story)
    outcome = Outcome.HEDGED
    told = entered[-1].at if at is None else START + at * MS
    blank = TradeRecord(f"i-{nonce}", state, outcome, zero, zero, zero, zero, zero, (), (), (), revision=1, at=told)
    return replace(blank, entered=entered)


TO_REST = ((S.PLANNED, 0), (S.LEG_A, 1), (S.RECHECK, 26), (S.HEDGED, 75), (S.SETTLING, 81))


def test_a_stay_lasts_from_its_entry_to_the_next_and_the_present_one_has_not_ended() -> None:
    stays = [(visit.state, visit.lasted // MS) for visit in visits(record(S.SETTLING, *TO_REST))]
    assert stays == [(S.PLANNED, 1), (S.LEG_A, 25), (S.RECHECK, 49), (S.HEDGED, 6)]


def test_a_rest_counts_what_came_before_it_once_and_the_close_counts_the_rest() -> None:
    measures = Measures()
    before = {state: read("state_seconds_count", state=state) for state in S}
    closed, unhedged = read("trades_closed_total", outcome="hedged"), read("unhedged_notional_seconds_total")
    for _ in range(2):  # the activity was repeated: its answer was lost
        measures.rested(record(S.SETTLING, *TO_REST, nonce=1), Decimal("1.5"))
    measures.rested(record(S.SETTLING, *TO_REST, at=60_000, nonce=1), Decimal("1.5"))  # woken, still waiting
    assert read("trades_closed_total", outcome="hedged") == closed
    for _ in range(2):
        measures.rested(record(S.CLOSED, *TO_REST, (S.CLOSED, 90_000), nonce=1), Decimal("1.5"))
    counted = {state: read("state_seconds_count", state=state) - before[state] for state in S}
    passed = (S.PLANNED, S.LEG_A, S.RECHECK, S.HEDGED, S.SETTLING)
    assert {state: n for state, n in counted.items() if n} == dict.fromkeys(passed, 1)
    assert read("trades_closed_total", outcome="hedged") - closed == 1
    assert read("unhedged_notional_seconds_total") - unhedged == 1.5


def test_a_rest_that_began_in_another_process_is_not_counted_again_by_the_one_that_closes_it() -> None:
    before = read("state_seconds_count", state="LEG_A"), read("unhedged_notional_seconds_total")
    woken = Measures()
    woken.rested(record(S.SETTLING, *TO_REST, at=3_600_000, nonce=2), Decimal(2))
    woken.rested(record(S.CLOSED, *TO_REST, (S.CLOSED, 3_600_001), nonce=2), Decimal(2))
    assert (read("state_seconds_count", state="LEG_A"), read("unhedged_notional_seconds_total")) == before


def test_a_trade_reopened_from_its_rest_counts_only_what_is_new() -> None:
    measures = Measures()
    measures.rested(record(S.SETTLING, *TO_REST, nonce=3), Decimal(0))
    before = {state: read("state_seconds_count", state=state) for state in S}
    again = (*TO_REST, (S.REBALANCE, 600), (S.HEDGED, 650), (S.SETTLING, 651))
    measures.rested(record(S.SETTLING, *again, nonce=3), Decimal(0))
    counted = {state: read("state_seconds_count", state=state) - before[state] for state in S}
    assert {state for state, n in counted.items() if n} == {S.SETTLING, S.REBALANCE, S.HEDGED}


def test_a_trade_that_never_rested_counts_whole_as_it_closes() -> None:
    before = read("state_seconds_sum", state="LEG_A"), read("trades_closed_total", outcome="hedged")
    story = ((S.PLANNED, 0), (S.LEG_A, 5), (S.MISSED, 12), (S.CLOSED, 15))
    Measures().rested(record(S.CLOSED, *story, nonce=4), Decimal(0))
    assert read("state_seconds_sum", state="LEG_A") - before[0] == pytest.approx(0.007)
    assert read("trades_closed_total", outcome="hedged") - before[1] == 1


def test_an_unknown_lasts_from_its_sending_to_the_first_word_that_settles_it() -> None:
    measures = Measures()
    before = read("unknown_seconds_count"), read("unknown_seconds_sum")
    asked = EvidenceRequest(ORDER, None, START, 3_000)
    unseen = OrderEvidence(ORDER.client_order_id, OrderStatus.UNSEEN)
    measures.answered(asked, unseen, START + 100 * MS)
    assert read("unknown_seconds_count") == before[0]
    done = replace(unseen, status=OrderStatus.DONE)
    for later in (250, 350):
        measures.answered(asked, done, START + later * MS)
    assert read("unknown_seconds_count") - before[0] == 1
    assert read("unknown_seconds_sum") - before[1] == pytest.approx(0.25)


def test_an_order_the_venue_gave_an_id_was_not_unknown() -> None:
    before = read("unknown_seconds_count")
    resting = OrderEvidence(ORDER.client_order_id, OrderStatus.RESTING)
    Measures().answered(EvidenceRequest(ORDER, "o-1", START, 0), resting, START + MS)
    assert read("unknown_seconds_count") == before


def test_an_answer_is_timed_from_its_sending_and_leg_a_from_its_decision() -> None:
    before = read("submit_seconds_count", verdict="accepted"), read("intent_to_send_seconds_sum")
    answer = SubmitResult(Verdict.ACCEPTED, at=PLANNED.decided_at + 30 * MS)
    Measures().submitted(ORDER, answer, PLANNED, PLANNED.decided_at + 20 * MS)
    assert read("submit_seconds_count", verdict="accepted") - before[0] == 1
    assert read("intent_to_send_seconds_sum") - before[1] == pytest.approx(0.02)


def test_the_buckets_of_states_and_unknowns_resolve_milliseconds() -> None:
    for name in ("state_seconds", "unknown_seconds"):
        family = next(family for family in REGISTRY.collect() if family.name == f"surefoot_{name}")
        bounds = {float(sample.labels["le"]) for sample in family.samples if sample.name.endswith("_bucket")}
        assert {0.0005, 0.001, 0.002, 0.005, 0.01, 3600.0} <= bounds
