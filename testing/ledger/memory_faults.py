"""Workflow faults in memory, with the answers of `ledger.workflow_faults`."""

from __future__ import annotations

from dataclasses import replace

from domain.workflow_fault import FaultKind, WorkflowFault
from ledger.workflow_faults import bounded


class MemoryFaults:
    """See `ledger.port.FaultLedger`."""

    def __init__(self) -> None:
        super().__init__()
        self._faults: list[WorkflowFault] = []

    async def record_fault(self, fault: WorkflowFault) -> bool:
        fault = replace(fault, text=bounded(fault))
        for n, known in enumerate(self._faults):
            if (known.intent_id, known.kind, known.cleared_at) == (fault.intent_id, fault.kind, None):
                self._faults[n] = replace(
                    known,
                    build=fault.build,
                    text=fault.text or known.text,
                    attempt=fault.attempt or known.attempt,
                    markets=fault.markets or known.markets,
                    last_seen=max(known.last_seen, fault.last_seen),
                )
                return False
        self._faults.append(fault)
        return True

    async def clear_fault(self, intent_id: str, kind: FaultKind, at: int) -> bool:
        for n, known in enumerate(self._faults):
            if (known.intent_id, known.kind, known.cleared_at) == (intent_id, kind, None):
                self._faults[n] = replace(known, cleared_at=at)
                return True
        return False

    async def workflow_faults(self) -> tuple[WorkflowFault, ...]:
        standing = (fault for fault in self._faults if fault.cleared_at is None)
        return tuple(sorted(standing, key=lambda fault: (fault.first_seen, fault.intent_id, fault.kind)))

    def _faults_of(self, intent_id: str) -> tuple[WorkflowFault, ...]:
        own = (fault for fault in self._faults if fault.intent_id == intent_id)
        return tuple(sorted(own, key=lambda fault: (fault.first_seen, fault.kind)))
