"""The mutants of a module: mutmut's operators, and six mistakes of our own that people make.

    for mutant in mutants("domain.residual"):
        mutant.function, mutant.line, mutant.was, mutant.now
        source = mutant.source()          # the whole module with this one change

Only what functions do is changed. Left alone: texts (f-strings, arguments of `tell`, of log calls and of errors),
annotations, decorators, defaults of parameters, asserts. Constants of a module and fields of a class are not changed
either, since a running process cannot have them exchanged. Nor is None put where a value belongs, or an argument left
out that has to be there: mypy refuses those, in every check.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

from proof.kept.digest import TREE
from workers.versions.build import wordless

_SAYS = frozenset(
    {"tell", "say", "debug", "info", "warning", "error", "exception", "critical", "bound_contextvars"}
    | {"SurefootError", "BadInput", "Denied", "Halted", "Rejected", "Unavailable", "Unknown"}
)
_WORDS = frozenset({"detail", "text", "why", "note", "message", "reason", "code", "problem"})
_ASSERTS = frozenset({"strict"})  # of zip: an assert by another name
_LEFT_ALONE = (
    cst.Annotation, cst.Decorator, cst.FormattedString, cst.ConcatenatedString, cst.Assert, cst.Parameters, cst.Import,
    cst.ImportFrom,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change in one function. `key` is the same as long as the function's code is; `lines` are those of the
    statement that is changed, first and last."""

    module: str
    function: str
    line: int
    lines: tuple[int, int]
    was: str
    now: str
    key: str
    _module: cst.Module = field(repr=False, compare=False)
    _node: cst.CSTNode = field(repr=False, compare=False)
    _changed: cst.CSTNode = field(repr=False, compare=False)

    def source(self) -> str:
        mutated: cst.Module = _replaced(self._module, self._node, self._changed)
        return mutated.code

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function}\n  - {self.was}\n  + {self.now}"


def file_of(module: str, tree: Path = TREE) -> Path:
    return tree.joinpath(*module.split(".")).with_suffix(".py")


def mutants(module: str, tree: Path = TREE) -> list[Mutant]:
    """Every mutant of a module's functions, in the order of their lines; no two with the same code."""
    return mutants_of(file_of(module, tree).read_text(encoding="utf-8"), module)


def mutants_of(source: str, module: str) -> list[Mutant]:
    wrapped = MetadataWrapper(cst.parse_module(source))
    positions = wrapped.resolve(PositionProvider)
    found: dict[str, Mutant] = {}
    for name, function in _functions(wrapped.module.body):
        plain = _plain(function)
        before = _code(function)
        for statement, node, changed in _changes(function):
            after = _code(_replaced(function, node, changed))
            try:
                mutated = _wordless_text(after)
            except SyntaxError:
                continue
            if mutated == plain:
                continue
            key = hashlib.sha256(f"{module} {name}\n{plain}\n{mutated}".encode()).hexdigest()[:10]
            was, now = _difference(before, after)
            line, place = positions[node].start.line, positions[statement]
            compound = isinstance(statement, (cst.If, cst.While, cst.Match))
            lines = (place.start.line, place.start.line if compound else place.end.line)
            found.setdefault(key, Mutant(module, name, line, lines, was, now, key, wrapped.module, node, changed))
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _functions(body: Sequence[cst.CSTNode], inside: str = "") -> Iterator[tuple[str, cst.FunctionDef]]:
    """Functions and methods by qualified name; what is defined inside of a function is part of it."""
    for statement in body:
        if isinstance(statement, cst.FunctionDef):
            yield f"{inside}{statement.name.value}", statement
        elif isinstance(statement, cst.ClassDef) and not _is_protocol(statement):
            yield from _functions(statement.body.body, f"{inside}{statement.name.value}.")


def _is_protocol(statement: cst.ClassDef) -> bool:
    return any(m.matches(base.value, m.Name("Protocol")) for base in statement.bases)


class _Finder(cst.CSTVisitor):
    """Collects what can be changed, with the statement it is part of, and passes by what is left alone."""

    def __init__(self) -> None:
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode]] = []
        self._statement: cst.CSTNode | None = None

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _LEFT_ALONE) or _is_text(node):
            return False
        if isinstance(node, cst.SimpleStatementLine):
            self._statement = node
        self.found += [(self._statement or node, node, changed) for changed in _changed(node)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if original_node is self._statement:
            self._statement = None


def _changes(function: cst.FunctionDef) -> list[tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode]]:
    finder = _Finder()
    for n, statement in enumerate(function.body.body):
        if n == 0 and m.matches(statement, m.SimpleStatementLine([m.Expr(m.SimpleString())])):
            continue
        statement.visit(finder)
    return finder.found


def _is_text(node: cst.CSTNode) -> bool:
    """Whether a node only makes words for people."""
    if isinstance(node, cst.Call):
        function = node.func
        name = function.attr if isinstance(function, cst.Attribute) else function
        return isinstance(name, cst.Name) and name.value in _SAYS
    if isinstance(node, cst.Raise):
        return True
    return isinstance(node, cst.Arg) and node.keyword is not None and node.keyword.value in _WORDS | _ASSERTS


def _changed(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.SimpleString) and " " in node.value:
        return  # a sentence
    for kind, operator in _OPERATORS:
        if not isinstance(node, kind) or (isinstance(node, cst.Call) and _is_counting(node)):
            continue
        variants = list(operator(cast(Any, node)))
        yield from variants[:1] if isinstance(node, cst.BaseString) else variants


