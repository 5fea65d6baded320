"""A token id of 77 digits is shown by its last six; everything else by its own name."""

from __future__ import annotations

import pytest

from domain.naming import shown

TOKEN = "451063596659468469483098436456001692025319830391088376390763598197303745240"


@pytest.mark.parametrize("name", ["KXNBAGAME-26JAN07TORCHA-TOR", "GAME-AAA", "42", "", "1" * 20])
def test_a_ticker_is_shown_as_it_is(name: str) -> None:
    assert shown(name) == name


def test_a_token_is_shown_by_its_last_six_digits() -> None:
    assert shown(TOKEN) == "…745240"
