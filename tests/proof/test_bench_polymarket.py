"""The bench's Polymarket frames are such as a real book could have sent; its figures are measured, never asserted."""

from __future__ import annotations

import pytest

from ingest.gates import mirrored
from proof.bench import polymarket
from proof.bench.polymarket import INTERPRETER, generated, measure
from venues.book_feed import Counters, Told
from venues.polymarket.book_feed import PolymarketFeed
from venues.polymarket.market_data import BookImage, Change, decode


def test_the_generated_frames_hold_two_mirrored_books_without_a_contradiction() -> None:
    script = generated(count=2_000)
    doubts: list[object] = []
    told = Told(doubt=lambda *doubt: doubts.append(doubt), news=lambda news: None, dead=lambda raw, why: None)
    feed = PolymarketFeed(Counters(), told)
    tokens = [event.market for event in decode(script.frames[0]) if isinstance(event, BookImage)]
    one, other = (feed.watch(token) for token in tokens)
    moves = 0
    for raw, changes in zip(script.frames, script.changes, strict=True):
        assert sum(isinstance(event, Change) for event in decode(raw)) == changes
        before = one.best_bid, one.best_ask
        feed.take(raw, polymarket._T0, 1)
        moves += before != (one.best_bid, one.best_ask)
        assert not one.crossed()
        assert mirrored(one, other)
    assert doubts == []
    assert moves > 200
    assert len(one.bids) > 4
    assert generated(count=50) == generated(count=50)


def test_a_figure_has_a_sample_a_frame() -> None:
    figure = measure(generated(count=200), lambda: lambda raw: None)
    assert figure["n"] == 200
    assert figure["p50"] >= 0


def test_without_nautilus_trader_its_figure_says_why_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(INTERPRETER, raising=False)
    monkeypatch.setattr(polymarket, "generated", lambda: generated(count=50))
    polymarket.run("a test", None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 3
    assert "NautilusTrader" in lines[2]
