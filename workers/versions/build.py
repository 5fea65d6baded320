"""The version of the trade workflow: a pure function of the code that a trade's history depends on.

Every module of `workflows` and `domain` that the workflow imports, straight or through others, without comments,
docstrings and layout; with the versions of the two libraries that stand between that code and a history. Code of the
same build replays each other's histories by construction, so nothing has to be checked between two starts of it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

DEPLOYMENT = "surefoot"
"""The Temporal worker deployment that all builds belong to."""

_ROOMS = ("workflows", "domain")
_ENTRY = "workflows.trade"
_LIBRARIES = ("temporalio", "pydantic")
_TREE = Path(__file__).parents[2]


@cache
def build_id() -> str:
    """Twelve hex digits for the code of this process's files."""
    return build_of(_TREE)


def build_of(tree: Path) -> str:
    """The build of the source tree at `tree`. Raises `OSError` or `SyntaxError` for one that cannot be read."""
    digest = hashlib.sha256()
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for module, source in sorted(_imported(tree, _ENTRY).items()):
        digest.update(f"{module}\n{source}\n".encode())
    return digest.hexdigest()[:12]


def _imported(tree: Path, entry: str) -> dict[str, str]:
    """Module → its code without words, for `entry` and all of our rooms' modules that it leads to."""
    found: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        file = tree.joinpath(*module.split(".")).with_suffix(".py")
        if module in found or module.partition(".")[0] not in _ROOMS or not file.is_file():
            continue
        parsed = ast.parse(file.read_text(encoding="utf-8"))
        waiting += _imports(parsed)
        found[module] = ast.unparse(wordless(parsed))
    return found


def _imports(parsed: ast.Module) -> Iterator[str]:
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def wordless(parsed: ast.Module) -> ast.Module:
    """Without docstrings (comments are no part of a parsed module)."""
    for node in ast.walk(parsed):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            words = node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            if words:
                node.body = node.body[1:] or [ast.Pass()]
    return parsed
