"""What stays of a trade whose code fell over, that is stuck, or whose process died."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from domain.operator import Action, OperatorCommand
from domain.trade import TradeState
from proof.simulate import durable
from proof.simulate.durable import Process
from tests.proof.simulate.mutants import Mutant, Patch
from workflows.driver import Driver
from workflows.parked import Parked
from workflows.state import Fault, TradeMemory


def no_net_catches_what_a_command_raises(patch: Patch) -> None:
    """The wish that broke the code is answered as kept, and is not."""

    def forget(driver: Driver, action: Action, command: OperatorCommand, fault: Fault) -> str:
        driver._break_off(fault)
        return "kept"

    patch.setattr(Driver, "_kept", forget)


def a_parked_trade_is_never_let_go_on(patch: Patch) -> None:
    obey: Callable[..., str] = Parked._obey

    def stay(parked: Parked, action: Action, command: OperatorCommand) -> str:
        answer = obey(parked, action, command)
        parked._going_on = False
        return answer

    patch.setattr(Parked, "_obey", stay)
    patch.setattr(Parked, "resume", lambda parked, build: None)


def what_a_parked_trade_knew_is_lost(patch: Patch) -> None:
    def poor(memory: TradeMemory) -> TradeMemory:
        return replace(memory, orders=memory.orders[:1])

    patch.setattr(durable, "carried", poor)


def stuck_is_the_end(patch: Patch) -> None:
    pause = Process.pause

    async def sleep_on(desk: Process, ms: int) -> bool:
        month = 30 * 86_400_000
        return await pause(desk, month if desk.trade.memory.state is TradeState.STUCK else ms)

    patch.setattr(Process, "pause", sleep_on)


def a_trade_reads_the_wall_clock(patch: Patch) -> None:
    patch.setattr(Process, "now", lambda desk: desk._server.now())


def what_was_said_is_lost_in_a_crash(patch: Patch) -> None:
    hear: Callable[..., None] = Process._hear

    def deaf(desk: Process, event: Any, *, old: bool) -> None:
        if not old:
            hear(desk, event, old=old)

    patch.setattr(Process, "_hear", deaf)


MUTANTS: tuple[Mutant, ...] = (
    stuck_is_the_end,
    no_net_catches_what_a_command_raises,
    a_parked_trade_is_never_let_go_on,
    what_a_parked_trade_knew_is_lost,
    a_trade_reads_the_wall_clock,
    what_was_said_is_lost_in_a_crash,
)
