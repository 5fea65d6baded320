"""What came of it, for people: progress while it runs, a table at the end."""

from __future__ import annotations

import sys
from typing import TextIO

from workers.conformance.checks import Check
from workers.conformance.runner import Result

_MARKS = {(True, False): "ok", (False, False): "FAILED", (True, True): "-"}


def progress(client: str, check: Check, out: TextIO = sys.stderr) -> None:
    mark = _MARKS[check.ok, check.skipped]
    out.write(f"{client:<26}{mark:<8}{check.name}{'' if check.ok else f': expected {check.expected}; {check.seen}'}\n")
    out.flush()


def table(results: list[Result]) -> str:
    """One row a check, one column a client; then what failed, with what was expected and seen."""
    names = list(dict.fromkeys(check.name for result in results for check in result.checks))
    width = max((len(name) for name in names), default=0) + 2
    columns = [max(len(result.client), len(result.version), 6) + 2 for result in results]
    heads = "".join(result.client.ljust(size) for result, size in zip(results, columns, strict=True))
    versions = "".join(result.version.ljust(size) for result, size in zip(results, columns, strict=True))
    lines = [" " * width + heads, " " * width + versions]
    for name in names:
        cells = []
        for result, size in zip(results, columns, strict=True):
            found = [check for check in result.checks if check.name == name]
            cells.append((_MARKS[found[-1].ok, found[-1].skipped] if found else "").ljust(size))
        lines.append(name.ljust(width) + "".join(cells))
    for result in results:
        lines += [
            f"\n{result.client}, {check.name}: expected {check.expected}; seen: {check.seen}" for check in result.failed
        ]
    return "\n".join(line.rstrip() for line in lines)
