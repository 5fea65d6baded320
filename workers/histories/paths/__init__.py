"""Every path a trade may take, each as the story that is recorded: what the world does, and how the trade must end.

A path that takes another turn than it says raises, and nothing of it is kept.
"""

from __future__ import annotations

from workers.histories.paths.opening import OPENING
from workers.histories.paths.parked import PARKED
from workers.histories.paths.path import Path
from workers.histories.paths.people import PEOPLE
from workers.histories.paths.repair import REPAIR
from workers.histories.paths.styles import STYLES
from workers.histories.paths.tail import TAIL
from workers.histories.paths.unknown import UNKNOWN

PATHS: dict[str, Path] = {**OPENING, **REPAIR, **UNKNOWN, **STYLES, **PEOPLE, **TAIL, **PARKED}
