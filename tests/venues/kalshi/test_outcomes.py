"""How many outcomes an event has is taken only from a venue that says they exclude each other."""

from __future__ import annotations

import msgspec
import pytest

from venues.kalshi.messages import EventAnswer
from venues.kalshi.translate import outcomes_of


@pytest.mark.parametrize(
    ("exclusive", "markets", "outcomes"),
    [
        ("true", '[{"ticker":"E-A"},{"ticker":"E-B"},{"ticker":"E-TIE"}]', 3),
        ("false", '[{"ticker":"E-A"},{"ticker":"E-B"}]', 0),
        ("null", '[{"ticker":"E-A"},{"ticker":"E-B"}]', 0),
        ("true", "null", 0),
    ],
)
def test_the_markets_beside_an_event_are_counted_if_they_exclude_each_other(
    exclusive: str, markets: str, outcomes: int
) -> None:
    event = f'{{"event_ticker":"E","series_ticker":"S","mutually_exclusive":{exclusive}}}'
    answer = msgspec.json.decode(f'{{"event":{event},"markets":{markets}}}', type=EventAnswer)
    assert outcomes_of(answer) == outcomes
