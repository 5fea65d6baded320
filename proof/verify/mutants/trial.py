"""Mutants tried in forks of one process that has imported and collected everything: each lives as long as its fork.

A fork puts the mutant in place, runs the tests that reach its line, the quickest first, and ends at the first that
fails. If none does, mypy has a look at it, and it runs some hundreds of simulated worlds. What takes ten times its
usual processor time is ended by the kernel: a mistake that hangs is noticed, too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from proof.kept.digest import TREE
from proof.simulate.campaign import run_seeds
from proof.verify.mutants.changes import Mutant, file_of
from proof.verify.mutants.graft import Grafts, NotGraftedError
from proof.verify.mutants.reach import Reach, code_of, words_of

POOL = ("tests/domain", "tests/workflows", "tests/activities", "tests/ledger")
_SURVIVED, _BY_A_TEST, _BY_A_WORLD, _BY_TYPES, _NOT_TRIED = 0, 1, 2, 3, 9
_SPARE_S = 5
_TIMES_SLOWER = 10
_MOST_MEMORY = 3 << 30
_WORLDS_AT_ONCE = 50
_WORLDS_S = 120
_TYPES = TREE / ".verify" / "mypy"
_JUDGE = TREE / "proof" / "simulate" / "checks.py"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`how` is "test", "types", "world" or "time" for a mutant that was noticed, "survived" for one that was not, and
    "passed" for one that tests and mypy let pass while no worlds were asked for.
    `words` is the digest of the tests that it rests on, `by` the test that noticed."""

    how: str
    words: str
    by: str = ""


