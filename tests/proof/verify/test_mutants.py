"""Mutants are made where code decides and nowhere else, are put in place whole, and keep their verdicts."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from pathlib import Path

import pytest

from proof.kept.results import Results
from proof.verify.mutants import reach
from proof.verify.mutants.changes import Mutant, mutants_of
from proof.verify.mutants.graft import Grafts, NotGraftedError
from proof.verify.mutants.trial import Verdict
from proof.verify.mutants.verdicts import Explanation, Verdicts, explanations, score

SOURCE = '''
from functools import lru_cache


def least(one: int, other: int) -> int:
    """The less of two."""
    return min(one, other)


def told(log: object, n: int) -> None:
    assert n > 0
    if n < 3:
        raise ValueError(f"{n} is less than {2 + 1}")
    log.tell("n is" + str(n + 1))


class Gate:
    def __init__(self) -> None:
        self._open = True

    @property
    def open(self) -> bool:
        return self._open and True

    @open.setter
    def open(self, value: bool) -> None:
        self._open = not value


@lru_cache
def doubled(n: int) -> int:
    return n + n
'''


def changes(source: str = SOURCE) -> set[tuple[str, str]]:
    return {(mutant.was, mutant.now) for mutant in mutants_of(source, "m")}


def test_small_mistakes_that_people_make_are_made() -> None:
    found = changes()
    assert ("return min(one, other)", "return max(one, other)") in found
    assert ("return min(one, other)", "return one") in found
    assert ("return n + n", "return n - n") in found
    assert ("return n + n", "return n") in found
    assert ("if n < 3:", "if n <= 3:") in found
    assert ("if n < 3:", "if False:") in found
    assert ("self._open = not value", "pass") in found
    assert ("self._open = not value", "self._open = value") in found


def test_words_for_people_asserts_and_docstrings_are_left_alone() -> None:
    changed = {was for was, _ in changes()}
    assert not any("less" in was or "tell" in was or "assert" in was or "is less than" in was for was in changed)


def test_no_two_mutants_have_the_same_code_and_none_is_the_original() -> None:
    found = mutants_of(SOURCE, "m")
    assert len({mutant.source() for mutant in found}) == len(found)
    assert SOURCE not in {mutant.source() for mutant in found}


def test_keys_stay_while_the_function_does_and_lines_move() -> None:
    moved = mutants_of("# why\n\n" + SOURCE.replace("The less of two", "Whichever is less"), "m")
    assert [mutant.key for mutant in moved] == [mutant.key for mutant in mutants_of(SOURCE, "m")]
    changed = mutants_of(SOURCE.replace("return n + n", "return n + n + 0"), "m")
    kept = {mutant.key for mutant in changed} & {mutant.key for mutant in moved}
    assert {mutant.function for mutant in moved if mutant.key not in kept} == {"doubled"}


def test_every_mutant_compiles_and_is_put_in_place_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "grafted.py").write_text(SOURCE)
    module = importlib.import_module("grafted")
    grafts = Grafts(["grafted"])
    for mutant in mutants_of(SOURCE, "grafted"):
        assert _in_a_fork(functools.partial(grafts.put, mutant)) == 0, mutant
    del sys.modules["grafted"]

    def sees(was: str, now: str, expression: str, expected: object) -> None:
        mutant = next(one for one in mutants_of(SOURCE, "grafted") if (one.was, one.now) == (was, now))

        def look() -> None:
            grafts.put(mutant)
            assert eval(expression, vars(module)) == expected

        assert _in_a_fork(look) == 0, (was, now)

    assert module.doubled(3) == 6  # known already, and forgotten when the function changes
    sees("return min(one, other)", "return max(one, other)", "least(1, 2)", 2)
    sees("return self._open and True", "return self._open or True", "Gate().open", True)
    sees("self._open = not value", "self._open = value", "(g := Gate(), setattr(g, 'open', True), g.open)[2]", True)


def _in_a_fork(what: functools.partial[None] | object) -> int:
    child = os.fork()
    if child == 0:
        try:
            what()  # type: ignore[operator]
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_a_function_that_is_not_loaded_cannot_be_mutated() -> None:
    with pytest.raises(NotGraftedError, match="not loaded"):
        Grafts([]).put(mutants_of(SOURCE, "grafted")[0])


# ---------------------------------------------------------------------- verdicts


@pytest.fixture
def three() -> list[Mutant]:
    return [mutant for mutant in mutants_of(SOURCE, "m") if mutant.function == "least"][:3]


def test_verdicts_are_kept_and_those_of_functions_that_changed_are_let_go_of(
    tmp_path: Path, three: list[Mutant]
) -> None:
    kept = Verdicts(["m"], Results(tmp_path))
    for mutant in three:
        kept.keep(mutant, Verdict("test", "0a1b2c3d", "tests/x.py::test_it"))
    assert Verdicts(["m"], Results(tmp_path)).of(three[0]) == ("test", "0a1b2c3d")
    kept.compact({"m": three[1:]})
    assert Verdicts(["m"], Results(tmp_path)).of(three[0]) is None
    assert Verdicts(["m"], Results(tmp_path)).of(three[1]) == ("test", "0a1b2c3d")


def test_a_score_counts_what_is_left_what_survived_and_explanations_of_nothing(
    tmp_path: Path, three: list[Mutant]
) -> None:
    kept = Verdicts(["m"], Results(tmp_path))
    kept.keep(three[0], Verdict("test", "0a1b2c3d"))
    kept.keep(three[1], Verdict("survived", "0a1b2c3d"))
    counted = score(three, kept, [])
    assert (counted.tried, counted.noticed, counted.unexplained, counted.left) == (2, 1, [three[1]], [three[2]])
    kept.keep(three[2], Verdict("survived", "0a1b2c3d"))
    why = [Explanation("m", "least", mutant.was, mutant.now, "equal") for mutant in three]
    counted = score(three, kept, why)
    assert (counted.noticed, counted.counts["explained"], counted.unexplained) == (1, 2, [])
    assert counted.stale == [why[0]]  # that one is noticed


def test_the_explanations_in_the_repository_can_be_read_and_each_says_why() -> None:
    assert all(one.why.strip() for one in explanations())


def test_a_verdict_rests_on_one_test_and_on_what_its_file_has_besides_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "TREE", tmp_path)

    def words(source: str, test: str = "test_it") -> str:
        reach.words_of.cache_clear()
        reach._sources.cache_clear()
        file = tmp_path / "test_x.py"
        file.write_text(source)
        return reach.words_of(file, test)

    before = words("N = 1\n\n\ndef test_it() -> None:\n    assert N\n")
    assert (
        words("N = 1\n\n\ndef test_it() -> None:\n    # why\n    assert N\n\n\ndef test_more() -> None: ...\n")
        == before
    )
    assert words("N = 2\n\n\ndef test_it() -> None:\n    assert N\n") != before
    assert words("N = 1\n\n\ndef test_it() -> None:\n    assert not N\n") != before
