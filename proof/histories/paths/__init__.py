"""Every path a trade may take, each as the story that is recorded: what the world does, and how the trade must end.

A path that takes another turn than it says raises, and nothing of it is kept.
"""

from __future__ import annotations

from proof.histories.paths.opening import OPENING
from proof.histories.paths.parked import PARKED
from proof.histories.paths.path import Path
from proof.histories.paths.people import PEOPLE
from proof.histories.paths.repair import REPAIR
from proof.histories.paths.styles import STYLES
from proof.histories.paths.tail import TAIL
from proof.histories.paths.unknown import UNKNOWN

PATHS: dict[str, Path] = {**OPENING, **REPAIR, **UNKNOWN, **STYLES, **PEOPLE, **TAIL, **PARKED}