class Trials:
    """A pytest plugin: instead of running the tests it watches what they reach, then hands itself to `work`."""

    def __init__(
        self,
        modules: Sequence[str],
        reach: Reach,
        worlds: int,
        work: Callable[[Trials], None],
        say: Say,
        *,
        tests: Sequence[str] = POOL,
    ) -> None:
        self.modules, self.reach, self.worlds, self.tests = modules, reach, worlds, tuple(tests)
        self._work, self._say = work, say
        self._items: dict[str, pytest.Item] = {}
        self._killers: dict[tuple[str, str], list[str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest wants to be there first

        settings.register_profile(
            "mutants", deadline=None, database=None, phases=(Phase.explicit, Phase.generate), print_blob=False
        )
        settings.load_profile("mutants")
        self._items = {item.nodeid: item for item in session.items}
        self._watch()
        self._grafts = Grafts(self.modules)
        self._work(self)
        return True

    # ------------------------------------------------------------------ what reaches what

    def _watch(self) -> None:
        """Run every test whose code has changed since it was last watched."""
        codes = {name: code_of(item.path) for name, item in self._items.items()}
        waiting = [name for name in self._items if not self.reach.known(name, codes[name])]
        if waiting:
            self._say(f"watching which lines {len(waiting)} of {len(self._items)} tests reach")
            told = self._in_a_fork(lambda: self._watched(waiting))
            self.reach.take(json.loads(told), codes)
        if self.tests == POOL:
            self.reach = self.reach.only(self._items)
        self.reach.write()
        self.reach = self.reach.only(self._items)

    def _watched(self, names: Sequence[str]) -> str:
        files = [str(file_of(module)) for module in self.modules]
        watch = coverage.Coverage(data_file=None, include=files, config_file=False, messages=False)
        watch.start()
        seconds: dict[str, float] = {}
        for n, name in enumerate(names):
            watch.switch_context(name)
            began = time.process_time()
            reports = self._run(name, names[n + 1] if n + 1 < len(names) else None)
            seconds[name] = round(time.process_time() - began, 3)
            if any(report.failed for report in reports):
                raise RuntimeError(f"{name} fails without any mutant:\n{_words_of(reports)}")
        watch.stop()
        lines: dict[str, dict[str, list[int]]] = {name: {} for name in names}
        data = watch.get_data()
        for module, file in zip(self.modules, files, strict=True):
            for line, contexts in data.contexts_by_lineno(file).items():
                for name in contexts:
                    if name:
                        lines[name].setdefault(module, []).append(line)
        return json.dumps({name: [seconds[name], lines[name]] for name in names})

    def _in_a_fork(self, what: Callable[[], str]) -> str:
        with tempfile.NamedTemporaryFile("r", suffix=".json") as told:
            child = os.fork()
            if child == 0:
                try:
                    Path(told.name).write_text(what())
                except BaseException:
                    Path(told.name).write_text(traceback.format_exc())
                    os._exit(1)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            text = Path(told.name).read_text()
        if status:
            raise SystemExit(f"the tests cannot be watched: {text or status}")
        return text

    # ------------------------------------------------------------------ one mutant

    def words(self, names: Sequence[str]) -> str:
        """The digest of these tests."""
        each = sorted({self._words(name) for name in names})
        return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()[:8]

    def _words(self, name: str) -> str:
        item = self._items[name]
        return words_of(item.path, name.rpartition("::")[2].partition("[")[0])

    def all_words(self) -> set[str]:
        """The digest of every test there is."""
        return {self._words(name) for name in self._items} | {words_of(_JUDGE)}

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Those that reach its line: the last to notice a mistake in this function first, then the quickest."""
        tests = self.reach.of(mutant.module, range(mutant.lines[0], mutant.lines[1] + 1))
        killers = [name for name in self._killers.get((mutant.module, mutant.function), ()) if name in set(tests)]
        return killers + [name for name in tests if name not in set(killers)]

    def start(self, mutant: Mutant, tests: Sequence[str]) -> tuple[int, int]:
        """Fork for a mutant, to run these tests first. Returns the fork's pid and the end of a pipe on which it names
        the test that failed."""
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            os._exit(self._tried(mutant, tests, theirs))
        os.close(theirs)
        return child, ours

    def verdict(self, mutant: Mutant, tests: Sequence[str], status: int, ours: int) -> Verdict | None:
        """What came of it; None if it could not be tried."""
        with os.fdopen(ours, "rb") as pipe:
            last = pipe.read().decode().split("\n")[-1]
        if os.WIFSIGNALED(status):
            return Verdict("time", self.words([last] if last in self._items else tests), last)
        match os.WEXITSTATUS(status):
            case 0:
                return Verdict("survived" if self.worlds else "passed", self.words(tests))
            case 1:
                known = self._killers.setdefault((mutant.module, mutant.function), [])
                if last in known:
                    known.remove(last)
                known.insert(0, last)
                return Verdict("test", self.words([last]), last)
            case 2:
                return Verdict("world", words_of(_JUDGE))
            case 3:
                return Verdict("types", words_of(_JUDGE))
            case code:
                self._say(f"not tried (exit {code}): {mutant}\n{last}")
                return None

    def _tried(self, mutant: Mutant, tests: Sequence[str], told: int) -> int:
        """In the fork. Returns its exit code."""
        try:
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
            logging.disable(logging.CRITICAL)
            self._grafts.put(mutant)
            for n, name in enumerate(tests):
                os.write(told, f"\n{name}".encode())
                _limit(self.reach.seconds[name] * _TIMES_SLOWER + _SPARE_S)
                if any(report.failed for report in self._run(name, tests[n + 1] if n + 1 < len(tests) else None)):
                    return _BY_A_TEST
            if self.tests == POOL and _refused_by_mypy(mutant):
                return _BY_TYPES
            _limit(_WORLDS_S)
            os.write(told, b"\na simulated world")
            return _BY_A_WORLD if self._noticed_by_a_world() else _SURVIVED
        except NotGraftedError as error:
            os.write(told, f"\n{error}".encode())
            return _NOT_TRIED
        except MemoryError:
            return _BY_A_TEST
        except BaseException as error:
            os.write(told, f"\n{error!r}".encode())
            return _NOT_TRIED

    def _noticed_by_a_world(self) -> bool:
        for first in range(0, self.worlds, _WORLDS_AT_ONCE):
            try:
                if run_seeds(range(first, first + _WORLDS_AT_ONCE)).failed:
                    return True
            except Exception:
                return True
        return False

    def _run(self, name: str, following: str | None) -> list[pytest.TestReport]:
        item = self._items[name]
        return runtestprotocol(item, log=False, nextitem=self._items[following] if following else None)


def run(trials: Trials) -> int:
    """Collect the pool of tests in this process and let `trials` work."""
    sys.dont_write_bytecode = True
    arguments = [
        *trials.tests,
        "-m",
        "not stack",
        "-k",
        "not postgres",
        "-p",
        "no:cacheprovider",
        "-qq",
        "--no-summary",
    ]
    return int(pytest.main([*arguments, "--hypothesis-seed=1", "--assert=plain", "-p", "no:logging"], plugins=[trials]))


def _refused_by_mypy(mutant: Mutant) -> bool:
    """Whether `make check` says so, of the module alone: of the tests' survivors many are no more than wrong types."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as mutated:
        mutated.write(mutant.source())
        mutated.flush()
        file = str(file_of(mutant.module))
        command = [sys.executable, "-m", "mypy", "--shadow-file", file, mutated.name, "--cache-dir", str(_TYPES), file]
        found = subprocess.run(command, cwd=TREE, check=False, capture_output=True, text=True)  # noqa: S603 - ours
        return found.returncode == 1 and "error:" in found.stdout


def _limit(seconds: float) -> None:
    """So much processor time from now on, then the kernel ends this process."""
    until = int(time.process_time() + seconds) + 1
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _words_of(reports: Sequence[Any]) -> str:
    return "\n".join(str(report.longrepr) for report in reports if report.failed)
