"""Who won: said by the source, shown by the last books, or not known; never guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import BadInput
from recording.sources import session_file, synth
from recording.sources.open import open_recording
from recording.sources.session import BookReset, RecordedSession, Result
from recording.sources.tickers import market
from recording.sources.winners import winners

E, A, B, C = "KXG-1", "KXG-1-A", "KXG-1-B", "KXG-1-C"
CENT, LOT = 10_000, 1_000_000

Sides = tuple[int | None, int | None]  # best YES bid and best YES ask, in cents


def ended(*books: tuple[str, Sides], results: tuple[Result, ...] = ()) -> RecordedSession:
    """A session whose last books these are; before them every market stood at 50."""
    log = [BookReset(1, name, ((50 * CENT, LOT),), ((50 * CENT, LOT),)) for name, _ in books]
    for name, (bid, ask) in books:
        yes = () if bid is None else ((bid * CENT, LOT), (CENT, LOT))
        no = () if ask is None else ((LOT - ask * CENT, LOT), (CENT, LOT))
        log.append(BookReset(2, name, yes, no))
    return RecordedSession("ended", tuple(market(name, E, name) for name, _ in books), tuple(log), (), results)


@pytest.mark.parametrize(
    ("books", "winner"),
    [
        ([(A, (95, 96)), (B, (4, 5))], A),
        ([(A, (1, 2)), (B, (99, None))], B),
        ([(A, (None, 1)), (B, (99, None)), (C, (None, 3))], B),
        ([(A, (94, 96)), (B, (4, 5))], None),
        ([(A, (95, 96)), (B, (4, 6))], None),
        ([(A, (95, 96)), (B, (4, None))], None),
        ([(A, (97, 98)), (B, (97, 98))], None),
        ([(A, (99, None)), (B, (None, 1)), (C, (20, 30))], None),
        ([(A, (None, None)), (B, (None, None))], None),
        ([(A, (99, None))], None),
    ],
)
def test_the_last_books_show_a_winner_only_if_all_of_them_agree(
    books: list[tuple[str, Sides]], winner: str | None
) -> None:
    assert winners(ended(*books)) == {E: winner}


def test_what_the_source_says_stands_above_what_its_books_show() -> None:
    session = ended((A, (50, 52)), (B, (48, 50)), results=(Result(E, B),))
    assert winners(session) == {E: B}


def test_every_synthetic_event_has_the_winner_its_plan_drew() -> None:
    for seed in (3, 7, 11):
        assert winners(synth.make(seed)) == synth.plan(seed).winners


def test_results_survive_the_session_file_and_any_window(tmp_path: Path) -> None:
    game = replace(ended((A, (50, 52)), (B, (48, 50))), results=(Result(E, B),))
    path = tmp_path / "x.session.jsonl"
    path.write_bytes(b"".join(session_file.lines(game)))
    assert json.loads(path.read_text().splitlines()[0])["results"] == [{"event": E, "winner": B}]
    assert session_file.read(path) == game
    assert winners(open_recording(str(path), whole=True)) == {E: B}


def test_a_result_for_a_market_that_is_not_the_events_is_refused(tmp_path: Path) -> None:
    game = replace(ended((A, (50, 52)), (B, (48, 50))), results=(Result("KXOTHER", B),))
    path = tmp_path / "x.session.jsonl"
    path.write_bytes(b"".join(session_file.lines(game)))
    with pytest.raises(BadInput, match="is said to win KXOTHER"):
        session_file.read(path)


def test_a_session_without_results_is_written_as_before() -> None:
    header = json.loads(next(iter(session_file.lines(ended((A, (50, 52)), (B, (48, 50)))))))
    assert "results" not in header
