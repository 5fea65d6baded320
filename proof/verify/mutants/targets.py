"""The modules whose mistakes would cost money, most of all those that decide."""

from __future__ import annotations

from proof.kept.digest import TREE

_NOT_JUDGED = ("__init__", "names", "desk", "fake_desk")
"""`desk` is a port, `names` are words, `fake_desk` is a tool of the tests."""

_WORKFLOWS = sorted(file.stem for file in (TREE / "workflows").glob("*.py") if file.stem not in _NOT_JUDGED)

TARGETS = (
    "domain.residual",
    "domain.exposure",
    "domain.invariants",
    "ledger.capital",
    "ledger.halts",
    "activities.settlement",
    "activities.orders",
    *(f"workflows.{name}" for name in _WORKFLOWS),
)
