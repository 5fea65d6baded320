"""Money in configuration is exact: no binary fractions, no more places than a micro."""

from __future__ import annotations

from typing import Any

from domain.errors import BadInput
from domain.money import Inexact, to_micros


def refuse_binary(key: str, value: Any, source: str) -> None:
    """Raises BadInput (`config`) for a value of a money setting that YAML read as a float."""
    if isinstance(value, float):
        raise BadInput(
            f"{source}: {key} = {value} is a binary fraction, which cannot hold money exactly; "
            f'write it in quotes: {key.rsplit(".", 1)[-1]}: "{value}"',
            "config",
        )


def check_exact(key: str, value: Any, source: str) -> None:
    """Raises BadInput (`config`) for what has no exact number of micros."""
    try:
        to_micros(value)
    except Inexact as error:
        raise BadInput(f"{source}: {key} = {value}: {error}", "config") from None
