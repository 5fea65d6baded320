"""Settings from a profile, a file, the environment and the command line, each value with the place it came from.

Later sources win: defaults < profile < `--config` file < environment `SUREFOOT_SECTION__KEY` < command line.
Every error is a `BadInput` that names the key, the value, its source and what is allowed. Values of unknown keys and
anything that looks like key material are never repeated in a message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from config.exact import check_exact, refuse_binary
from config.keys import SECRET_KEYS, fields_of, is_money, leaves, nearest
from config.settings import Settings
from config.strategy_files import beside, entries
from config.yaml_text import parse, read
from domain.errors import BadInput

ENV_PREFIX = "SUREFOOT_"
ENV_SHORT = {"SUREFOOT_TEMPORAL": "temporal.binary", "SUREFOOT_STATE_DIR": "state_dir"}
ENV_PROFILE = "SUREFOOT_PROFILE"
DEFAULT_PROFILE = "paper"

_TYPES = dict(leaves())
_ENV_NAMES = {ENV_PREFIX + key.upper().replace(".", "__"): key for key in _TYPES}


@dataclass(frozen=True, slots=True)
class Loaded:
    """`sources` maps every dotted key to where its value came from, `default` included."""

    settings: Settings
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    source: str


def load(
    *,
    profile: str | None = None,
    config: Path | None = None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
) -> Loaded:
    """Reads all sources. `profile` is a built-in name or a path; `overrides` are dotted keys of the command line.

    Paths come back absolute: other processes open them. Raises `BadInput` for a missing file, unreadable YAML, an
    unknown key or variable, a value out of its range, a binary fraction for money, and an unconfirmed live mode.
    """
    values: dict[str, _Value] = {}
    chosen = profile or environ.get(ENV_PROFILE) or DEFAULT_PROFILE
    text, source = _profile(chosen)
    values |= _flatten(parse(text, source), source)
    if config is not None:
        source = f"file {config}"
        values |= _flatten(parse(read(config, "--config"), source), source)
    values |= _environment(environ)
    for key, value in (overrides or {}).items():
        values[key] = _Value(value, "command line")
    if config is not None and "strategies" not in values and (found := beside(config)):
        values["strategies"] = _Value([str(path) for path in found], f"folder {found[0].parent}")
    if listed := values.get("strategies"):
        values["strategies"] = _Value(entries(listed.value, listed.source), listed.source)
    for key, item in values.items():
        if _is_path(_TYPES[key]) and isinstance(item.value, str):
            values[key] = _Value(str(Path(item.value).expanduser().absolute()), item.source)
    settings = _validate(values)
    settings = settings.model_copy(update={"state_dir": settings.state_dir.absolute()})
    return Loaded(settings, {key: values[key].source if key in values else "default" for key in _TYPES})


def shown(key: str, value: Any) -> str:
    """A value as it may be printed: passwords and key material replaced."""
    text = str(value)
    if "PRIVATE KEY" in text:
        return "(key material, not shown)"
    if key in SECRET_KEYS and value is not None:
        return redact_dsn(text)
    return text


def redact_dsn(dsn: str) -> str:
    """A DSN without its password, user and host kept."""
    try:
        parts = urlsplit(dsn)
    except ValueError:
        return "(not shown)"
    if not parts.scheme or "password" in parts.query:
        return "(not shown)"
    host = parts.netloc.rsplit("@", 1)
    if len(host) == 2:
        host[0] = host[0].split(":", 1)[0] + (":***" if ":" in host[0] else "")
    return urlunsplit(parts._replace(netloc="@".join(host)))


def effective(settings: Settings) -> dict[str, Any]:
    """Dotted key → plain value of every setting, in the models' order."""
    flat: dict[str, Any] = {}

    def walk(value: Any, kind: Any, prefix: str) -> None:
        for name, hint in (fields_of(kind) or {}).items():
            if fields_of(hint) is None:
                flat[prefix + name] = value[name]
            else:
                walk(value[name], hint, f"{prefix}{name}.")

    walk(settings.model_dump(mode="json"), Settings, "")
    return flat


