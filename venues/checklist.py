"""The start-up checklist of a venue: what was looked at, what was seen, what to do about it. See `surefoot doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Finding = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `fail` means that trades there cannot work; `warn` that some may not. `fix` is empty if all is well."""

    name: str
    verdict: Finding
    seen: str
    fix: str = ""
