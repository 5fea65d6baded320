"""A dataclass of parameters from what a file says: its fields are the schema, `__post_init__` what they agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from config.exact import check_exact, refuse_binary
from config.keys import fields_of, is_money, nearest
from domain.errors import BadInput

Params = TypeVar("Params")


def params_of(schema: type[Params], given: Mapping[str, Any], source: str) -> Params:
    """`given` as `schema`, a dataclass whose every field has a default; what is left out has it.

    Money (`Decimal`) is exact: text or whole numbers, at most six places. Raises BadInput (`config`) that names
    `source`, the key, what was seen and what is allowed, for an unknown key and a value out of its range.
    """
    fields = fields_of(schema) or {}
    for key, value in given.items():
        if key not in fields:
            raise BadInput(
                f"{source}: unknown key params.{key}.{nearest(str(key), list(fields))} Allowed: {', '.join(fields)}",
                "config",
            )
        if is_money(fields[key]):
            refuse_binary(f"params.{key}", value, source)
    try:
        made = TypeAdapter(schema).validate_python(dict(given))
    except ValidationError as error:
        told = (_told(dict(detail), given) for detail in error.errors(include_url=False))
        raise BadInput("\n".join(f"{source}: {one}" for one in told), "config") from None
    for key, kind in fields.items():
        if is_money(kind):
            check_exact(f"params.{key}", getattr(made, key), source)
    return made


def _told(detail: dict[str, Any], given: Mapping[str, Any]) -> str:
    problem = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return f"params: {problem}"
    key = str(detail["loc"][0])
    return f"params.{key} = {given.get(key)}: {problem}"
