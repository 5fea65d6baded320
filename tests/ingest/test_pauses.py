"""The table of what fails and what then trades, caused row by row on the engine; and why, when somebody asks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from domain.admission import AdmissionLimits, Load
from domain.decisions import Gate
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import Venue
from ingest.engine import Engine
from ingest.firewall import QuoteLimits
from ingest.guard import FirewallRules
from ingest.readiness import Change, Pauses, Phase
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from ingest.why import plain
from recording.recorded_engine import TapedEngine
from recording.recorder import Recorder
from recording.rerun import Verdict, rerun, until
from recording.session_reader import RecordedEvents
from recording.session_setup import Rules, Setup
from tests.ingest.test_halts import MS, T0, A, B, spec
from venues.kalshi import frames
from venues.market_events import Doubt

S = 1_000_000
SHARES = 200 * 10**6
PATIENT = GateLimits(max_open_per_pair=1_000, max_book_age_ms=10_000_000, max_skew_ms=10_000_000)


class Books:
    """Both books of one pair; `offer` makes an edge of it for a moment and says what came of that."""

    def __init__(self, settle: int = 0, firewall: FirewallRules | None = None, make: Any = Engine, **more: Any) -> None:
        self.intents: list[Intent] = []
        self.refused: list[tuple[Gate, str]] = []
        self.changes: list[Change] = []
        self.engine: Engine = make(
            baskets([OutcomeSet((spec(A), spec(B)))], SetParams(), PATIENT, LegPolicy()),
            PATIENT,
            self.intents.append,
            lambda seen: self.refused.append((seen.gate, seen.detail)),
            settle=settle,
            firewall=firewall or FirewallRules(),
            on_phase=self.changes.append,
            **more,
        )
        self.seq = 0

    def snapshots(self, at: int) -> None:
        for market, bid, ask in ((A, 47, 56), (B, 44, 46)):
            self.seq += 1
            yes, no = [(bid * 10_000, SHARES)], [((100 - ask) * 10_000, SHARES)]
            self.engine.on_frame(frames.snapshot(1, self.seq, market, yes, no, yes_price=True), T0 + at, Venue.KALSHI)

    def change(self, at: int, cents: int, contracts: int) -> None:
        """A's ask at `cents`."""
        self.seq += 1
        raw = frames.delta(1, self.seq, A, "no", (100 - cents) * 10_000, contracts * 10**6, T0 + at, yes_price=True)
        self.engine.on_frame(raw, T0 + at, Venue.KALSHI)

    def offer(self, at: int) -> str:
        """An edge that comes and goes within a millisecond: "traded", or the gate that was shut."""
        intents, refused = len(self.intents), len(self.refused)
        self.change(at, 50, 30)
        self.change(at + MS, 50, -30)
        if len(self.intents) > intents:
            return "traded"
        return str(self.refused[-1][0]) if len(self.refused) > refused else "nothing"


def running(**more: Any) -> Books:
    """Everything expected holds, and has for long enough."""
    books = Books(settle=S, **more)
    for name, pauses in (("feed kalshi", Pauses.VENUE), ("temporal", Pauses.ALL)):
        books.engine.expect(name, pauses, feed=pauses is Pauses.VENUE)
        books.engine.on_condition(name, True, "", T0, pauses)
    books.snapshots(0)
    books.engine.on_time(T0 + S)
    assert books.offer(2 * S) == "traded"
    return books


