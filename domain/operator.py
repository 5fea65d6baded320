"""What a person may tell a trade. Every command carries who and why, and both are recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from domain.seal import Seal, SealKeys


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

    `order_id` is the venue's id of the order to adopt, on `venue`; both empty for every other action. `request` names
    this one asking, so that a copy of it is known for one; `seal` says that it was given on this installation.
    """

    author: str
    reason: str
    order_id: str = ""
    venue: str = ""
    request: str = ""
    seal: Seal | None = None


def sealed(keys: SealKeys, trade: str, action: Action, command: OperatorCommand, request: str) -> OperatorCommand:
    """The command as it may be handed to that trade, for that action alone. `request` is used once, ever."""
    named = replace(command, request=request)
    return replace(named, seal=keys.sign(*_parts(trade, action, named)))


def is_sealed(keys: SealKeys, trade: str, action: Action, command: OperatorCommand) -> bool:
    """Whether it was given on this installation, to this trade, for this action."""
    return bool(command.request) and keys.holds(command.seal, *_parts(trade, action, command))


def _parts(trade: str, action: Action, command: OperatorCommand) -> tuple[str, ...]:
    """An unwind that no worker answers is left behind as FORCE_FLAT: it is the same word."""
    word = Action.UNWIND if action is Action.FORCE_FLAT else action
    return ("command", trade, word, command.author, command.reason, command.order_id, command.venue, command.request)


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command as it was taken. `answer` is what the person was told; `at` workflow time in microseconds."""

    action: Action
    author: str
    reason: str
    answer: str
    at: int
