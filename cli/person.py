"""Who acts, and why: the two options that every act of a person has, and what goes on record."""

from __future__ import annotations

import getpass
import os
from decimal import Decimal
from typing import Annotated

import typer

from domain.errors import BadInput
from domain.operator import OperatorCommand

Reason = Annotated[str, typer.Option("--reason", help="Why; goes on record.")]
Author = Annotated[str, typer.Option("--author", help="Who, the login name if not given; goes on record.")]


def command_of(
    author: str, reason: str, *, order_id: str = "", venue: str = "", min_price: Decimal | None = None
) -> OperatorCommand:
    """Who and why, for the record. Raises `BadInput` if either is empty."""
    command = OperatorCommand((author or login_name()).strip(), reason.strip(), order_id, venue, min_price=min_price)
    for flag, value in (("--reason", command.reason), ("--author", command.author)):
        if not value:
            raise BadInput(f"{flag} is empty; say in a few words what goes on record", "operator")
    return command


def login_name() -> str:
    try:
        return os.environ.get("USER") or getpass.getuser()
    except (KeyError, OSError):
        return ""
