"""Drives one run of a trade: its life, or the parked run that a fault of the life led to. Knows no Temporal.

    driver = Driver(intent, desk, memory)
    end = await driver.run()      # the closed record; or the memory that the next run begins from
    driver.take(action, command)  # meanwhile, by whoever carries messages

Three nets: what the life raises ends this run, and the next one is parked (`workflows.parked`); so does what a command
raises, and the command is kept; what nobody can catch (the parked run itself, decoding, a blocked loop) is left to
Temporal, which repeats the task until mended code carries it out.
"""

from __future__ import annotations

import asyncio

from domain.intent import Intent
from domain.operator import Action, CommandRecord, OperatorCommand
from domain.trade import TradeRecord
from workflows.at_hand import Renewed
from workflows.desk import Desk
from workflows.lifecycle import Trade
from workflows.parked import Parked
from workflows.state import Fault, PendingCommand, TradeMemory

_LONGEST_FAULT = 500


class Driver:
    """`memory` is None for a new trade; one with a fault begins parked."""

    def __init__(self, intent: Intent, desk: Desk, memory: TradeMemory | None = None) -> None:
        self._desk = desk
        self._end: asyncio.Future[TradeRecord | TradeMemory] | None = None
        self._fault: Fault | None = None
        self._life: asyncio.Future[TradeRecord | TradeMemory] | None = None
        self.carried: Trade | Parked
        if memory is not None and memory.fault is not None:
            self.carried = Parked(intent, desk, memory)
            return
        try:
            self.carried = Trade(intent, desk, memory)
        except Exception as error:
            if not _caught(error):
                raise
            self._fault = self._described(error)
            reserved = intent.size * len(intent.legs)  # no share costs more than a dollar
            self.carried = Parked(intent, desk, memory if memory is not None else TradeMemory(reserved=reserved))

    @property
    def memory(self) -> TradeMemory:
        return self.carried.memory

    async def run(self) -> TradeRecord | TradeMemory:
        """Until the trade has closed, or is to go on in another run."""
        self._end = asyncio.get_running_loop().create_future()
        if self._fault is not None:  # its life could not even begin, or a command that came with the start broke it
            return self._parked_by(self._fault)
        self._life = asyncio.ensure_future(self._carry())
        # Not by a callback of the life's: what one raises is heard by nobody, and the trade would wait for ever.
        await asyncio.wait([self._life, self._end], return_when=asyncio.FIRST_COMPLETED)
        return self._end.result() if self._end.done() else self._ended(self._life)

    async def _carry(self) -> TradeRecord | TradeMemory:
        return await self.carried.run()

    def abandon(self) -> None:
        """Drop what still runs of this run, outside of Temporal, which does so by itself."""
        if self._life is not None:
            self._life.cancel()

    def _ended(self, life: asyncio.Future[TradeRecord | TradeMemory]) -> TradeRecord | TradeMemory:
        """What the end of a life comes to. Raises what no other run could be begun from."""
        error = None if life.cancelled() else life.exception()
        if error is None:
            return life.result()  # or raises that it was cancelled
        if isinstance(self.carried, Trade) and self.carried.final is not None:
            return self.carried.final  # it has closed, and what was raised after that has nothing to park
        if isinstance(error, Renewed):
            return self.memory
        if not _caught(error) or isinstance(self.carried, Parked):
            raise error
        return self._parked_by(self._described(error))

    # ------------------------------------------------------------------ people

    def may(self, action: Action, command: OperatorCommand) -> None:
        """Raise ValueError with the reason when `command` cannot be carried out. Changes nothing.

        A bug in the looking refuses nothing: the command passes, and is kept. A copy of one that was taken is refused.
        """
        if command.request and command.request in self.memory.requests:
            raise ValueError("this very command was taken before; give it anew")
        try:
            self.carried.may(action, command)
        except ValueError as refusal:
            if type(refusal) is ValueError or isinstance(self.carried, Parked):
                raise
        except Exception as error:
            if not _caught(error) or isinstance(self.carried, Parked):
                raise

    def take(self, action: Action, command: OperatorCommand) -> str:
        """Carry out a command that `may` has let pass; returns what will happen, for the person who asked."""
        taken = len(self.memory.taken)
        if command.request:
            self.memory.requests.append(command.request)
        try:
            return self.carried.take(action, command)
        except Exception as error:
            if not _caught(error) or isinstance(self.carried, Parked):
                raise
            del self.memory.taken[taken:]  # it may have come so far
            return self._kept(action, command, self._described(error))

    def signalled(self, action: Action, command: OperatorCommand) -> None:
        """A command that nobody waits for: carried out if it still can be, else told in the story. One that was taken
        as an update after all, when its answer was no longer waited for, needs no second word."""
        if command.request and command.request in self.memory.requests:
            return
        try:
            self.may(action, command)
        except ValueError as refusal:
            asked = "unwind" if action is Action.FORCE_FLAT else action
            self._tell(f"{command.author} asked to {asked} ({command.reason}), too late: {refusal}")
        else:
            self.take(action, command)

    def unsealed(self, action: Action, command: OperatorCommand) -> None:
        """A command that may be a stranger's: an unwind within the loss budget at most."""
        try:
            self.carried.take_unsealed(action, command)
        except Exception as error:
            if not _caught(error) or isinstance(self.carried, Parked):
                raise
            self._break_off(self._described(error))

    def resume(self, build: str) -> None:
        """A worker of that build has started; a parked trade may go on if its code is new."""
        if isinstance(self.carried, Parked):
            self.carried.resume(build)

    def record(self) -> TradeRecord:
        return self.carried.record()

    def _tell(self, text: str) -> None:
        try:
            self.carried.tell(text)
        except Exception as error:
            if not _caught(error) or isinstance(self.carried, Parked):
                raise
            self._break_off(self._described(error))

    # ------------------------------------------------------------------ faults

    def _kept(self, action: Action, command: OperatorCommand, fault: Fault) -> str:
        """A command broke the code that was to obey it: it waits in the memory, and the parked run obeys it."""
        answer = f"the trade's own code failed ({fault.text}); it is parked, and this is kept and carried out there"
        self.memory.taken.append(CommandRecord(action, command.author, command.reason, answer, fault.at))
        if action in (Action.UNWIND, Action.FORCE_FLAT):
            self.memory.mode, self.memory.least = Action.UNWIND, command.min_price
        elif action is Action.HOLD:
            self.memory.mode = Action.HOLD  # whatever was asked before, the parked run sells nothing
        else:
            self.memory.pending.append(PendingCommand(action, command))
        self._break_off(fault)
        return answer

    def _break_off(self, fault: Fault) -> None:
        if self._end is None:
            self._fault = fault
        elif not self._end.done():
            self._end.set_result(self._parked_by(fault))

    def _parked_by(self, fault: Fault) -> TradeMemory:
        memory = self.memory
        memory.fault, memory.faults = fault, memory.faults + 1
        return memory

    def _described(self, error: BaseException) -> Fault:
        return Fault(words_of(error), self._desk.now(), self._desk.build())


def words_of(error: BaseException) -> str:
    """What was raised, and where in our own code."""
    try:
        said = str(error)
    except Exception as worse:  # an error whose own text raises is no reason to lose the trade
        said = f"(its text raises {type(worse).__name__})"
    return f"{type(error).__name__}: {said}{_where(error)}"[:_LONGEST_FAULT]


def _where(error: BaseException) -> str:
    """File and line that raised. Read from the frames alone: a workflow opens no files."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else f" ({at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno})"


def _caught(error: BaseException) -> bool:
    """Whether a run may go on in another after this. Not without memory or stack, and not what is no Exception."""
    return isinstance(error, Exception) and not isinstance(error, (MemoryError, RecursionError))
