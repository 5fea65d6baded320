"""A mutant put in place in a running process: the code of one function exchanged, nothing imported again.

Function objects keep their identity, so everybody who has imported one, every bound method and every decorated wrapper
runs the mutated code from then on. For a process that was forked for this and ends after it.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator
from types import CodeType, FunctionType
from typing import Any

from proof.kept.digest import ROOMS
from proof.verify.mutants.changes import Mutant

_CACHE: Any = type(functools.lru_cache(lambda: None))


class NotGraftedError(Exception):
    """The function is not there in this process, or its shape has changed."""


class Grafts:
    """Knows where the functions of `modules` are; made once, before the fork."""

    def __init__(self, modules: Collection[str]) -> None:
        files = {sys.modules[module].__file__: module for module in modules if module in sys.modules}
        self._functions: defaultdict[tuple[str, str], list[FunctionType]] = defaultdict(list)
        self._caches: list[Any] = []
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and thing.__code__.co_filename in files:
                module = files[thing.__code__.co_filename]
                self._functions[module, thing.__code__.co_qualname].append(thing)
            elif isinstance(thing, _CACHE) and getattr(thing, "__module__", "").partition(".")[0] in ROOMS:
                self._caches.append(thing)

    def put(self, mutant: Mutant) -> None:
        """Exchange the mutant's function everywhere. Raises `NotGraftedError` if there is none of it."""
        functions = self._functions[mutant.module, mutant.function]
        if not functions:
            raise NotGraftedError(f"{mutant.module} {mutant.function}: not loaded")
        file = functions[0].__code__.co_filename
        compiled = compile(mutant.source(), file, "exec", dont_inherit=True)
        new = [code for code in _codes(compiled) if code.co_qualname == mutant.function]
        lines = sorted({function.__code__.co_firstlineno for function in functions})
        if len(new) != len(lines):
            raise NotGraftedError(f"{mutant.module} {mutant.function}: {len(lines)} functions, {len(new)} codes")
        for function in functions:
            code = new[lines.index(function.__code__.co_firstlineno)]  # a property and its setter have one name
            if code.co_freevars != function.__code__.co_freevars:
                raise NotGraftedError(f"{mutant.module} {mutant.function}: captures {code.co_freevars}")
            function.__code__ = code
        for cache in self._caches:  # what was answered before counts no more
            cache.cache_clear()


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
