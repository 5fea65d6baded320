"""Open trades that this code cannot carry on."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import Denied

_SHOWN = 5


class OtherVersionNeeded(Denied):
    """Today's code would decide otherwise than open trades already have; no worker was started, nothing was sent."""

    def __init__(self, here: str, left: Sequence[tuple[str, str]]) -> None:
        """`left` is (build, what differs) of each trade that only another build can carry on."""
        builds = ", ".join(sorted({build for build, _ in left}))
        shown = "; ".join(text for _, text in left[:_SHOWN])
        more = f"; and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        super().__init__(
            f"{len(left)} open trade(s) began on another version ({builds}) and do not replay on this one ({here}): "
            f"{shown}{more}. Run that version until they have ended (`surefoot halt` keeps new ones from opening), or "
            "patch this one so that it replays them; with worker.leave_trades true this one starts without them. "
            "See docs/versions.md",
            "other_version",
        )