def _is_counting(node: cst.Call) -> bool:
    """A changed argument of these is a type error, not a mistake that anybody makes."""
    return m.matches(node.func, m.OneOf(m.Name("len"), m.Name("isinstance"), m.Name("cast"), m.Name("replace")))


def _forgotten(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """A statement that somebody forgot: a call made for its effect, or a field that is not set."""
    if len(node.body) != 1:
        return
    small = node.body[0]
    if (
        isinstance(small, cst.Expr) and isinstance(small.value, (cst.Call, cst.Await)) and not _speaks(small.value)
    ) or (isinstance(small, (cst.Assign, cst.AugAssign)) and _sets_a_field(small)):
        yield node.with_changes(body=[cst.Pass()])


def _without_an_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """One that may be left out: named, or the last. (A sum that begins at a plain 0 is the same number.)"""
    if m.matches(node.func, m.Name("sum")):
        return
    for n, argument in enumerate(node.args):
        if argument.keyword is not None and argument.keyword.value in _ASSERTS:
            continue
        if not argument.star and (argument.keyword is not None or 0 < n == len(node.args) - 1):
            left = [*node.args[:n], *node.args[n + 1 :]]
            yield node.with_changes(
                args=[*left[:-1], left[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)] if left else []
            )


def _speaks(value: cst.BaseExpression) -> bool:
    return _is_text(value.expression if isinstance(value, cst.Await) else value)


def _sets_a_field(small: cst.Assign | cst.AugAssign) -> bool:
    targets = [target.target for target in small.targets] if isinstance(small, cst.Assign) else [small.target]
    return isinstance(small, cst.AugAssign) or any(
        isinstance(target, (cst.Attribute, cst.Subscript, cst.Tuple)) for target in targets
    )


def _without_a_term(node: cst.BooleanOperation | cst.BinaryOperation) -> Iterator[cst.CSTNode]:
    """Half of a condition, or a term of a sum, left out."""
    if isinstance(node, cst.BooleanOperation) or isinstance(node.operator, (cst.Add, cst.Subtract)):
        yield node.left
        yield node.right


def _always_or_never(node: cst.If | cst.While) -> Iterator[cst.CSTNode]:
    """A condition that is not asked."""
    yield node.with_changes(test=cst.Name("False"))
    if isinstance(node, cst.If):
        yield node.with_changes(test=cst.Name("True"))


_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}


def _other_extreme(node: cst.Call) -> Iterator[cst.CSTNode]:
    """The most instead of the least, all instead of any; and one bound instead of both."""
    if isinstance(node.func, cst.Name) and node.func.value in _SWAPPED:
        yield node.with_changes(func=cst.Name(_SWAPPED[node.func.value]))
        if (
            node.func.value in ("min", "max")
            and len(node.args) > 1
            and all(not a.star and not a.keyword for a in node.args)
        ):
            yield from (argument.value for argument in node.args)


def _other_member(node: cst.Attribute) -> Iterator[cst.CSTNode]:
    """Buy for sell, rejected for denied: what is most easily taken for one another."""
    if isinstance(node.value, cst.Name) and (node.value.value, node.attr.value) in _TWINS:
        yield node.with_changes(attr=cst.Name(_TWINS[node.value.value, node.attr.value]))


_TWINS = {
    (kind, one): other
    for kind, *pair in (
        ("Side", "BUY", "SELL"), ("Verdict", "REJECTED", "DENIED"), ("OrderStatus", "ABSENT", "UNSEEN"),
        ("OrderStatus", "DONE", "RESTING"), ("Purpose", "UNWIND", "COMPLETE"), ("Purpose", "OPEN", "HEDGE"),
    )
    for one, other in (pair, pair[::-1])
}  # fmt: skip

_REFUSED_BY_MYPY = (mutators.operator_assignment, mutators.operator_lambda, mutators.operator_arg_removal)

_OPERATORS: tuple[tuple[Any, Callable[[Any], Iterable[cst.CSTNode]]], ...] = (
    *(one for one in mutators.mutation_operators if one[1] not in _REFUSED_BY_MYPY),
    (cst.SimpleStatementLine, _forgotten),
    ((cst.BooleanOperation, cst.BinaryOperation), _without_a_term),
    ((cst.If, cst.While), _always_or_never),
    (cst.Call, _without_an_argument),
    (cst.Call, _other_extreme),
    (cst.Attribute, _other_member),
)


def _replaced(inside: cst.CSTNode, node: cst.CSTNode, changed: cst.CSTNode) -> Any:
    return inside.deep_replace(node, changed)


def _code(function: cst.FunctionDef) -> str:
    return cst.Module([]).code_for_node(function.with_changes(leading_lines=[], decorators=[]))


def _plain(function: cst.FunctionDef) -> str:
    return _wordless_text(_code(function))


def _wordless_text(code: str) -> str:
    return ast.unparse(wordless(ast.parse(code)))


def _difference(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, without their indent."""
    was, now = before.splitlines(), after.splitlines()
    while was and now and was[0] == now[0]:
        was, now = was[1:], now[1:]
    while was and now and was[-1] == now[-1]:
        was, now = was[:-1], now[:-1]
    return " ".join(line.strip() for line in was), " ".join(line.strip() for line in now)
