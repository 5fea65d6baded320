"""Whether the rule texts of claims are still those that were read: a text that changed suspends its claims.

Asked at start and then on a schedule. A text that cannot be read now changes nothing: what was approved stands, and
the next look asks again. Only a person approves a suspended claim.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from activities.alerts import Alerts
from domain.claims import ClaimStatus, EquivalenceRecord, InstrumentKey, changed_texts
from domain.errors import BadInput, SurefootError
from ledger.port import ClaimLedger

log = structlog.get_logger(__name__)

AUTHOR = "rules watch"

ReadRules = Callable[[InstrumentKey], Awaitable[str]]
"""The rule text of one instrument as its venue gives it now; raises a SurefootError while it cannot be read."""


@dataclass(frozen=True, slots=True)
class RulesSeen:
    """`suspended` are the new versions of claims whose text changed; `unread` instruments whose text could not be
    read, each with why."""

    suspended: tuple[EquivalenceRecord, ...]
    unread: tuple[tuple[InstrumentKey, str], ...]


async def watch_rules(ledger: ClaimLedger, read: ReadRules, alerts: Alerts, at: int) -> RulesSeen:
    """One look at every approved claim, each text read once; `at` wall-clock microseconds. Claims that a recording
    declares have no text and are passed over. Raises `Unavailable` while the ledger cannot be asked."""
    standing = [one for one in await ledger.claims() if one.tradable and not one.paper]
    texts: dict[InstrumentKey, str] = {}
    unread: dict[InstrumentKey, str] = {}
    for record in standing:
        for key in (one.key for one in record.instruments):
            if key in texts or key in unread:
                continue
            try:
                texts[key] = await read(key)
            except SurefootError as failure:
                unread[key] = failure.message
                log.warning("rules not read", venue=key[0], market=key[1], error=failure.message)
    suspended: list[EquivalenceRecord] = []
    for record in standing:
        changed = changed_texts(record, texts)
        if not changed:
            continue
        seen = [texts[one.key] for one in record.instruments if one.key in texts]
        try:
            next_one = record.decided(ClaimStatus.SUSPENDED, AUTHOR, "; ".join(changed), at)
            suspended.append(await ledger.add_claim(next_one, seen))
        except BadInput as overtaken:
            log.info("claim decided by somebody else meanwhile", claim=record.id, error=overtaken.message)
            continue
        await alerts.tell(
            "claim_suspended",
            f"claim {record.id} ({record.title}) is suspended: {'; '.join(changed)}",
            f"`surefoot claims show {record.id}`, read the texts, then approve or withdraw it",
            claim=record.id,
        )
    return RulesSeen(tuple(suspended), tuple(unread.items()))
