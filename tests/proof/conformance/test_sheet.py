"""What a run says: every check by itself, books compared row by row, one JSON object at the end."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fees import FeeModel, FeeSchedule
from proof.conformance.__main__ import main, summary
from proof.conformance.books import Books, compare
from proof.conformance.checks import Check, Sheet, read, write
from proof.conformance.drive import DESKS
from proof.conformance.refusals import WORDS, says
from proof.conformance.report import table
from proof.conformance.runner import Result
from proof.conformance.stand import Stand


def _stand(venue: str, rate: str) -> Stand:
    return Stand(venue=venue, urls={}, secrets={}, market="M", tide="T", fee_rate=rate)  # type: ignore[arg-type]


async def test_a_failed_check_hides_none_after_it() -> None:
    told: list[Check] = []
    sheet = Sheet(told.append)
    async with sheet.check("first", "fine") as note:
        note.equal("two", 2, 2)
    async with sheet.check("second", "fine") as note:
        note.saw("something")
        note.equal("two", 3, 2)
    async with sheet.check("third", "fine"):
        raise ZeroDivisionError("a client's own accident")
    sheet.skip("fourth", "it has no such thing")
    async with sheet.check("fifth", "fine") as note:
        note.true("holds", True)
    assert [(check.name, check.ok, check.skipped) for check in told] == [
        ("first", True, False),
        ("second", False, False),
        ("third", False, False),
        ("fourth", True, True),
        ("fifth", True, False),
    ]
    assert told[1].seen == "something; two: 3, not 2"
    assert "a client's own accident" in told[2].seen


def test_a_check_survives_its_line_and_other_lines_are_no_checks() -> None:
    check = Check("name", "expected", "seen · “quoted”", ok=False)
    out = io.StringIO()
    write(check, out)
    assert read(out.getvalue()) == check
    assert [read(line) for line in ("", "hello", "[1]", '{"name": "x"}')] == [None] * 4


def test_books_agree_only_to_the_last_row_and_unit() -> None:
    booked = Books(Decimal("989.6"), {"A": Decimal(20)}, (("o", Decimal("0.52"), Decimal(20)),))
    told = {
        "cash": "989.60",
        "positions": {"A": "20.00", "B": "0"},
        "fills": [{"order_id": "o", "price": "0.5200", "size": "20"}],
    }
    assert [check.ok for check in compare(told, booked)] == [True, True, True]
    assert [check.ok for check in compare(told | {"cash": "989.6000001"}, booked)] == [False, True, True]
    assert [check.ok for check in compare(told | {"positions": {"A": "19.99"}}, booked)] == [True, False, True]
    assert [check.ok for check in compare(told | {"fills": []}, booked)] == [True, True, False]


def test_the_summary_counts_skipped_checks_neither_way() -> None:
    checks = [
        Check("a", "", "", ok=True),
        Check("b", "x", "y", ok=False),
        Check("c", "", "lacks it", ok=True, skipped=True),
    ]
    results = [Result("one", "1.0", checks), Result("two", "2.0", checks[:1])]
    assert summary(results) == {
        "clients": [
            {"client": "one", "version": "1.0", "passed": 1, "failed": 1, "failures": ["b"]},
            {"client": "two", "version": "2.0", "passed": 1, "failed": 0, "failures": []},
        ],
        "passed": 2,
        "failed": 1,
    }
    assert json.loads(json.dumps(summary(results))) == summary(results)
    shown = table(results)
    assert "one alone, 1 of 2 ok: b, c" in shown
    assert "one, b: expected x; seen: y" in shown


def test_an_unknown_client_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["conformance", "no-such-client"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(client in said for client in DESKS)


def test_a_refusal_is_known_by_the_venues_own_words() -> None:
    assert says("kalshi", "duplicate", '{"error":{"code":"order_already_exists"}}')
    assert says("polymarket", "duplicate", "order 0xab is invalid. Duplicated.")
    assert not says("kalshi", "duplicate", '{"error":{"code":"invalid_price"}}')
    assert WORDS["kalshi"].keys() == WORDS["polymarket"].keys()


@given(st.integers(1, 99), st.integers(1, 100_000))
def test_the_fee_the_script_expects_is_the_published_rule_and_so_is_ours(cents: int, lots: int) -> None:
    price, size = Decimal(cents) / 100, Decimal(lots) / 100
    ours = FeeSchedule(taker=Decimal("0.07")).trade_fee(price, size)
    assert _stand("kalshi", "0.07").fee(price, size) == ours
    theirs = FeeSchedule(taker=Decimal("0.05"), model=FeeModel.POLYMARKET).trade_fee(price, size)
    assert _stand("polymarket", "0.05").fee(price, size) == theirs
