"""Parameters from a file: exact, by their schema, or refused by name; whatever the file holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.params import params_of
from config.strategy_files import entries
from domain.errors import BadInput
from domain.limits import SetParams
from domain.money import to_micros


def test_text_and_whole_numbers_become_exact_values_and_the_rest_has_its_default() -> None:
    made = params_of(SetParams, {"margin": "0.0025", "max_size": 7, "sell": True}, "here")
    assert made == SetParams(margin=Decimal("0.0025"), max_size=Decimal(7), sell=True)


def test_every_wrong_value_is_told_in_a_line_of_its_own() -> None:
    with pytest.raises(BadInput) as caught:
        params_of(SetParams, {"margin": "much", "ttl_ms": "soon"}, "file a.yaml")
    lines = caught.value.message.splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        ["file a.yaml", " params.margin = much"],
        ["file a.yaml", " params.ttl_ms = soon"],
    ]


@dataclass(frozen=True, slots=True)
class Wide:
    """A schema that refuses nothing by itself."""

    money: Decimal = Decimal(1)
    count: int = 1
    word: str = ""
    words: tuple[str, ...] = ()


def tried(call: Callable[[], Any]) -> tuple[Any, str]:
    """What it gave, or None and the refusal; anything else that is raised is a failure."""
    try:
        return call(), ""
    except BadInput as refused:
        return None, f"{refused.code}: {refused.message}"


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(date(2026, 11, 21))
scalars |= st.decimals().map(str) | st.sampled_from(["1e999999", "-0", "1_000", "0x10", "٣"])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@given(st.dictionaries(st.sampled_from([*(field.name for field in fields(Wide)), "mony"]), values))
def test_whatever_a_file_holds_is_exact_or_refused(given_: dict[str, Any]) -> None:
    made, refusal = tried(lambda: params_of(Wide, given_, "here"))
    if made is None:
        assert refusal.startswith("config: here: ")
    else:
        assert isinstance(to_micros(made.money), int)
        assert isinstance(made.count, int)


keys = st.sampled_from(["strategy", "name", "params", "pairs", "version", "source", "nme"])


@given(st.lists(st.dictionaries(keys, values, max_size=5) | scalars.filter(lambda one: not isinstance(one, str))))
def test_whatever_is_listed_in_place_is_whole_or_refused(listed: list[Any]) -> None:
    made, refusal = tried(lambda: entries(listed, "here"))
    if made is None:
        assert refusal.startswith("config: ")
    for one in made or ():
        assert isinstance(one["name"], str)
        assert isinstance(one["params"], dict)
