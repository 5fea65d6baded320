"""What came of it, for people: progress while it runs, a table at the end."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TextIO

from proof.conformance.checks import Check
from proof.conformance.runner import Result

_MARKS = {(True, False): "ok", (False, False): "FAILED", (True, True): "-"}


def progress(client: str, check: Check, out: TextIO = sys.stderr) -> None:
    mark = _MARKS[check.ok, check.skipped]
    out.write(f"{client:<26}{mark:<8}{check.name}{'' if check.ok else f': expected {check.expected}; {check.seen}'}\n")
    out.flush()


def table(results: list[Result]) -> str:
    """One row a check, one column a client; what only one client is asked, by client; then what failed, with what was
    expected and seen."""
    asked = Counter(check.name for result in results for check in result.checks)
    alone = {name for name, times in asked.items() if times == 1 and len(results) > 1}
    width = max((len(name) for name in asked if name not in alone), default=0) + 2
    columns = [max(len(result.client), len(result.version), 6) + 2 for result in results]
    lines = [
        " " * width + "".join(text.ljust(size) for text, size in zip(row, columns, strict=True))
        for row in ([result.client for result in results], [result.version for result in results])
    ]
    for name in asked:
        if name in alone:
            continue
        cells = []
        for result, size in zip(results, columns, strict=True):
            found = [check for check in result.checks if check.name == name]
            cells.append((_MARKS[found[-1].ok, found[-1].skipped] if found else "").ljust(size))
        lines.append(name.ljust(width) + "".join(cells))
    for result in results:
        own = [check for check in result.checks if check.name in alone]
        if own:
            good = sum(check.ok for check in own)
            lines.append(f"\n{result.client} alone, {good} of {len(own)} ok: {', '.join(check.name for check in own)}")
    for result in results:
        lines += [
            f"\n{result.client}, {check.name}: expected {check.expected}; seen: {check.seen}" for check in result.failed
        ]
    return "\n".join(line.rstrip() for line in lines)
