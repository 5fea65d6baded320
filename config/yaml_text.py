"""YAML as people write it: read whole, refused with the place of what is wrong."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from domain.errors import BadInput


def read(path: Path, named: str) -> str:
    """The text of `path`, which `named` (a flag, a setting) led to. Raises BadInput (`config`) if it cannot be read."""
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{named} {path}: {reason}; expected a readable YAML file", "config") from None


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def parse(text: str, source: str) -> dict[str, Any]:
    """The keys of one YAML document, none for an empty one. Raises BadInput (`config`) with line and column."""
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadInput(f"{source}{place}: {error.problem}; expected YAML", "config") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{source}: {str(error).splitlines()[0]}; expected YAML", "config") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadInput(f"{source}: holds a {type(content).__name__}; expected sections with keys", "config")
    return content
