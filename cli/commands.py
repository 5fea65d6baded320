"""The commands there are, and a group that imports one only when it is asked for.

What a command needs (Temporal's library, venues' clients, the settings) takes many times longer to import than the
interpreter to start. `--help` needs none of it, and a brake should not make one wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter


@dataclass(frozen=True, slots=True)
class Row:
    """A command: its module in `cli`, whose `register` makes it, and what the list of all says of it: the first
    sentence of its own help."""

    name: str
    module: str
    says: str


PANELS: dict[str, tuple[Row, ...]] = {
    "Run": (
        Row("up", "stack", "Start Postgres, Temporal, the paper exchange, worker and ingest, and keep them running."),
        Row("down", "stack", "Stop the stack of the state folder, and nothing else."),
        Row(
            "status",
            "status",
            "Is all well? What is stuck, halted, silent; what is open, unhedged, earned and free.",
        ),
        Row("doctor", "doctor", "Check wheels, binaries, disk, permissions, ports, clock, key and whatever runs."),
        Row("config", "settings", "The effective settings."),
        Row(
            "strategies",
            "strategies",
            "The strategies that run: name, code, version, parameters, and where they are written.",
        ),
        Row(
            "demo", "demo", "Start everything, play a session, trade it, settle it, print the report, stop everything."
        ),
        Row("versions", "versions", "Which versions open trades began on, and whether they replay on this code."),
    ),
    "Look": (
        Row(
            "why",
            "why",
            "Why is it not trading? The process's phase, what does not hold, and the reason of every strategy.",
        ),
        Row("trades", "trades", "List trades, the newest decision first."),
        Row("trade", "trades", "Tell the story of one trade, step by step."),
        Row("report", "report", "Intents, trades, fills, fees, P&L and the invariants."),
        Row("capital", "capital", "Cash, reserved and free dollars of every venue, and which trade holds what."),
        Row("alerts", "alerts", "Alerts, open ones first: raised once, resolved when over."),
        Row("alert", "alerts", "The alert command."),
        Row(
            "ui",
            "ui",
            "Print a link to the Temporal UI. It works once, within ten minutes, for the browser that opens it first.",
        ),
    ),
    "Trades, by a person": (
        Row(
            "unwind", "operate", "Tell a trade to sell what stands alone, at any price or for no less than --min-price."
        ),
        Row(
            "hold", "operate", "Tell a trade to send nothing more until it is told otherwise (retry, unwind or accept)."
        ),
        Row(
            "retry",
            "operate",
            "Tell a trade to try again now, with all of its policy's time and budget; a parked one goes on.",
        ),
        Row("accept", "operate", "Tell a trade that what stands alone may stay as it is, until its market pays."),
        Row(
            "adopt",
            "operate",
            "Tell a trade that an order placed by hand is one of its own: its fills count as the leg's.",
        ),
        Row(
            "flat",
            "operate",
            "Leave an unwind with a trade without asking it: accepted while no worker is up, "
            "told in the trade's story.",
        ),
        Row(
            "revive",
            "revive",
            "Take up a trade whose workflow is gone: it was terminated, or Temporal lost its history.",
        ),
    ),
    "Halts and agreement with the venues": (
        Row("halt", "halts", "Stop opening trades, until a person resumes."),
        Row("resume", "halts", "Lift one halt."),
        Row("halts", "halts", "List the halts in force, oldest first; those of the file HALT too."),
        Row("reconcile", "reconcile", "Compare every venue account with the ledger now, and act on what differs."),
        Row(
            "acknowledge",
            "reconcile",
            "Declare known what the last reconciliation found that no trade owns; "
            "lift safe mode and the halts set for it.",
        ),
        Row("transfer", "reconcile", "Declare that money was moved to or from a venue's account."),
    ),
    "Dead letters": (Row("dlq", "dlq", "Dead letters: what could not be used or handled, and another try."),),
    "Claims on two venues": (
        Row("match", "match", "Find markets that may be one claim, and show what their rules do differently."),
        Row("claims", "claims", "Which markets are one claim, and who says so."),
    ),
    "Paper exchange": (
        Row(
            "paper",
            "exchange",
            "Run the paper exchange alone until Ctrl-C: Kalshi's and Polymarket's wire, "
            "for your own or anyone's client.",
        ),
        Row("play", "stack", "Let the paper exchange of a running stack play a session."),
        Row("resolve", "stack", "Tell the paper exchange how a market ended; it closes, is determined and pays."),
    ),
    "Recordings and proof": (
        Row(
            "synth",
            "offline",
            "Write a synthetic session: a game and a cup, with opportunities and traps planted in their books.",
        ),
        Row(
            "replay",
            "offline",
            "Decide a recording as fast as it goes, without trading: the same frames, gates and strategy as live.",
        ),
        Row(
            "import",
            "recordings",
            "Make a session of a recording: its books as frames with what is decided on them, all else as events.",
        ),
        Row(
            "export",
            "recordings",
            "Write a session as Parquet, one folder an instrument and day: venue=V/market=M/day=D/part-NNNNN.parquet.",
        ),
    ),
}


class Commands(MutableMapping[str, "Command"]):
    """The commands by name, each imported as it is looked up."""

    def __init__(self) -> None:
        self._rows = {row.name: (panel, row) for panel, rows in PANELS.items() for row in rows}
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            panel, row = self._rows[name]
            made = typer.Typer()
            import_module(f"cli.{row.module}").register(made)
            command = get_group(made).commands[name]
            vars(command)["rich_help_panel"] = panel
            self._loaded[name] = command
        return self._loaded[name]

    def outline(self, name: str) -> Command:
        """What the list of all commands shows of it, without importing it."""
        panel, row = self._rows[name]
        return TyperCommand(name, help=row.says, rich_help_panel=panel)

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._rows[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class OnDemand(TyperGroup):
    """The root: lists commands without importing them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.known = Commands()
        self.commands = self.known
        self._lists = False

    def list_commands(self, ctx: Context) -> list[str]:
        return list(self.known)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in self.known:
            return None
        return self.known.outline(cmd_name) if self._lists else self.known[cmd_name]

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        self._lists = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._lists = False
