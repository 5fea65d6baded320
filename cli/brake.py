"""What `status` says before anything else: who trades unsupervised, and what the file HALT stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.halt_flag import HaltFlag

if TYPE_CHECKING:
    from workers.local.layout import Layout

_TRADES = ("worker", "ingest")


def unsupervised_words(layout: Layout) -> str:
    """What still runs although its supervisor is gone; empty while one lives, or nothing runs."""
    from workers.local.presence import unsupervised

    left = list(dict.fromkeys(record.name for record in unsupervised(layout)))
    trading = [name for name in left if name in _TRADES]
    if trading:
        return f"UNSUPERVISED, still trading: {', '.join(trading)}"
    return f"UNSUPERVISED, left running: {', '.join(left)}" if left else ""


def flag_words(layout: Layout) -> list[str]:
    """One line for each halt of the file HALT."""
    return [str(halt) for halt in HaltFlag(layout.root).standing()]
