"""Which test reaches which line, and how long each takes: what a mutant is tried against.

Kept in `.verify/reach.json` under a digest of the test's file and of all code that it imports, so that only tests whose
code changed are watched again.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from proof.kept.digest import ROOMS, TREE, digest, source_file
from workers.versions.build import wordless

FILE = TREE / ".verify" / "reach.json"


@dataclass(slots=True)
class Reach:
    """`lines`: test → module → lines of it that ran. `seconds`: test → processor time."""

    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def known(self, test: str, code: str) -> bool:
        return self.codes.get(test) == code

    def of(self, module: str, line_numbers: Iterable[int]) -> list[str]:
        """Tests that ran any of these lines, the quickest first."""
        wanted = set(line_numbers)
        found = [test for test, by_module in self.lines.items() if not wanted.isdisjoint(by_module.get(module, ()))]
        return sorted(found, key=lambda test: self.seconds[test])

    def take(self, watched: dict[str, Any], codes: dict[str, str]) -> None:
        for test, (seconds, lines) in watched.items():
            self.seconds[test], self.lines[test], self.codes[test] = seconds, lines, codes[test]

    def only(self, tests: Iterable[str]) -> Reach:
        kept = [test for test in tests if test in self.codes]
        return Reach(
            {test: self.lines[test] for test in kept},
            {test: self.seconds[test] for test in kept},
            {test: self.codes[test] for test in kept},
        )

    def write(self, file: Path = FILE) -> None:
        file.parent.mkdir(exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps([self.lines, self.seconds, self.codes]))
        new.replace(file)


def read(file: Path = FILE) -> Reach:
    try:
        return Reach(*json.loads(file.read_text()))
    except (OSError, ValueError):
        return Reach()


@cache
def words_of(test_file: Path, test: str = "") -> str:
    """A digest of one test of a file: of its function, of everything there that is no test, of the test modules it
    imports and of the conftests above it. What a verdict rests on besides the mutated function; tests beside it do not
    matter. Without a name: of the whole file."""
    sources = _sources(test_file)
    if not test:
        return _hashed(sources)
    name = str(test_file.relative_to(TREE))
    rest, tests = _apart(sources[name])
    return _hashed({**sources, name: rest, f"{name}::{test}": tests.get(test, "")})


@cache
def _apart(source: str) -> tuple[str, dict[str, str]]:
    """A module without its tests, and each test by name."""
    parsed = ast.parse(source)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    tests = {one.name: one for one in parsed.body if isinstance(one, kinds) and one.name.startswith("test_")}
    parsed.body = [one for one in parsed.body if one not in tests.values()]
    return ast.unparse(parsed), {name: ast.unparse(one) for name, one in tests.items()}


@cache
def code_of(test_file: Path) -> str:
    """The same with all code of ours that these import: what decides which lines a test reaches."""
    sources = _sources(test_file)
    entries = sorted({name for source in sources.values() for name in _rooms(source)})
    return hashlib.sha256(f"{_hashed(sources)} {digest(*entries) if entries else ''}".encode()).hexdigest()[:12]


def _hashed(sources: dict[str, str]) -> str:
    text = "\n".join(f"{file}\n{source}" for file, source in sorted(sources.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def _sources(test_file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [test_file, *(folder / "conftest.py" for folder in test_file.parents if TREE in folder.parents)]
    while waiting:
        file = waiting.pop()
        name = str(file.relative_to(TREE))
        if name in found or not file.is_file():
            continue
        parsed = ast.parse(file.read_text(encoding="utf-8"))
        waiting += [_file(module) for module in _modules(parsed) if module.partition(".")[0] == "tests"]
        found[name] = ast.unparse(wordless(parsed))
    return found


def _file(module: str) -> Path:
    return TREE.joinpath(*module.split(".")).with_suffix(".py")


def _modules(parsed: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return found


def _rooms(source: str) -> list[str]:
    names = _modules(ast.parse(source))
    return [name for name in names if name.partition(".")[0] in ROOMS and source_file(TREE, name)]
