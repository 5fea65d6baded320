"""The digest of the code that a proof is about: of every module of ours that it imports, straight or through others.

    code = digest("proof.simulate.campaign")      # "a1b2c3d4e5f6"

Without comments, docstrings and layout, so that words may change and a result still stands. Docs and tests are no part
of it; the data files of a room are (migrations, profiles), and so are the versions of the libraries that its modules
import. A module that is started by its name in a string (`python -m …`) counts as imported. What keeps the books
(`proof.kept`, `proof.verify`) does not: it proves nothing by itself.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from workers.versions.build import wordless

TREE = Path(__file__).parents[2]
ROOMS = (
    "activities",
    "cli",
    "config",
    "domain",
    "ingest",
    "ledger",
    "paper",
    "proof",
    "recording",
    "testing",
    "venues",
    "workers",
    "workflows",
)
_BOOKKEEPING = ("proof.verify", "proof.kept")
_DATA = (".sql", ".yaml")


@cache
def digest(*entries: str, without: tuple[str, ...] = (), tree: Path = TREE) -> str:
    """Twelve hex digits for the code behind `entries`, names of modules; what lies in `without` is imported by it, but
    never run there. Raises `OSError` or `SyntaxError` for a tree that cannot be read, `ValueError` for an entry that is
    not there."""
    found, libraries = _code(tree, entries, without)
    for entry in entries:
        if entry not in found:
            raise ValueError(f"no module {entry} in {tree}")
    hashed = hashlib.sha256(f"python {sys.version_info[0]}.{sys.version_info[1]}\n".encode())
    for library in sorted(libraries):
        hashed.update(f"{library} {version(library)}\n".encode())
    for module, source in sorted(found.items()):
        hashed.update(f"{module}\n{source}\n".encode())
    for file in _data(tree, {module.partition(".")[0] for module in found}):
        hashed.update(f"{file.relative_to(tree)}\n".encode() + file.read_bytes())
    return hashed.hexdigest()[:12]


def modules(*entries: str, without: tuple[str, ...] = (), tree: Path = TREE) -> set[str]:
    """The modules of ours that `digest` covers."""
    return set(_code(tree, entries, without)[0])


def _code(tree: Path, entries: tuple[str, ...], without: tuple[str, ...]) -> tuple[dict[str, str], set[str]]:
    """Module → its code without words; and the distributions those modules import from."""
    found: dict[str, str] = {}
    outside: set[str] = set()
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        top = module.partition(".")[0]
        if top not in ROOMS:
            outside.add(top)
            continue
        if module in found or any(
            module == left or module.startswith(f"{left}.") for left in (*_BOOKKEEPING, *without)
        ):
            continue
        file = source_file(tree, module)
        if file is None:
            continue
        parsed = ast.parse(file.read_text(encoding="utf-8"))
        waiting += _imports(parsed)
        waiting += _parents(module)
        found[module] = ast.unparse(wordless(parsed))
    known = _distributions()
    return found, {distribution for name in outside for distribution in known.get(name, ())}


@cache
def _distributions() -> dict[str, list[str]]:
    """Importable name → the distributions that bring it; ours is none of them."""
    return {name: [one for one in set(them) if one != "surefoot"] for name, them in packages_distributions().items()}


def source_file(tree: Path, module: str) -> Path | None:
    plain = tree.joinpath(*module.split("."))
    return next((file for file in (plain.with_suffix(".py"), plain / "__init__.py") if file.is_file()), None)


def _parents(module: str) -> Iterator[str]:
    """The packages that are run before the module itself."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _imports(parsed: ast.Module) -> Iterator[str]:
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _could_be_started(node.value):
            yield node.value
            yield f"{node.value}.__main__"


def _could_be_started(text: str) -> bool:
    return text.partition(".")[0] in ROOMS and "." in text and text.replace(".", "").replace("_", "").isalnum()


def _data(tree: Path, rooms: set[str]) -> list[Path]:
    return sorted(file for room in rooms for file in (tree / room).rglob("*") if file.suffix in _DATA)
