"""Halts in memory, with the answers of `ledger.store`."""

from __future__ import annotations

from dataclasses import replace

from domain.halt import Halt, covering
from domain.intent import Intent
from ledger.halts import HaltRecord, halt_row, new_id, not_in_force, require_person, taken
from ledger.workflow_faults import fault_row
from testing.ledger.memory_faults import MemoryFaults


class MemoryHalts(MemoryFaults):
    """See `ledger.port.HaltLedger`."""

    def __init__(self) -> None:
        super().__init__()
        self._halts: dict[str, HaltRecord] = {}

    async def set_halt(self, halt: Halt) -> Halt:
        for record in self._halts.values():
            known = record.halt
            if record.in_force and (known.scope, known.target, known.rule) == (halt.scope, halt.target, halt.rule):
                return known
        if halt.id in self._halts and self._halts[halt.id].halt != halt:
            raise taken(halt.id)
        new = halt if halt.id else replace(halt, id=new_id())
        self._halts.setdefault(new.id, HaltRecord(new))
        return new

    async def clear_halt(self, halt_id: str, author: str, reason: str, at: int) -> Halt:
        require_person(author, reason)
        record = self._halts.get(halt_id)
        if record is None or not (record.in_force or record == HaltRecord(record.halt, author, reason, at)):
            raise not_in_force(halt_id)
        self._halts[halt_id] = HaltRecord(record.halt, author, reason, at)
        return record.halt

    async def halts(self) -> tuple[Halt, ...]:
        standing = [record.halt for record in self._halts.values() if record.in_force]
        standing += [halt for fault in await self.workflow_faults() for halt in fault.halts()]
        return tuple(sorted(standing, key=lambda halt: (halt.at, halt.id)))

    async def halt_history(self, limit: int | None = None) -> tuple[HaltRecord, ...]:
        newest = sorted(self._halts.values(), key=lambda record: (-record.halt.at, record.halt.id))
        return tuple(newest[:limit])

    async def _halt_over(self, intent: Intent) -> dict[str, object] | None:
        """The first halt that forbids opening, as `open_trade` names it."""
        over = covering((record.halt for record in self._halts.values() if record.in_force), intent)
        if over:
            return {"halt": halt_row(min(over, key=lambda halt: (halt.at, halt.id)))}
        for fault in await self.workflow_faults():
            if fault.intent_id != intent.id and covering(fault.halts(), intent):
                return {"fault": fault_row(fault)}
        return None
