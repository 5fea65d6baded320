"""One command for all that proves: its list fits a terminal, and a wrong name is told which there are."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from proof.main import NAMES, main, usage


def test_the_list_fits_eighty_columns_and_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.strip() == usage().strip()
    assert max(map(len, usage().splitlines())) <= 80
    assert all(name in usage() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_a_proof_that_can_be_run(name: str) -> None:
    assert find_spec(f"proof.{name.replace('-', '_')}.__main__") is not None


def test_a_name_that_nobody_knows_is_a_usage_error_that_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nosuch"]) == 2
    said = capsys.readouterr().err
    assert "'nosuch'" in said
    assert all(name in said for name in NAMES)


def test_what_a_proof_says_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seeds", "2", "--jobs", "1", "--json"]) == 0
    assert '"seeds": 2' in capsys.readouterr().out
    assert main(["simulate", "--seeds", "none"]) == 2
