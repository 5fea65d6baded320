"""Equivalence records as the ledger keeps them: one row a version, never changed, and the rule texts that were read."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import msgspec

from domain.claims import EquivalenceRecord, refusal, rules_hash
from domain.errors import BadInput, Denied
from domain.intent import canonical

if TYPE_CHECKING:
    from ledger.connection import Connection

_RECORD = msgspec.json.Decoder(EquivalenceRecord)

# A version follows the newest or is that very one again; anything else was decided on a version no longer newest.
_ADD = """
WITH read AS (
    INSERT INTO rule_texts SELECT * FROM jsonb_populate_recordset(NULL::rule_texts, $2::jsonb) ON CONFLICT DO NOTHING
), added AS (
    INSERT INTO claims
    SELECT n.* FROM jsonb_populate_record(NULL::claims, $1::jsonb) n
     WHERE n.version = 1 + COALESCE((SELECT max(version) FROM claims c WHERE c.id = n.id), 0)
    ON CONFLICT DO NOTHING
    RETURNING document
)
SELECT COALESCE(
    (SELECT document FROM added),
    (SELECT document FROM claims c WHERE c.id = $1::jsonb ->> 'id' ORDER BY version DESC LIMIT 1))"""

_NEWEST = "SELECT DISTINCT ON (id) document FROM claims ORDER BY id, version DESC"
_HISTORY = "SELECT document FROM claims WHERE id = $1 ORDER BY version"
_TEXTS = "SELECT sha256, text FROM rule_texts WHERE sha256 = ANY($1)"


class ClaimStore(ABC):
    """The claims half of `ledger.store.Ledger`; see `ledger.port.ClaimLedger`."""

    @abstractmethod
    async def _write(self, statement: str, *arguments: Any) -> Any: ...

    @abstractmethod
    def _connection(self) -> AbstractAsyncContextManager[Connection]: ...

    async def add_claim(self, record: EquivalenceRecord, texts: Iterable[str] = ()) -> EquivalenceRecord:
        rows = [{"sha256": rules_hash(text), "text": text} for text in texts]
        stands = await self._write(_ADD, json.dumps(claim_row(record)), json.dumps(rows))
        if stands is None:  # a first version that another writer has just added, not to be seen yet
            stands = await self._write(_ADD, json.dumps(claim_row(record)), "[]")
        newest = record_of(stands) if stands is not None else None
        if newest != record:
            raise overtaken(record, newest)
        return record

    async def claims(self) -> tuple[EquivalenceRecord, ...]:
        async with self._connection() as connection:
            return tuple(record_of(row["document"]) for row in await connection.fetch(_NEWEST))

    async def claim_history(self, claim_id: str) -> tuple[EquivalenceRecord, ...]:
        async with self._connection() as connection:
            return tuple(record_of(row["document"]) for row in await connection.fetch(_HISTORY, claim_id))

    async def rule_texts(self, hashes: Iterable[str]) -> dict[str, str]:
        async with self._connection() as connection:
            return {row["sha256"]: row["text"] for row in await connection.fetch(_TEXTS, list(hashes))}


def claim_row(record: EquivalenceRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "version": record.version,
        "status": record.status,
        "author": record.author,
        "reason": record.reason,
        "at": record.at,
        "document": canonical(record),
    }


def record_of(document: str) -> EquivalenceRecord:
    return _RECORD.decode(document)


def overtaken(record: EquivalenceRecord, newest: EquivalenceRecord | None) -> BadInput:
    stands = f"{newest.pin} is {newest.status} ({newest.author}: {newest.reason})" if newest else "there is none yet"
    return BadInput(f"{record.pin} was not decided on the newest version: {stands}; look again", "claim_changed")


def suspended(why: Mapping[str, Any]) -> Denied:
    """The error behind an opening that its claim forbids: `claim` is the pin, `newest` its newest version."""
    newest = record_of(why["newest"]) if why["newest"] is not None else None
    return Denied(f"{refusal(why['claim'], newest)}. Nothing was sent", "claim_suspended")
