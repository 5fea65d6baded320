"""What a person may tell a trade. Every command carries who and why, and both are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What can be asked of a trade; the value is the word of the command line, of updates and of the ledger."""

    UNWIND = "unwind"  # no more buying: what stands alone is sold at any price
    HOLD = "hold"  # send nothing until told otherwise
    RETRY = "retry"  # try again now, with all of the policy's time and budget
    ACCEPT = "accept"  # what stands alone may stay as it is
    ADOPT = "adopt"  # an order placed by hand is a leg's own
    FORCE_FLAT = "force_flat"  # unwind, accepted even while no worker is up


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """`author` and `reason` must not be empty; the trade's validator refuses the command otherwise.

    `order_id` is the venue's id of the order to adopt, on `venue`; both empty for every other action.
    """

    author: str
    reason: str
    order_id: str = ""
    venue: str = ""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command as it was taken. `answer` is what the person was told; `at` workflow time in microseconds."""

    action: Action
    author: str
    reason: str
    answer: str
    at: int
