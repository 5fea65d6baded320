"""What real recordings prove: real edges are found, doubtful books yield nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.decisions import Gate
from domain.limits import GateLimits, SetParams
from domain.orders import Side
from recording.replay import ReplayResult, replay
from recording.sources.choose import takeable
from recording.sources.open import open_recording
from recording.sources.session import RecordedSession
from tests.places import SHARED_FOLDER

SHARED = SHARED_FOLDER / "data"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="recordings are not in ../shared/data"),
]


def game(folder: str, name: str) -> RecordedSession:
    return open_recording(str(SHARED / folder), game=name, whole=True)


def assert_fresh(result: ReplayResult) -> None:
    """No intent rests on books of different instants, a crossed book, or a frame from the future."""
    limits = GateLimits()
    for intent in result.intents:
        first, second = (evidence.exchange_at for evidence in intent.evidence)
        assert abs(first - second) <= limits.max_skew_ms * 1000
        assert max(first, second) == intent.decided_at
        assert all(e.bid is None or e.ask is None or e.bid < e.ask for e in intent.evidence)


def test_toronto_charlotte_has_about_twenty_short_episodes_and_yields_intents() -> None:
    session = game("kalshi_nba_winners", "TOR-CHA")
    spells = takeable(session)
    assert 19 <= len(spells) <= 22
    assert 1_500_000 < sum(spell.end - spell.start for spell in spells) < 2_000_000
    result = replay(session, trade_ms=0)
    assert len(result.intents) >= len(spells)
    assert result.suppressed == {}
    assert_fresh(result)
    assert result.fingerprint == replay(session, trade_ms=0).fingerprint


def test_the_default_window_of_toronto_charlotte_yields_intents() -> None:
    result = replay(open_recording(str(SHARED / "kalshi_nba_winners"), game="TOR-CHA"))
    assert len(result.intents) >= 10
    assert_fresh(result)


def test_the_stale_rows_of_boston_denver_yield_nothing_and_say_so() -> None:
    result = replay(game("kalshi_nba_winners", "BOS-DEN"))
    assert result.suppressed == {Gate.STALE: 2}
    assert all("last changed" in suppression.detail for suppression in result.suppressions)
    # One real episode remains: 37 ms with both books changed within 2 ms of each other. Somebody took both sides of it.
    assert len(result.intents) == 1
    assert_fresh(result)


@pytest.mark.parametrize("name", ["ATL-NOP", "HOU-POR"])
def test_games_without_an_edge_yield_nothing_at_all(name: str) -> None:
    result = replay(game("kalshi_nba_winners", name))
    assert result.intents == ()
    assert result.suppressions == ()


def test_the_corrupt_recording_yields_nothing_and_names_crossed_and_stale_books() -> None:
    result = replay(game("kalshi_corrupt", "MIA-MIN"))
    assert result.intents == ()
    assert set(result.suppressed) == {Gate.CROSSED, Gate.STALE}
    assert result.suppressed[Gate.CROSSED] > 10


def test_the_file_with_conflict_markers_read_tolerantly_keeps_every_bad_line_and_yields_nothing(tmp_path: Path) -> None:
    aside = tmp_path / "aside.jsonl"
    source = SHARED / "kalshi_corrupt" / "orderbook_snapshots_20260208.csv.gz"
    session = open_recording(str(source), game="SEA-NE", whole=True, tolerate=True, quarantine=aside)
    lines = aside.read_text().splitlines()
    assert '"line": 118' in lines[0]
    assert f"{len(lines)} lines set aside" in session.notes[0]
    assert replay(session).intents == ()


def test_selling_both_teams_finds_short_episodes_in_toronto_charlotte_and_none_in_the_crossed_books() -> None:
    params = SetParams(sell=True)
    result = replay(game("kalshi_nba_winners", "TOR-CHA"), params=params)
    sides = {side: sum(intent.legs[0].side is side for intent in result.intents) for side in Side}
    assert sides[Side.BUY] >= 10
    assert sides[Side.SELL] >= 10
    assert_fresh(result)
    assert replay(game("kalshi_corrupt", "MIA-MIN"), params=params).intents == ()


def test_selling_is_off_because_bids_of_a_polled_recording_stand_above_a_dollar_and_pass_every_gate(
    tmp_path: Path,
) -> None:
    source = SHARED / "kalshi_corrupt" / "orderbook_snapshots_20260208.csv.gz"
    aside = tmp_path / "aside.jsonl"
    session = open_recording(str(source), game="SEA-NE", whole=True, tolerate=True, quarantine=aside)
    believed = replay(session, params=SetParams(sell=True)).intents
    assert {leg.side for intent in believed for leg in intent.legs} == {Side.SELL}
    assert not SetParams().sell
