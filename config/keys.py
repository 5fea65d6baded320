"""The dotted names of all settings, read off the models: what exists, what holds money, what is nearest to a typo."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator
from dataclasses import is_dataclass
from decimal import Decimal
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from config.settings import Settings

SECRET_KEYS = frozenset({"postgres.dsn", "warm_cache.url"})
"""Values that may hold a password: shown redacted everywhere."""


def fields_of(kind: Any) -> dict[str, Any] | None:
    """Name → type of a section's fields, names as written in YAML; None if `kind` is not a section."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        hints = get_type_hints(kind)
        return {info.alias or name: hints[name] for name, info in kind.model_fields.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return dict(get_type_hints(kind))
    return None


def leaves(kind: Any = Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting as (dotted name, type), in the models' order."""
    for name, hint in (fields_of(kind) or {}).items():
        if fields_of(hint) is None:
            yield f"{prefix}{name}", hint
        else:
            yield from leaves(hint, f"{prefix}{name}.")


def is_money(hint: Any) -> bool:
    """Whether a setting of this type is exact, so that a binary fraction must not reach it."""
    if hint is Decimal:
        return True
    if get_origin(hint) in (Union, types.UnionType, Annotated, tuple):
        return any(is_money(part) for part in get_args(hint))
    return False


def nearest(key: str, names: list[str]) -> str:
    """` Did you mean …?` or the empty string."""
    tail = {name.rsplit(".", 1)[-1]: name for name in names}
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    if not close:
        close = [tail[word] for word in difflib.get_close_matches(key.rsplit(".", 1)[-1], list(tail), n=1, cutoff=0.7)]
    return f" Did you mean {close[0]}?" if close else ""
