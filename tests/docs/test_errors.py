"""The tree of errors is drawn once, and whole."""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT

PAGE = ROOT / "docs" / "errors.md"
ROOMS = (
    "domain", "config", "ledger", "workflows", "venues", "activities", "ingest", "testing", "recording", "workers",
    "paper", "cli", "proof",
)  # fmt: skip
_BUILT_IN = {
    name for name, what in vars(builtins).items() if isinstance(what, type) and issubclass(what, BaseException)
}


def _sources() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield file.relative_to(ROOT), ast.parse(file.read_text(encoding="utf-8"))


def exceptions() -> dict[str, set[str]]:
    """Every class of the product that can be raised, and the files that define one of that name."""
    bases: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    for file, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                named = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                bases[node.name].append((str(file), named))
    found: dict[str, set[str]] = {}
    while True:
        known = _BUILT_IN | found.keys()
        more = {
            name: {file for file, named in places if named & known}
            for name, places in bases.items()
            if any(named & known for _, named in places)
        }
        if more == found:
            return found
        found = more


def drawn() -> set[str]:
    branches = re.findall(
        r"^    (?:[│ ]*[├└]── )?((?:[A-Z]\w+)(?:, [A-Z]\w+)*) ", PAGE.read_text(encoding="utf-8"), re.M
    )
    return {name for branch in branches for name in branch.split(", ")} - _BUILT_IN


def test_every_error_of_the_product_is_drawn_and_no_other() -> None:
    assert drawn() == set(exceptions())


def test_a_class_of_error_is_named_by_its_file_or_its_room() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, files in exceptions().items():
        for file in files:
            parents = {str(parent) + "/" for parent in Path(file).parents}
            assert file in text or any(f" {room}" in text for room in parents), f"{name} of {file}"


def test_what_is_raised_here_is_one_of_these_or_of_a_library() -> None:
    """A bare `Exception` says nothing about what a caller may do next."""
    bare = [
        f"{file}:{node.lineno}"
        for file, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) in {"Exception", "BaseException"}
    ]
    assert bare == []


def test_no_behaviour_hangs_on_the_text_of_an_error_of_ours() -> None:
    """Texts of a library, and the venue's own words inside its adapter, may be all there is to go by."""
    asked = [
        f"{file}:{node.lineno}"
        for file, tree in _sources()
        if file.parts[0] not in ("venues", "paper", "proof", "testing")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn | ast.Eq) for op in node.ops)
            and any(_message(side) for side in (node.left, *node.comparators)))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "endswith") and _message(node.func.value))
    ]  # fmt: skip
    assert asked == []


def _message(node: ast.expr) -> bool:
    """`error.message`, or `str(error)`, of something that is named as an error is."""
    if isinstance(node, ast.Attribute) and node.attr == "message":
        return True
    called = isinstance(node, ast.Call) and ast.unparse(node.func) == "str" and node.args
    return bool(called and re.fullmatch(r"(error|refused|failure|away|wrong|lost)", ast.unparse(node.args[0])))
