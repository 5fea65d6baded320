"""Only two markets of one event and one payoff make a pair."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import BadInput
from ingest.pairs import pairs_of
from venues.recording.tickers import market

ONE = market("E-1", "E", "one")
TWO = market("E-2", "E", "two")


def test_the_two_markets_of_each_event_are_a_pair_named_by_it() -> None:
    other = (market("F-1", "F", "one"), market("F-2", "F", "two"))
    pairs = pairs_of([ONE, other[0], TWO, other[1]])
    assert [(pair.name, pair.a.market, pair.b.market) for pair in pairs] == [("E", "E-1", "E-2"), ("F", "F-1", "F-2")]


def test_one_market_three_markets_and_unequal_payoffs_are_refused_by_name() -> None:
    three = [ONE, TWO, market("E-3", "E", "three")]
    for wrong in ([ONE], three, [ONE, replace(TWO, payoff=Decimal(2))]):
        with pytest.raises(BadInput, match=r"event E has E-1.*exactly two"):
            pairs_of(wrong)
