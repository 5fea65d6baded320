"""What every command shares: the global options, the settings they lead to, and the two ways to print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.terminal import Terminal, clean_json
from domain.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from config.load import Loaded
    from workers.local.layout import Layout, Stack
    from workers.operator.stack import StackOperator

_PIPED_WIDTH = 240  # a pipe has no width; rich would cut tables at 80 columns

out = Terminal(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
err = Terminal(stderr=True, highlight=False, soft_wrap=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]


@dataclass(slots=True)
class Options:
    """Filled by the root callback."""

    state_dir: Path | None = None
    profile: str | None = None
    config: Path | None = None
    debug: bool = False

    def load(self, overrides: Mapping[str, Any] | None = None, profile: str | None = None) -> Loaded:
        """Effective settings; `profile` is the command's own default when none was asked for."""
        changes = dict(overrides or {})
        if self.state_dir is not None:
            changes["state_dir"] = str(self.state_dir)
        from config.load import load

        chosen = self.profile or os.environ.get("SUREFOOT_PROFILE") or profile
        return load(profile=chosen, config=self.config, environ=os.environ, overrides=changes)

    def layout(self) -> Layout:
        from workers.local.layout import Layout

        return Layout(self.load().settings.state_dir)

    def layout_at_hand(self) -> Layout:
        """The state folder, also while the configuration is broken if the folder is named beside it: a brake and a look
        at what runs do not wait for a mended file."""
        try:
            return self.layout()
        except BadInput:
            named = self.state_dir or os.environ.get("SUREFOOT_STATE_DIR")
            if not named:
                raise
            from workers.local.layout import Layout

            return Layout(Path(named).absolute())

    def stack(self) -> Stack:
        """The stack last started in the state folder. Raises `Unavailable` if there was none."""
        from workers.local.layout import load_stack

        return load_stack(self.layout_at_hand().root)

    def stack_with_ledger(self) -> Stack:
        """The same, its ledger within reach: something of the stack runs, or Postgres is a server of its own.

        Raises `Unavailable` if the ledger lies in a state folder of which nothing runs.
        """
        from workers.local.presence import running

        stack = self.stack()
        if stack.settings.postgres.dsn is None and not running(stack.layout):
            raise Unavailable(
                f"the stack in {stack.state_dir} is down and its ledger with it (nothing is lost); "
                "start it with `surefoot up`, or see the last report with `surefoot report`",
                "down",
            )
        return stack

    def operator(self) -> StackOperator:
        """The operator port of the stack last started in the state folder, whether it runs or not."""
        from workers.operator.stack import StackOperator

        return StackOperator(self.stack(), say)

    def operator_with_ledger(self) -> StackOperator:
        """The same, its ledger within reach. Raises `Unavailable` if nothing of the stack runs that holds it."""
        from workers.operator.stack import StackOperator

        return StackOperator(self.stack_with_ledger(), say)


options = Options()


def print_json(document: Any) -> None:
    """Decimals as text, so that no reader makes binary fractions of money."""
    typer.echo(clean_json(json.dumps(document, indent=2, default=str, ensure_ascii=False)))


def say(line: str) -> None:
    """A progress line for people; on stderr, so that stdout stays what the command was asked for."""
    err.print(line, markup=False)