def _profile(name: str) -> tuple[str, str]:
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return read(Path(name), "--profile"), f"profile {name}"
    folder = files("config") / "profiles"
    built_in = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    if name not in built_in:
        raise BadInput(
            f"there is no profile {name!r}; built in are {', '.join(built_in)}, or give the path of a .yaml file."
            f"{nearest(name, built_in)}",
            "config",
        )
    return (folder / f"{name}.yaml").read_text(encoding="utf-8"), f"profile {name}"


def _flatten(content: Mapping[Any, Any], source: str, kind: Any = Settings, prefix: str = "") -> dict[str, _Value]:
    fields = fields_of(kind) or {}
    flat: dict[str, _Value] = {}
    for name, value in content.items():
        key = f"{prefix}{name}"
        if name not in fields:
            allowed = ", ".join(fields)
            where = f"section {prefix[:-1]}" if prefix else "the top level"
            raise BadInput(
                f"{source}: unknown key {key}.{nearest(key, list(_TYPES))} Allowed in {where}: {allowed}", "config"
            )
        if fields_of(fields[name]) is None:
            if is_money(_TYPES[key]):
                refuse_binary(key, value, source)
            flat[key] = _Value(value, source)
        elif isinstance(value, Mapping):
            flat |= _flatten(value, source, fields[name], f"{key}.")
        elif value is not None:
            inner = ", ".join(fields_of(fields[name]) or ())
            raise BadInput(f"{source}: {key} is a section; expected the keys {inner} below it", "config")
    return flat


def _environment(environ: Mapping[str, str]) -> dict[str, _Value]:
    flat: dict[str, _Value] = {}
    for name, text in sorted(environ.items(), key=lambda item: item[0] not in ENV_SHORT):
        if not name.startswith(ENV_PREFIX) or name == ENV_PROFILE:
            continue
        key = ENV_SHORT.get(name) or _ENV_NAMES.get(name)
        if key is None:
            known = [*_ENV_NAMES, *ENV_SHORT, ENV_PROFILE]
            raise BadInput(
                f"environment: unknown variable {name}.{nearest(name, known)} "
                f"Settings are {ENV_PREFIX}SECTION__KEY, as listed by `surefoot config show`; "
                f"besides those {', '.join((*ENV_SHORT, ENV_PROFILE))}. Unset it, or correct its name",
                "config",
            )
        flat[key] = _Value(_from_text(key, text, name), f"environment {name}")
    return flat


def _from_text(key: str, text: str, name: str) -> Any:
    if text in ("", "null"):
        return None
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            raise BadInput(
                f'environment {name}: {key} = {text!r} is not a JSON list; expected such as [["MARKET-A", "MARKET-B"]]',
                "config",
            ) from None
    return text


def _is_path(hint: Any) -> bool:
    return hint is Path or Path in get_args(hint)


def _validate(values: Mapping[str, _Value]) -> Settings:
    nested: dict[str, Any] = {}
    for key, item in values.items():
        *path, last = key.split(".")
        place = nested
        for name in path:
            place = place.setdefault(name, {})
        place[last] = item.value
    try:
        settings = Settings.model_validate(nested)
    except ValidationError as error:
        raise BadInput(
            "\n".join(_explain(dict(detail), values) for detail in error.errors(include_url=False)), "config"
        ) from None
    for key, value in effective(settings).items():
        if is_money(_TYPES[key]) and value is not None:
            check_exact(key, value, values[key].source if key in values else "default")
    return settings


def _explain(detail: dict[str, Any], values: Mapping[str, _Value]) -> str:
    path = [str(part) for part in detail["loc"]]
    while path and ".".join(path) not in values:
        path.pop()
    problem = str(detail["msg"]).removeprefix("Value error, ")
    if not path:
        section = ".".join(str(part) for part in detail["loc"])
        return f"{section}: {problem}" if section else problem
    key = ".".join(path)
    item = values[key]
    inside = [
        f"item {part + 1}" if isinstance(part, int) else str(part) for part in detail["loc"][key.count(".") + 1 :]
    ]
    if inside:
        problem = f"{', '.join(inside)}: {problem}"
    hint = ""
    if detail["type"] == "string_type":
        hint = "; write it in quotes"
    if "PRIVATE KEY" in str(item.value):
        hint = "; give the path of a file that holds the key, never the key itself"
    return f"{item.source}: {key} = {shown(key, item.value)}: {problem}{hint}"
