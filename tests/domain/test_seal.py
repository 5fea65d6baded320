"""A seal says that this installation decided or commanded just this, in just this mode; nobody else can make one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.operator import Action, OperatorCommand, is_sealed, sealed
from domain.seal import SealKeys

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = SealKeys({"new": NEW, "old": OLD}, run="r-2", mode="live")
TRADE = "i-" + "1" * 32
WORD = OperatorCommand("ada", "thin books", "o-1", "kalshi")


def test_a_seal_holds_for_what_it_was_made_over_and_for_nothing_else() -> None:
    seal = KEYS.intent(TRADE)
    assert KEYS.decided(TRADE, seal)
    assert not KEYS.decided("i-" + "2" * 32, seal)
    assert not KEYS.decided(TRADE, None)
    for changed in ({"run": "r-3"}, {"key": "old"}, {"key": "none"}, {"mac": seal.mac[:-1] + "x"}, {"mac": "é"}):
        assert not KEYS.decided(TRADE, replace(seal, **changed)), changed
    assert not KEYS.holds(seal, "command", TRADE), "of another kind"


def test_a_seal_of_another_mode_or_another_installation_does_not_hold() -> None:
    paper = SealKeys({"new": NEW}, run="r-2", mode="paper")
    assert not KEYS.decided(TRADE, paper.intent(TRADE))
    assert not paper.decided(TRADE, KEYS.intent(TRADE))
    assert not KEYS.decided(TRADE, SealKeys({"new": b"x" * 32}, run="r-2", mode="live").intent(TRADE))


def test_a_trade_outlives_its_run_and_the_first_place_of_its_key() -> None:
    before = SealKeys({"old": OLD}, run="r-1", mode="live").intent(TRADE)
    assert KEYS.decided(TRADE, before)
    assert KEYS.intent(TRADE).key == "new"
    assert not SealKeys({"new": NEW}, run="r-2", mode="live").decided(TRADE, before)


def test_a_key_that_is_missing_or_short_seals_nothing() -> None:
    with pytest.raises(ValueError, match="expected at least one"):
        SealKeys({}, run="r", mode="paper")
    with pytest.raises(ValueError, match="has 31 bytes"):
        SealKeys({"k": b"x" * 31}, run="r", mode="paper")


def test_a_sealed_command_is_for_one_trade_one_action_and_these_words() -> None:
    word = sealed(KEYS, TRADE, Action.ADOPT, WORD, "q-1")
    assert is_sealed(KEYS, TRADE, Action.ADOPT, word)
    assert not is_sealed(KEYS, "i-" + "2" * 32, Action.ADOPT, word)
    assert not is_sealed(KEYS, TRADE, Action.ACCEPT, word)
    for changed in ({"author": "bob"}, {"reason": ""}, {"order_id": "o-2"}, {"venue": ""}, {"request": "q-2"}):
        assert not is_sealed(KEYS, TRADE, Action.ADOPT, replace(word, **changed)), changed
    assert not is_sealed(KEYS, TRADE, Action.ADOPT, WORD)
    assert not is_sealed(KEYS, TRADE, Action.ADOPT, replace(WORD, seal=KEYS.intent(TRADE), request="q-1"))
    assert not is_sealed(KEYS, TRADE, Action.ADOPT, sealed(KEYS, TRADE, Action.ADOPT, WORD, "")), "it could be repeated"


def test_an_unwind_may_be_left_behind_as_the_signal_that_means_the_same() -> None:
    assert is_sealed(KEYS, TRADE, Action.FORCE_FLAT, sealed(KEYS, TRADE, Action.UNWIND, WORD, "q-1"))
