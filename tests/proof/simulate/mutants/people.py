"""What people and halts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.halt import Halt, Scope
from domain.intent import Intent
from domain.operator import Action
from proof.simulate.ledgers import StormyLedger
from tests.proof.simulate.mutants import Mutant, Patch
from workflows.commands import Commands
from workflows.lifecycle import Trade


def a_wish_does_not_stop_what_is_in_doubt(patch: Patch) -> None:
    patch.setattr(Trade, "wants", lambda trade, order: True)


def a_wish_is_recorded_and_forgotten(patch: Patch) -> None:
    obey: Callable[..., str] = Commands._obey

    def nod(commands: Commands, action: Action, *rest: Any) -> str:
        answer = obey(commands, action, *rest)
        commands._memory.mode = None
        return answer

    patch.setattr(Commands, "_obey", nod)


def hold_holds_nothing(patch: Patch) -> None:
    patch.setattr(Commands, "holding", False)


def halts_are_not_heard_of(patch: Patch) -> None:
    async def nod(ledger: StormyLedger, halt: Halt) -> Halt:
        return halt

    async def clear(ledger: StormyLedger, *args: Any) -> None:
        return None

    patch.setattr(StormyLedger, "set_halt", nod)
    patch.setattr(StormyLedger, "clear_halt", clear)


def a_halt_of_a_venue_looks_at_the_first_leg_only(patch: Patch) -> None:
    _believe(patch, Scope.VENUE, lambda halt, intent: intent.legs[0].venue == halt.target)


def a_halt_of_a_market_looks_at_the_first_leg_only(patch: Patch) -> None:
    _believe(patch, Scope.MARKET, lambda halt, intent: intent.legs[0].market == halt.target.rpartition("/")[2])


def a_halt_of_a_market_does_not_know_its_venue(patch: Patch) -> None:
    _believe(patch, Scope.MARKET, lambda halt, intent: any(leg.market == halt.target for leg in intent.legs))


def _believe(patch: Patch, scope: Scope, covered: Callable[[Halt, Intent], bool]) -> None:
    """Halts of one scope cover what `covered` says."""
    covers = Halt.covers
    patch.setattr(
        Halt, "covers", lambda halt, intent: covered(halt, intent) if halt.scope is scope else covers(halt, intent)
    )


MUTANTS: tuple[Mutant, ...] = (
    a_wish_does_not_stop_what_is_in_doubt,
    a_wish_is_recorded_and_forgotten,
    hold_holds_nothing,
    halts_are_not_heard_of,
    a_halt_of_a_venue_looks_at_the_first_leg_only,
    a_halt_of_a_market_looks_at_the_first_leg_only,
    a_halt_of_a_market_does_not_know_its_venue,
)
