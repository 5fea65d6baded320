"""The invariants over several venues: each promise judged at every account, broken if anywhere, kept if everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from domain.invariants import NO_VENUE, Finding, check_all
from domain.market import Venue
from domain.snapshot import Arrival, LedgerFacts, VenueSnapshot


def check_venues(
    ledger: LedgerFacts, venues: Mapping[Venue, VenueSnapshot | None], arrivals: Iterable[Arrival] | None = None
) -> tuple[Finding, ...]:
    """As `check_all` with the accounts of several venues at once; None for one that could not be asked."""
    audit = None if arrivals is None else tuple(arrivals)
    judged = [check_all(ledger, venue, audit) for venue in venues.values()] or [check_all(ledger, None, audit)]
    return tuple(_together(of_one_name, list(venues)) for of_one_name in zip(*judged, strict=True))


def _together(findings: Sequence[Finding], venues: Sequence[Venue]) -> Finding:
    """One promise judged at each venue: broken if anywhere, kept if everywhere."""
    violations = tuple(dict.fromkeys(text for finding in findings for text in finding.violations))
    unjudged = [venue for venue, finding in zip(venues, findings, strict=False) if finding.holds is None]
    note = "; ".join(dict.fromkeys(finding.note for finding in findings if finding.note))
    if unjudged and len(venues) > 1:
        note = f"{NO_VENUE} ({', '.join(unjudged)})"
    if any(finding.holds is False for finding in findings):
        return Finding(findings[0].name, False, violations, note)
    return Finding(findings[0].name, None if any(f.holds is None for f in findings) else True, violations, note)
