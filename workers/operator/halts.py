"""Sets, lifts and lists halts. A halt works whenever anything may trade:

| the ledger                                        | where the halt stands                                         |
|---------------------------------------------------|---------------------------------------------------------------|
| answers, whoever started it                       | in the ledger                                                 |
| does not, and nothing of the stack runs           | in the ledger: its Postgres is started for the command        |
| does not otherwise, or not in time                | in the file HALT of the state folder: see `workers.halt_flag` |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from domain.errors import BadInput, Denied, SurefootError, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.halt_flag import PREFIX, UNREAD
from workers.halt_flag import HaltFlag
from workers.operator import targets
from workers.operator.port import HaltLifted, HaltList, HaltStands, Person, WouldStop

if TYPE_CHECKING:
    from ledger.halts import HaltRecord
    from ledger.store import Ledger
    from workers.local.layout import Layout, Stack

PATIENCE_S = 3.0  # for a ledger that should answer: a brake is not kept waiting


class StackHalts:
    """`HaltOperator` of one state folder. `stack` may raise: a brake does not wait for a mended configuration.

    `say` hears what a person waits for: a Postgres that is started for the command.
    """

    def __init__(self, layout: Layout, stack: Callable[[], Stack], say: Callable[[str], None]) -> None:
        self._layout = layout
        self._stack = stack
        self._say = say
        self._flag = HaltFlag(layout.root)

    async def place(self, scope: Scope, target: str, person: Person, *, anyway: bool = False) -> HaltStands:
        import asyncio

        from workers.local.books import now
        from workers.local.presence import running

        wanted = Halt("", scope, target, Rule.OPERATOR, person.author, person.reason, now())
        seen: Sequence[targets.Watched] | None = None
        stack: Stack | None = None
        notes: list[str] = []
        try:
            stack = self._stack()
            seen = await asyncio.to_thread(targets.watched, stack) if scope is not Scope.ALL else None
            standing = await self._set(stack, wanted, seen, notes, anyway=anyway)
        except (SurefootError, OSError, TimeoutError) as away:
            if isinstance(away, BadInput) and away.code == targets.UNKNOWN:
                raise
            if stack is None and not running(self._layout):
                raise
            if stack is not None and not anyway:
                notes += _told(targets.require_known(scope, target, stack.settings, seen, None))
            standing = self._flagged(wanted, str(away) or "it did not answer in time", notes)
        known = (standing.at, standing.author) != (wanted.at, wanted.author)
        return HaltStands(standing, known, tuple(notes))

    async def would_stop(self, scope: Scope, target: str) -> WouldStop:
        import asyncio

        stack = self._stack()
        wanted = Halt("", scope, target, Rule.OPERATOR, "", "", 0)
        seen = await asyncio.to_thread(targets.watched, stack)
        notes = tuple(_told(targets.require_known(scope, target, stack.settings, seen, None)))
        if seen is None:
            return WouldStop(None, notes=notes)
        return WouldStop(len(seen), tuple(one for one in seen if one.stopped_by(wanted)), notes)

    async def lift(self, halt_id: str, person: Person) -> HaltLifted:
        notes: tuple[str, ...] = ()
        left: tuple[Halt, ...] = ()
        if halt_id.startswith(PREFIX):
            lifted = self._unflagged(halt_id)
            try:
                left = tuple(one.halt for one in await self._records(lifted_too=False))
            except SurefootError as away:
                notes = (f"whether the ledger has other halts cannot be said: {away.message}",)
        else:
            lifted, left = await self._clear(halt_id, person)
        return HaltLifted(lifted, (*self._flag.standing(), *left), notes)

    async def listed(self, *, lifted_too: bool = False) -> HaltList:
        from ledger.halts import HaltRecord

        records = tuple(HaltRecord(one) for one in self._flag.standing())
        try:
            return HaltList(records + await self._records(lifted_too=lifted_too))
        except SurefootError as away:
            if not records:
                raise
            return HaltList(records, away.message)

    # ------------------------------------------------------------------ the ledger

    async def _set(
        self,
        stack: Stack,
        wanted: Halt,
        seen: Sequence[targets.Watched] | None,
        notes: list[str],
        *,
        anyway: bool,
    ) -> Halt:
        """Raises `BadInput` (`unknown_target`), `TimeoutError` if a ledger that runs does not answer soon."""
        import asyncio

        from workers.local.presence import running

        async with (
            asyncio.timeout(PATIENCE_S if running(stack.layout) else None),
            open_ledger(stack, self._say) as ledger,
        ):
            if not anyway:
                claims = await ledger.claims() if wanted.scope is Scope.MARKET else None
                notes += _told(targets.require_known(wanted.scope, wanted.target, stack.settings, seen, claims))
            return await ledger.set_halt(wanted)

    async def _records(self, *, lifted_too: bool) -> tuple[HaltRecord, ...]:
        from ledger.halts import HaltRecord

        async with open_ledger(self._stack(), self._say) as ledger:
            if lifted_too:
                return tuple(reversed(await ledger.halt_history()))
            return tuple(HaltRecord(one) for one in await ledger.halts())

    async def _clear(self, beginning: str, person: Person) -> tuple[Halt, tuple[Halt, ...]]:
        from workers.local.books import now

        async with open_ledger(self._stack(), self._say) as ledger:
            standing = await ledger.halts()
            meant = chosen(beginning, standing)
            own = next(one for one in standing if one.id == meant)
            if own.rule is Rule.WORKFLOW_FAULT:
                raise Denied(
                    f"{meant} ends by itself once its trade moves again, and cannot be lifted before: {own.reason}; "
                    "see docs/how-to-run.md",
                    "workflow_fault",
                )
            lifted = await ledger.clear_halt(meant, person.author, person.reason, now())
            return lifted, await ledger.halts()

    # ------------------------------------------------------------------ the file HALT

    def _flagged(self, wanted: Halt, why: str, notes: list[str]) -> Halt:
        path = self._flag.path
        try:
            standing = self._flag.add(wanted)
        except OSError as error:
            raise Unavailable(
                f"nothing was halted: the ledger cannot be reached ({why}), and {path} cannot be written "
                f"({error.strerror}); `surefoot down` stops trading",
                "no_halt",
            ) from None
        notes.append(
            f"the ledger cannot be reached ({why}); the halt stands in {path}, which whatever opens trades reads"
        )
        if standing.id == UNREAD:
            notes.append("that file cannot be read, or not be written whole: it halts everything")
        return standing

    def _unflagged(self, beginning: str) -> Halt:
        standing = self._flag.standing()
        meant = chosen(beginning, standing)
        try:
            self._flag.remove(meant)
        except OSError as error:
            raise Unavailable(
                f"{self._flag.path} cannot be changed ({error.strerror}); remove it by hand", "halt_flag"
            ) from None
        return next(one for one in standing if one.id == meant)


def open_ledger(stack: Stack, say: Callable[[str], None]) -> AbstractAsyncContextManager[Ledger]:
    """The ledger that a state folder records, asked directly, whatever else of its stack runs or does not."""
    from workers.local.asleep import reading

    return reading(stack, say)


def _told(note: str) -> list[str]:
    return [note] if note else []


def chosen(beginning: str, standing: Sequence[Halt]) -> str:
    """The id of the one halt in force that starts so, with or without `h-`. Raises `BadInput` if none or several do."""
    ids = [one.id for one in standing]
    if beginning in ids:
        return beginning
    meant = [known for known in ids if beginning and known.startswith((beginning, f"h-{beginning}"))]
    if len(meant) == 1:
        return meant[0]
    shown = ", ".join(meant or ids) or "none"
    said = "starts several halts" if meant else "is no halt in force"
    raise BadInput(f"{beginning!r} {said}; in force: {shown}. `surefoot halts` tells more", "no_such_halt")