def test_until_everything_has_held_opportunities_are_seen_and_not_taken() -> None:
    books = Books(settle=S)
    books.engine.expect("temporal")
    books.snapshots(0)
    assert books.offer(2 * S) == Gate.PAUSED
    assert books.refused == [(Gate.PAUSED, "warming: temporal: not heard of yet")]
    books.engine.on_condition("temporal", True, "", T0 + 3 * S)
    assert books.offer(3 * S + S // 2) == Gate.PAUSED
    assert books.offer(4 * S) == "traded"


def test_temporal_down_pauses_everything_and_trading_resumes_by_itself() -> None:
    books = running()
    books.engine.on_condition("temporal", False, "it does not answer", T0 + 3 * S)
    assert books.offer(4 * S) == Gate.PAUSED
    assert books.refused[-1][1] == "degraded: temporal: it does not answer"
    books.engine.on_condition("temporal", True, "", T0 + 5 * S)
    assert (books.offer(5 * S), books.offer(6 * S)) == (Gate.PAUSED, "traded")


def test_a_clock_that_is_behind_its_venues_pauses_everything() -> None:
    books = running()
    books.engine.on_condition("clock kalshi", False, "ours is 0.700 s behind the venue's", T0 + 3 * S)
    assert books.offer(4 * S) == Gate.PAUSED


def test_a_ledger_that_is_away_pauses_nothing() -> None:
    books = running()
    books.engine.on_condition("ledger", False, "Postgres is gone", T0 + 3 * S, Pauses.NOTHING)
    assert books.offer(4 * S) == "traded"
    assert books.engine.readiness.phase is Phase.RUNNING


def test_a_warm_cache_that_is_away_pauses_nothing() -> None:
    books = running()
    books.engine.on_condition("warm cache", False, "Redis is gone", T0 + 3 * S, Pauses.NOTHING)
    assert books.offer(4 * S) == "traded"


def test_a_spot_feed_that_is_gone_pauses_no_strategy_that_looks_at_none() -> None:
    books = running()
    books.engine.on_condition("spot coinbase", False, "no tick for 5 s", T0 + 3 * S, Pauses.FEATURES)
    assert books.offer(4 * S) == "traded"
    assert books.engine.readiness.phase is Phase.DEGRADED


def test_a_venues_feed_that_is_down_trades_nothing_and_its_books_settle_after_it_came_back() -> None:
    books = running()
    books.engine.on_state(False, "silent for 10.0 s", Venue.KALSHI)
    books.engine.on_condition("feed kalshi", False, "silent for 10.0 s", T0 + 3 * S, Pauses.VENUE)
    assert books.engine.readiness.phase is Phase.DEGRADED
    books.engine.on_state(True, "", Venue.KALSHI)
    books.engine.on_condition("feed kalshi", True, "", T0 + 5 * S, Pauses.VENUE)
    books.snapshots(5 * S)
    assert (books.offer(5 * S + S // 2), books.offer(6 * S + MS)) == (Gate.WARMING, "traded")


def test_a_book_that_lost_belief_stops_its_own_market_only_and_settles_again() -> None:
    books = running()
    books.engine.on_gap((A,), Venue.KALSHI, Doubt.BEST)
    assert books.offer(3 * S) == Gate.GAPPED
    assert books.engine.readiness.phase is Phase.RUNNING
    books.snapshots(4 * S)
    assert (books.offer(4 * S + MS), books.offer(5 * S + MS)) == (Gate.WARMING, "traded")
    assert books.refused[-1] == (Gate.WARMING, f"{A} is believed for 0.001 s; limit 1 s")


def test_a_process_that_is_told_to_stop_takes_nothing_more() -> None:
    books = running()
    books.engine.on_stop(T0 + 3 * S)
    assert books.offer(4 * S) == Gate.PAUSED


# ---------------------------------------------------------------------- the quote firewall


def test_a_mid_that_leaps_is_refused_where_the_rules_name_its_market_and_nowhere_else() -> None:
    limits = QuoteLimits(void=900_000, wide=900_000, lean=50.0, prior=0.001)
    for names, seen in ((("KXCUP",), Gate.JUMP), (("kalshi",), Gate.JUMP), (("KXOTHER",), "traded"), ((), "traded")):
        books = Books(firewall=FirewallRules(names, limits))
        books.snapshots(0)
        for step in range(5):  # a calm market
            books.change((1 + step) * 100 * MS, 55 - step % 2, 1)
        assert offer_lower(books, 1 * S) == seen, names


def offer_lower(books: Books, at: int) -> str:
    """A's ask falls from 56 to 48 cents at once: its mid leaps."""
    intents, refused = len(books.intents), len(books.refused)
    books.change(at, 48, 30)
    books.change(at + MS, 48, -30)
    if len(books.intents) > intents:
        return "traded"
    return str(books.refused[-1][0]) if len(books.refused) > refused else "nothing"


# ---------------------------------------------------------------------- what is recorded, and why


def test_a_recording_of_conditions_replays_to_the_same_decisions_and_answers_why_at_any_moment(tmp_path: Path) -> None:
    rules = Rules(settle_ms=1_000, gates=PATIENT)
    setup = Setup(name="now", origin="test", started_at=T0, instruments=(spec(A), spec(B)), sets=((A, B),), rules=rules)
    recorder = Recorder(tmp_path, setup)
    recorder.start()
    books = running(make=partial(TapedEngine, recorder))
    books.engine.on_users(False, "closed", Venue.KALSHI)
    assert books.offer(3 * S) == Gate.USERS
    books.engine.on_users(True, "", Venue.KALSHI)
    books.engine.on_condition("temporal", False, "it does not answer", T0 + 4 * S)
    books.engine.on_time(T0 + 5 * S)
    assert books.offer(6 * S) == Gate.PAUSED
    books.engine.on_condition("temporal", True, "", T0 + 7 * S)
    assert books.offer(9 * S) == "traded"
    books.engine.on_stop(T0 + 10 * S)
    books.engine.finish()
    assert recorder.close()
    session = RecordedEvents(tmp_path)
    again = rerun(session)
    assert (again.verdict, len(again.intents)) == (Verdict.SAME, 2)
    then = plain(until(session, T0 + 6 * S + MS // 2))
    assert (then["phase"], then["why"]) == ("degraded", "temporal: it does not answer")
    settling = plain(until(session, T0 + 7 * S + MS // 2))
    assert (settling["phase"], settling["why"]) == ("degraded", "everything has held for 0.0 s of 1 s")
    assert [condition["name"] for condition in then["conditions"] if not condition["ok"]] == ["temporal"]
    assert then["strategies"][0]["why"] == "paused: degraded: temporal: it does not answer"
    later = plain(until(session, T0 + 9 * S + 2 * MS))
    assert (later["phase"], later["why"], later["strategies"][0]["gate"]) == ("running", "", None)
    assert later["strategies"][0]["why"] == "no edge: a share of each costs $1.02 and pays $1.00"


def test_an_answer_names_the_gate_the_missing_side_the_missing_edge_or_that_it_would_trade() -> None:
    books = Books()
    reason = books.engine.reasons(T0)[0]
    assert reason.words == "not_ready: a book waits for its snapshot"
    books.snapshots(0)
    assert books.engine.reasons(T0 + 3_600 * S)[0].words == "no edge: a share of each costs $1.02 and pays $1.00"
    books.change(2 * S, 50, 30)
    reason = books.engine.reasons(T0 + 2 * S)[0]
    assert reason.words == "nothing: it trades at the next change of one of its books"
    assert reason.names("kxcup-26")
    assert reason.names(B)
    assert not reason.names("KXOTHER")
    books.change(3 * S, 50, -30)
    books.change(3 * S, 56, -200)
    assert books.engine.reasons(T0 + 3 * S)[0].words == "a side that it needs is empty"


def test_what_was_under_way_is_recorded_too_and_decides_a_replay_alike(tmp_path: Path) -> None:
    limits = AdmissionLimits(2, None)
    rules = Rules(settle_ms=1_000, gates=PATIENT, admission=limits)
    setup = Setup(name="now", origin="test", started_at=T0, instruments=(spec(A), spec(B)), sets=((A, B),), rules=rules)
    recorder = Recorder(tmp_path, setup)
    recorder.start()
    books = running(make=partial(TapedEngine, recorder), admission=limits)
    books.engine.on_load(Load(5))
    assert books.offer(4 * S) == Gate.BUSY
    books.engine.on_load(Load(0))
    assert books.offer(7 * S) == "traded"
    books.engine.finish()
    assert recorder.close()
    again = rerun(RecordedEvents(tmp_path))
    assert (again.verdict, len(again.intents)) == (Verdict.SAME, 2)
