"""What `surefoot resolve` takes for a result, and what it makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cli import paper, resolve
from config.settings import PaperSession
from domain.errors import BadInput
from recording.sources import session_file
from recording.sources.session import Result
from tests.recording.sources.test_winners import A, B, E, ended


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What the exchange is asked for instead of being asked."""
    seen: list[dict[str, str]] = []

    def note(stack: object, **how: str) -> list[dict[str, str]]:
        seen.append(how)
        return [{"market": how.get("market", ""), "result": how.get("result", "yes"), "value": "1.00"}]

    monkeypatch.setattr(paper, "resolve", note)
    monkeypatch.setattr(type(resolve.options), "stack", lambda self: object())
    return seen


@pytest.mark.parametrize(
    ("result", "whole_event", "expected"),
    [
        ("yes", False, {"market": A, "result": "yes"}),
        ("no", False, {"market": A, "result": "no"}),
        ("0.35", False, {"market": A, "result": "scalar", "settlement_value": "0.35"}),
        ("yes", True, {"event": E, "winner": A}),
    ],
)
def test_a_result_becomes_one_request(
    asked: list[dict[str, str]], result: str, whole_event: bool, expected: dict[str, str]
) -> None:
    resolve.resolve(A, result, whole_event)
    assert asked == [expected]


@pytest.mark.parametrize(("result", "whole_event"), [("maybe", False), ("1.5", False), ("-1", False), ("no", True)])
def test_a_result_that_is_none_is_bad_input_and_nothing_is_asked(
    asked: list[dict[str, str]], result: str, whole_event: bool
) -> None:
    with pytest.raises(BadInput, match=r"expected yes"):
        resolve.resolve(A, result, whole_event)
    assert asked == []


def test_only_events_whose_winner_is_known_are_resolved(
    asked: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waited: list[set[str]] = []

    async def wait(stack: object, markets: set[str], patience: float) -> None:
        waited.append(markets)

    monkeypatch.setattr("cli.progress.await_paid", wait)
    for name, results in (("known", (Result(E, B),)), ("unknown", ())):
        path = tmp_path / f"{name}.session.jsonl"
        path.write_bytes(b"".join(session_file.lines(ended((A, (50, 52)), (B, (48, 50)), results=results))))
        resolve.resolve_known(object(), PaperSession(recording=str(path)), 1.0)  # type: ignore[arg-type]
    assert asked == [{"event": E, "winner": B}]
    assert waited == [{A, B}]
    assert f"how {E} ended is not known" in " ".join(capsys.readouterr().err.split())


def test_a_game_of_the_recording_that_was_not_played_is_left_alone(
    asked: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ended((A, (99, None)), (B, (None, 1)), results=(Result(E, A),))
    other = replace(whole, markets=tuple(replace(spec, event="KXG-2") for spec in whole.markets))
    monkeypatch.setattr("cli.session.opened", lambda session, whole_=whole, *, whole=False: whole_ if whole else other)
    resolve.resolve_known(object(), PaperSession(recording="a folder"), 1.0)  # type: ignore[arg-type]
    assert asked == []
