"""Approves, suspends, withdraws and lists claims in the ledger, in a person's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from domain.claims import ClaimStatus, EquivalenceRecord, amended
from domain.errors import BadInput
from ledger.port import ClaimLedger
from workers.operator.port import ClaimStory, Person

if TYPE_CHECKING:
    from workers.local.layout import Stack


class StackClaims:
    """`ClaimOperator` of one stack. `say` hears what a person waits for: a Postgres that is started for a reading."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._say = say

    async def newest(self) -> tuple[EquivalenceRecord, ...]:
        from workers.local.asleep import reading

        async with reading(self._stack, self._say) as ledger:
            return await ledger.claims()

    async def story(self, claim: str) -> ClaimStory:
        from workers.local.asleep import reading

        async with reading(self._stack, self._say) as ledger:
            newest = chosen(claim, await ledger.claims())
            history = await ledger.claim_history(newest.id)
            return ClaimStory(history, await ledger.rule_texts(one.rules_sha256 for one in newest.instruments))

    async def propose(self, record: EquivalenceRecord, texts: Sequence[str]) -> EquivalenceRecord:
        from workers.local.books import open_ledger

        async with open_ledger(self._stack) as ledger:
            return await keep_proposal(ledger, record, texts)

    async def decide(
        self, claim: str, status: ClaimStatus, person: Person, version: int | None = None
    ) -> EquivalenceRecord:
        from workers.local.books import now, open_ledger

        async with open_ledger(self._stack) as ledger:
            newest = chosen(claim, await ledger.claims())
            if version is not None and version != newest.version:
                raise BadInput(
                    f"claim {newest.id} is at version {newest.version} ({newest.status} by {newest.author}: "
                    f"{newest.reason}), not {version}; read it again and approve that one",
                    "claim_changed",
                )
            if status is ClaimStatus.APPROVED and newest.paper:
                raise BadInput(
                    f"claim {newest.id} was declared by a recording; propose it with its rule texts", "paper"
                )
            return await ledger.add_claim(newest.decided(status, person.author, person.reason, now()))


async def keep_proposal(ledger: ClaimLedger, record: EquivalenceRecord, texts: Sequence[str]) -> EquivalenceRecord:
    """Record a proposal as the first version of its claim or the next one."""
    history = await ledger.claim_history(record.id)
    return await ledger.add_claim(amended(record, history[-1]) if history else record, texts)


def chosen(beginning: str, records: Sequence[EquivalenceRecord]) -> EquivalenceRecord:
    """The one claim whose id starts so, with or without `c-`. Raises `BadInput` (`no_such_claim`) if none or several
    do."""
    meant = [one for one in records if beginning and one.id.startswith((beginning, f"c-{beginning}"))]
    if len(meant) == 1:
        return meant[0]
    shown = ", ".join(one.id for one in meant or records) or "none"
    said = "starts several claims" if meant else "is no claim"
    raise BadInput(f"{beginning!r} {said}; there are: {shown}. `surefoot claims ls` tells more", "no_such_claim")
