"""Code that raises at one statement of our choice, for as long as we say: a bug, made to order.

for site in sites("workflows.repair"):
    with broken_at(site):
        ...                       # whoever comes to that statement gets an `ArithmeticError`

The function's code object is exchanged, so every thread and every reference sees it, and `with` puts it back.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

MADE_TO_ORDER = "made to order"
_RAISE = f"raise ArithmeticError({MADE_TO_ORDER!r})"


@dataclass(frozen=True, slots=True)
class Site:
    """One statement of a function."""

    module: str
    function: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function}"


@cache
def sites(module: str) -> tuple[Site, ...]:
    """Every statement of every function of a module, by first line; docstrings and nested definitions left out."""
    found: dict[int, Site] = {}
    for function, node in _functions(_parsed(module)):
        for statement in _statements(node):
            found.setdefault(statement.lineno, Site(module, function, statement.lineno))
    return tuple(found[line] for line in sorted(found))


@contextmanager
def broken_at(site: Site) -> Iterator[None]:
    """Within, the statement raises an `ArithmeticError` each time."""
    function = _live(importlib.import_module(site.module), site.function)
    healthy = function.__code__
    function.__code__ = _broken(site)
    try:
        yield
    finally:
        function.__code__ = healthy


@cache
def _broken(site: Site) -> CodeType:
    tree = ast.parse(_source(site.module))
    for function, node in _functions(tree):
        if function == site.function:
            _insert(node, site.line)
    whole = compile(ast.fix_missing_locations(tree), _file(site.module), "exec", dont_inherit=True)
    return next(code for code in _codes(whole) if code.co_qualname == site.function)


def _insert(function: ast.AST, line: int) -> None:
    """A raise in front of the statement at `line`."""
    for parent in ast.walk(function):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            for n, statement in enumerate(block if isinstance(block, list) else []):
                if isinstance(statement, ast.stmt) and statement.lineno == line:
                    raising = ast.parse(_RAISE)
                    for node in ast.walk(raising):
                        if isinstance(node, (ast.stmt, ast.expr)):
                            node.lineno = node.end_lineno = line
                    block[n:n] = raising.body  # type: ignore[index]
                    return


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef) and not any(
            isinstance(b, ast.Name) and b.id == "Protocol" for b in node.bases
        ):
            yield from _functions(node, f"{prefix}{node.name}.")


def _is_port(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


def _statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    waiting: list[ast.stmt] = list(function.body)
    while waiting:
        statement = waiting.pop(0)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield statement
        for name in ("body", "orelse", "finalbody"):
            waiting += getattr(statement, name, [])
        for handler in getattr(statement, "handlers", []):
            waiting += handler.body


def _live(module: ModuleType, name: str) -> FunctionType:
    """The function that runs, out of whatever it is wrapped in."""
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    while not isinstance(found, FunctionType):
        found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found.__wrapped__
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _parsed(module: str) -> ast.Module:
    return ast.parse(_source(module))


def _source(module: str) -> str:
    return inspect.getsource(importlib.import_module(module))


def _file(module: str) -> str:
    return str(importlib.import_module(module).__file__)
