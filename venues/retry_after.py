"""How long a venue asks to be left alone: `Retry-After` as seconds, as a fraction of one, or as an HTTP date.

RFC 9110 knows whole seconds and a date; servers in front of venues send fractions too. A date is measured against the
answer's own `Date`, since the venue's clock made both; without one against ours. A date that has passed asks for no
wait. Anything else says nothing: no garbage may shut a venue for good, so what is not a finite number or a date is
None, and nothing waits longer than `LONGEST_S`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 300.0
"""No venue here documents a longer pause than its own maintenance, which is read from its status instead."""

_SECONDS = re.compile(r"\d{1,9}(\.\d{0,9})?|\.\d{1,9}", re.ASCII)


def retry_after(headers: Mapping[str, str], now_us: int) -> float | None:
    """Seconds to wait by the header, None where it says nothing. `now_us` is our wall clock at the answer."""
    said = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(said):
        return bounded(float(said))
    until = _instant(said)
    if until is None:
        return None
    asked = _instant(headers.get("Date", "").strip())
    return bounded(until - (now_us / 1e6 if asked is None else asked))


def bounded(seconds: float) -> float:
    """A wait that a venue asked for, as far as it is kept to: 0 for one in the past or one that is no number."""
    return min(max(seconds, 0.0), LONGEST_S) if math.isfinite(seconds) else 0.0


def _instant(text: str) -> float | None:
    """Seconds since the epoch of an HTTP date; one without a zone is in GMT, as the RFC has it."""
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return _asctime(text)


def _asctime(text: str) -> float | None:
    """The oldest of the three forms, `Sun Nov  6 08:49:37 1994`, which recipients still have to read."""
    try:
        return datetime.strptime(" ".join(text.split()), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
