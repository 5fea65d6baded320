"""Every public case comes out right here, and the page that tells of them says what the cases say."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.public_record.case import VENUES, Case, differences, holds, load_all
from tests.public_record.probes.catalogue import PROBES, tried
from tests.public_record.table import PAGE, rendered

CASES = load_all()
_ISSUE = re.compile(r"[\w.-]+/[\w.-]+#\d+")
_PAGE = re.compile(r"[a-z0-9.-]+\.[a-z]{2,}(/[\w./-]*)?: \S.+")


def _parameter(case: Case) -> Any:
    marks = [pytest.mark.xfail(strict=True, reason=case.awaits)] if case.awaits else []
    if case.probe == "stack":
        marks += [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(400)]
    return pytest.param(case, id=case.id, marks=marks)


@pytest.mark.parametrize("case", [_parameter(case) for case in CASES])
async def test_a_public_case_comes_out_right(case: Case) -> None:
    facts = await tried(case.probe, case.input)
    assert differences(case.expect, facts) == [], facts.get("story", facts)


def test_the_record_is_large_and_spread() -> None:
    assert len(CASES) >= 100
    assert len({case.topic for case in CASES}) >= 12
    assert min(Counter(case.topic for case in CASES).values()) >= 3
    assert {case.venue for case in CASES} >= {"kalshi", "polymarket"}
    assert sum(case.probe == "whole_trade" for case in CASES) >= 12


def test_every_case_has_a_name_of_its_own_and_all_its_parts() -> None:
    assert [name for name, times in Counter(case.id for case in CASES).items() if times > 1] == []
    for case in CASES:
        assert re.fullmatch(r"[a-z0-9-]+", case.id), case.id
        assert case.venue in VENUES, case.id
        assert case.probe in PROBES, case.id
        assert case.input, case.id
        assert case.expect, case.id
        assert all((case.title, case.seen, case.right)), case.id


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_case_names_where_it_was_reported(case: Case) -> None:
    """A repository with the number of an issue or a pull request, or a page: its address and what it is about."""
    assert case.sources
    assert [source for source in case.sources if not (_ISSUE.fullmatch(source) or _PAGE.fullmatch(source))] == []


def test_the_page_tells_of_every_case_as_it_stands() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == rendered(page, CASES), "run `python -m tests.public_record.table`"
    assert set(re.findall(r"^\| `([a-z0-9-]+)` ", page, re.M)) == {case.id for case in CASES}


@pytest.mark.parametrize(
    ("wanted", "fact", "held"),
    [
        ("1.50", Decimal("1.5"), True),
        ({"one_of": ["a", "b"]}, "b", True),
        ({"one_of": ["a", "b"]}, "c", False),
        ({"not": "a"}, "a", False),
        ({"at_most": 3}, 4, False),
        ({"at_least": "0.5"}, None, False),
        ({"contains": "odd"}, "an odd one", True),
        (["1", 2], [Decimal(1), 2], True),
        ([1], [1, 2], False),
        (0, False, False),
        (None, None, True),
    ],
)
def test_an_expectation_holds_only_where_it_should(wanted: Any, fact: Any, held: bool) -> None:
    assert holds(wanted, fact) is held


def test_a_fact_that_no_probe_knows_is_a_difference() -> None:
    assert differences({"unheard_of": 1}, {"code": "x"}) != []
