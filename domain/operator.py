"""What a person may tell a trade. Every command carries who and why, and both are recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from domain.money import plain
from domain.seal import Seal, SealKeys


class Action(StrEnum):
    """What can be asked of a trade; the value is the word of the command line, of updates and of the ledger."""

    UNWIND = "unwind"  # no more buying: what stands alone is sold at any price
    HOLD = "hold"  # send nothing until told otherwise
    RETRY = "retry"  # try again now, with all of the policy's time and budget
    ACCEPT = "accept"  # what stands alone may stay as it is
    ADOPT = "adopt"  # an order placed by hand is a leg's own
    FORCE_FLAT = "force_flat"  # unwind, accepted even while no worker is up
    REVIVE = "revive"  # taken up again, its workflow being gone; on record, and nothing that a trade can be told


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """`author` and `reason` must not be empty; the trade's validator refuses the command otherwise.

    `order_id` is the venue's id of the order to adopt, on `venue`; both empty for every other action. `request` names
    this one asking, so that a copy of it is known for one; `seal` says that it was given on this installation.
    `min_price` bounds an unwind: no share is given back for less (one held short is bought back for at most a dollar
    less that); None: at any price.
    """

    author: str
    reason: str
    order_id: str = ""
    venue: str = ""
    request: str = ""
    seal: Seal | None = None
    min_price: Decimal | None = None

    @property
    def odd_price(self) -> str:
        """What is wrong with the bound; empty if nothing is."""
        price = self.min_price
        if price is None or (price.is_finite() and 0 < price < 1):
            return ""
        return f"a lowest price of {price}; expected dollars a share between 0 and 1"


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
    said = (command.author, command.reason, command.order_id, command.venue, command.request)
    bound = () if command.min_price is None else (f"min_price={plain(command.min_price)}",)
    return ("command", trade, word, *said, *bound)


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command as it was taken. `answer` is what the person was told; `at` workflow time in microseconds."""

    action: Action
    author: str
    reason: str
    answer: str
    at: int
