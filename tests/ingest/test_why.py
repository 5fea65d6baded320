"""`surefoot why` in a quiet market: every reason that would stop a trade now, the most serious first."""

from __future__ import annotations

import json

import pytest

from cli import why
from domain.decisions import Gate
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from ingest.gates import Halts
from ingest.readiness import Pauses
from ingest.why import plain
from tests.ingest.test_engine import Feed
from tests.ingest.test_halts import MS, T0
from tests.ingest.test_pauses import PATIENT, Books, S, running

QUIET = T0 + (PATIENT.max_book_age_ms + 60_000) * MS
HALT = Halt("h-1", Scope.ALL, "", Rule.OPERATOR, "night", "pause for test", T0)
NO_EDGE = "no edge: a share of each costs $1.02 and pays $1.00"


def quiet() -> Books:
    """Nothing has changed for longer than a book may be old."""
    books = running()
    books.engine.trade_closed(books.intents[0].pair)
    return books


def test_a_quiet_market_with_nothing_wrong_says_that_there_is_no_edge() -> None:
    assert quiet().engine.reasons(QUIET)[0].reasons == (NO_EDGE,)


def test_a_halt_is_not_hidden_by_a_market_that_fell_silent() -> None:
    books = quiet()
    books.engine.on_halts(Halts((HALT,)))
    reason = books.engine.reasons(QUIET)[0]
    assert reason.gate is Gate.HALTED
    assert reason.reasons == (f"halted: {HALT}", NO_EDGE)


def test_nor_are_a_pause_a_private_channel_and_an_open_trade_and_each_of_them_is_named() -> None:
    feed = Feed().ready()
    engine = feed.engine
    engine.trade_opened("KXCUP-26")
    engine.on_halts(Halts((HALT,)))
    engine.on_users(False, "connection closed", Venue.KALSHI)
    engine.on_condition("temporal", False, "it does not answer", T0 + 3 * S, Pauses.ALL)
    reason = engine.reasons(QUIET)[0]
    assert [gate for gate, _ in reason.gates] == [Gate.HALTED, Gate.PAUSED, Gate.USERS, Gate.OPEN_TRADE]
    assert reason.reasons[-1] == NO_EDGE


def test_what_is_halted_is_said_before_the_conditions_that_hold_and_each_reason_has_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    books = quiet()
    books.engine.expect("halts")
    books.engine.on_condition("halts", True, "", QUIET - 9 * S)
    books.engine.on_halts(Halts((HALT,)))
    why._show(json.loads(json.dumps(plain(books.engine.answer(QUIET)), default=str)), whole=False)
    said = capsys.readouterr().out
    assert said.index("✗ halted: h-1: everything halted by night") < said.index("✓")
    assert "halts are read" in said
    assert NO_EDGE in said
