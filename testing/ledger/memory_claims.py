"""Claims in memory, with the answers of `ledger.claims`."""

from __future__ import annotations

from collections.abc import Iterable

from domain.claims import EquivalenceRecord, refusal, rules_hash, split_pin
from domain.intent import Intent, canonical
from ledger.claims import overtaken


class MemoryClaims:
    """See `ledger.port.ClaimLedger`."""

    def __init__(self) -> None:
        self._claims: dict[str, list[EquivalenceRecord]] = {}
        self._rule_texts: dict[str, str] = {}

    async def add_claim(self, record: EquivalenceRecord, texts: Iterable[str] = ()) -> EquivalenceRecord:
        for text in texts:
            self._rule_texts.setdefault(rules_hash(text), text)
        versions = self._claims.get(record.id, [])
        if record.version == len(versions) + 1:
            self._claims[record.id] = [*versions, record]
            return record
        if not versions or versions[-1] != record:
            raise overtaken(record, versions[-1] if versions else None)
        return record

    async def claims(self) -> tuple[EquivalenceRecord, ...]:
        return tuple(self._claims[known][-1] for known in sorted(self._claims))

    async def claim_history(self, claim_id: str) -> tuple[EquivalenceRecord, ...]:
        return tuple(self._claims.get(claim_id, ()))

    async def rule_texts(self, hashes: Iterable[str]) -> dict[str, str]:
        return {one: self._rule_texts[one] for one in hashes if one in self._rule_texts}

    def _claim_forbids(self, intent: Intent) -> dict[str, object] | None:
        """Why the intent's claim lets nothing open, as `open_trade` says it."""
        if not intent.claim:
            return None
        versions = self._claims.get(split_pin(intent.claim)[0], [])
        newest = versions[-1] if versions else None
        if not refusal(intent.claim, newest):
            return None
        return {"claim": intent.claim, "newest": canonical(newest) if newest is not None else None}
