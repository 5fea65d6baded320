"""config show."""

from __future__ import annotations

import typer

from cli.options import JsonFlag, options, out, print_json


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The effective settings.", no_args_is_help=True)
    group.command("show")(show)
    app.add_typer(group, name="config")


def show(json_output: JsonFlag = False) -> None:
    """Every setting, its value and where it came from. Passwords are not shown.

    Exit code 3 for settings that cannot be, an alert command that does not exist among them.
    """
    from rich.table import Table

    from config.load import effective, shown
    from workers.alerting.delivery import require_command

    loaded = options.load()
    require_command(loaded.settings)
    values = effective(loaded.settings)
    if json_output:
        print_json(
            {
                key: {"value": shown(key, value) if isinstance(value, str) else value, "source": loaded.sources[key]}
                for key, value in values.items()
            }
        )
        return
    table = Table("key", "value", "from", box=None)
    for key, value in values.items():
        table.add_row(key, "null" if value is None else shown(key, value), loaded.sources[key])
    out.print(table)
