"""What a person may tell a trade. Every command carries who and why, and both are recorded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """`author` and `reason` must not be empty; the trade's validator refuses the command otherwise."""

    author: str
    reason: str
