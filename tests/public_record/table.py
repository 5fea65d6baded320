"""docs/what-venues-do.md from the cases: `python -m tests.public_record.table` writes it anew."""

from __future__ import annotations

import sys
from itertools import groupby

from tests.places import ROOT
from tests.public_record.case import Case, load_all

PAGE = ROOT / "docs" / "what-venues-do.md"
_BEGIN = "<!-- cases: written by `python -m tests.public_record.table` -->\n"
_END = "<!-- end of cases -->\n"


def rendered(page: str, cases: list[Case]) -> str:
    """The page with its tables as the cases are now; all that stands around them is left alone."""
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return before + _BEGIN + _tables(cases) + _END + after


def _tables(cases: list[Case]) -> str:
    parts = []
    for topic, group in groupby(cases, key=lambda case: case.topic):
        rows = "\n".join(_row(case) for case in group)
        parts.append(
            f"\n## {_heading(topic)}\n\n| case | venue | what it did | source | what is right | test | verdict |\n"
            f"|---|---|---|---|---|---|---|\n{rows}\n"
        )
    return "".join(parts) + "\n"


def _heading(topic: str) -> str:
    words = topic.partition("-")[2].replace("-", " ")
    return words[:1].upper() + words[1:]


def _row(case: Case) -> str:
    cells = (
        f"`{case.id}` {case.title}",
        case.venue,
        case.seen,
        "; ".join(case.sources),
        case.right,
        f"`test_a_public_case_comes_out_right[{case.id}]` ({case.probe})",
        f"open: {case.awaits}" if case.awaits else "right",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(rendered(page, load_all()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
