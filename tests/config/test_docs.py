"""docs/configuration.md names every setting with its default. Run as a script, it rewrites the first two columns.

python tests/config/test_docs.py    # keeps every meaning; a new key gets an empty one, which the tests refuse
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from config.keys import leaves
from config.load import ENV_PREFIX, ENV_SHORT, effective, load
from config.settings import Settings
from tests.places import ROOT

PAGE = ROOT / "docs" / "configuration.md"
_HEAD = "| key | default | meaning |\n|---|---|---|\n"
_ROW = re.compile(r"^\| `(?P<key>[\w.]+)` \| `(?P<default>[^`]*)` \| (?P<meaning>.*?) ?\|$", re.MULTILINE)


def written(value: Any) -> str:
    """A default as one writes it in YAML; money, which is text, in quotes."""
    return json.dumps(value)


def table(meanings: dict[str, str]) -> str:
    defaults = effective(Settings())
    rows = [f"| `{key}` | `{written(defaults[key])}` | {meanings.get(key, '')} |\n" for key, _ in leaves()]
    return _HEAD + "".join(rows)


def meanings_in(text: str) -> dict[str, str]:
    return {row["key"]: row["meaning"] for row in _ROW.finditer(text)}


def test_the_page_names_every_setting_in_order_with_its_default() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert table(meanings_in(text)) in text, "run `python tests/config/test_docs.py`, then fill in the meanings"


def test_every_setting_has_a_meaning() -> None:
    meanings = meanings_in(PAGE.read_text(encoding="utf-8"))
    assert [key for key, _ in leaves() if not meanings.get(key)] == []


def test_every_variable_the_page_names_is_one_that_is_read(tmp_path: Path) -> None:
    named = set(re.findall(r"SUREFOOT_[A-Z0-9_]+", PAGE.read_text(encoding="utf-8")))
    known = {ENV_PREFIX + key.upper().replace(".", "__") for key, _ in leaves()}
    assert named - known - set(ENV_SHORT) - {"SUREFOOT_PROFILE", "SUREFOOT_SECTION__KEY"} == set()


def test_every_yaml_example_of_the_page_is_accepted(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example, encoding="utf-8")
        load(config=path, environ={})


def rewrite() -> None:
    text = PAGE.read_text(encoding="utf-8")
    fresh = table(meanings_in(text))
    begin = text.index(_HEAD)
    end = text.index("\n\n", begin) + 1
    PAGE.write_text(text[:begin] + fresh + text[end:], encoding="utf-8")


if __name__ == "__main__":
    rewrite()
