"""strategies: which ones a start would run, by which parameters, under which version; or what is wrong with a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonFlag, options, out, print_json
from workers.operator.targets import called

if TYPE_CHECKING:
    from ingest.strategies.registry import Instance


def register(app: typer.Typer) -> None:
    app.command("strategies")(strategies)


def strategies(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Strategy files to check instead of the configured ones."),
    ] = None,
    *,
    json_output: JsonFlag = False,
) -> None:
    """The strategies that run: name, code, version, parameters, and where they are written.

    Halts go by these names. Without a declared one the code `basket` calls its sets of two `pair`, and a halt of
    `basket` stops both.

    A version is a hash of code, parameters and the gates' limits: equal versions decide alike. Intents pin it. What is
    wrong with a file is told with exit code 3, as a start would.
    """
    from rich.table import Table

    from ingest.strategies.registry import instances

    settings = options.load({"strategies": [str(path) for path in files]} if files else None).settings
    made = instances(settings)
    if json_output:
        print_json([_document(one) for one in made])
        return
    table = Table("name", "strategy", "version", "parameters", "pairs", "from", box=None)
    for one in made:
        said = _document(one)
        params = ", ".join(f"{key} {value}" for key, value in said["params"].items())
        pairs = ", ".join(f"{prefix}…" for prefix in one.spec.pairs) or "all"
        table.add_row(", ".join(said["halts_by"]), said["strategy"], one.version, params, pairs, said["source"])
    out.print(table)


def _document(one: Instance) -> dict[str, Any]:
    return {
        "name": one.name or one.spec.strategy,
        "halts_by": list(called(one.name, one.spec.strategy)),
        "strategy": one.spec.strategy,
        "version": one.version,
        "params": asdict(one.params),
        "pairs": list(one.spec.pairs),
        "source": one.spec.source,
    }
