"""The setting `strategies`: files of one strategy each, or the same content in place.

    strategy: calm           # whose code
    name: calm-bitcoin       # what halts, reports and intents call this one
    params:                  # as that code's schema says; what is left out has its default
      margin: "0.004"
    pairs: [KXBTC-]          # optional: only what is filed under a name that begins so
    version: 1-0a1b2c3d      # optional: what its version must come to, or nothing starts

The files are read once, when settings are: what a running stack decides by lies in its own settings. What `params` may
hold is the strategy's business (`ingest.strategies.registry`); here is seen to the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.keys import nearest
from config.yaml_text import parse, read
from domain.errors import BadInput

FOLDER = "strategies"
"""Beside the configuration file: its `.yaml` files are the strategies, unless the setting names others."""

_NEEDED = ("strategy", "name")
_KEYS = (*_NEEDED, "params", "pairs", "version")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def beside(config: Path) -> tuple[Path, ...]:
    """The strategy files in the folder beside `config`, by name; none without the folder.

    Raises BadInput (`config`) for a folder without any: it was made for some.
    """
    folder = config.expanduser().absolute().parent / FOLDER
    if not folder.is_dir():
        return ()
    found = tuple(sorted(folder.glob("*.yaml")))
    if not found:
        raise BadInput(
            f"folder {folder} holds no .yaml file; expected one for each strategy. Put one there, or remove the folder",
            "config",
        )
    return found


def entries(listed: Any, source: str) -> list[dict[str, Any]]:
    """What `strategies` lists, each entry as its keys and the `source` that held it; paths are read.

    Raises BadInput (`config`) for a file that is missing or cannot be read, an unknown or missing key, a key with a
    value of the wrong kind, and a name given twice.
    """
    if listed is None:
        return []
    if not isinstance(listed, (list, tuple)):
        raise BadInput(
            f"{source}: strategies is a {type(listed).__name__}; expected a list of files, such as [calm.yaml]",
            "config",
        )
    made = [_entry(one, f"{source}: strategies[{number}]") for number, one in enumerate(listed)]
    seen: dict[str, str] = {}
    for one in made:
        if one["name"] in seen:
            raise BadInput(
                f"{one['source']}: name {one['name']} is that of {seen[one['name']]} too; halts and reports go by it. "
                "Rename one",
                "config",
            )
        seen[one["name"]] = one["source"]
    return made


def _entry(one: Any, place: str) -> dict[str, Any]:
    if isinstance(one, str):
        path = Path(one).expanduser().absolute()
        source = f"file {path}"
        return _checked(parse(read(path, f"{place}:"), source), source)
    if isinstance(one, Mapping):
        content = dict(one)
        return _checked(content, str(content.pop("source", "") or place))
    raise BadInput(f"{place} is a {type(one).__name__}; expected the path of a file, or its keys in place", "config")


def _checked(content: dict[str, Any], source: str) -> dict[str, Any]:
    allowed = f"Allowed: {', '.join(_KEYS)}"
    for key in content:
        if key not in _KEYS:
            raise BadInput(f"{source}: unknown key {key}.{nearest(str(key), list(_KEYS))} {allowed}", "config")
    for key in _NEEDED:
        if not isinstance(content.get(key), str):
            raise BadInput(
                f"{source}: {key} is missing or no text; expected such as `strategy: basket` and `name: tight`. "
                f"{allowed}",
                "config",
            )
    name = content["name"]
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{source}: name {name!r}; expected up to 64 small letters, digits, - and _, a letter first", "config"
        )
    params, pairs, version = content.get("params") or {}, content.get("pairs") or (), content.get("version") or ""
    if not isinstance(params, Mapping):
        raise BadInput(f"{source}: params is a {type(params).__name__}; expected keys with values", "config")
    if not isinstance(pairs, (list, tuple)) or not all(isinstance(prefix, str) and prefix for prefix in pairs):
        raise BadInput(f"{source}: pairs; expected a list of texts that names begin with, such as [KXBTC-]", "config")
    if not isinstance(version, str):
        raise BadInput(f"{source}: version = {version}; expected text as `surefoot strategies` prints it", "config")
    return {
        "strategy": content["strategy"],
        "name": name,
        "params": dict(params),
        "pairs": list(pairs),
        "version": version,
        "source": source,
    }
