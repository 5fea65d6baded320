"""Who acts, and why: the two options that every act of a person has, and what goes on record."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput

if TYPE_CHECKING:
    from workers.operator.port import Person

Reason = Annotated[str, typer.Option("--reason", help="Why; goes on record.")]
Author = Annotated[str, typer.Option("--author", help="Who, the login name if not given; goes on record.")]


def person_of(author: str, reason: str) -> Person:
    """Who acts and why, for the record. Raises `BadInput` if either is empty."""
    from workers.operator.port import Person

    who, why = (author or login_name()).strip(), reason.strip()
    for flag, value in (("--reason", why), ("--author", who)):
        if not value:
            raise BadInput(f"{flag} is empty; say in a few words what goes on record", "operator")
    return Person(who, why)


def login_name() -> str:
    try:
        return os.environ.get("USER") or getpass.getuser()
    except (KeyError, OSError):
        return ""
