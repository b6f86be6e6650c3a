"""The program: finds the command, and turns whatever happens into one last line and an exit code."""

from __future__ import annotations

import os
import signal
import threading
from importlib import import_module
from typing import TYPE_CHECKING

import click

from krr_export import __version__
from krr_export.cli.console import last_line
from krr_export.cli.failures import TerminatedError, explain
from krr_export.cli.parameters import CONFIG, read_config
from krr_export.memory import ARROW_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "convert": "loading",
    "validate": "loading",
    "inspect": "looking",
    "schema": "looking",
    "verify": "storing",
    "prune": "storing",
    "sample": "looking",
}
"""The commands, in the order of ``--help``, and the module below this package that each lives in."""

_SUMMARIES = {
    "convert": "Turn an export into a published snapshot of Parquet or CSV.",
    "validate": "Make the same checks as convert, and write no data.",
    "inspect": "Show an export's header and its first records, masked.",
    "schema": "Show the columns of the table, or DDL for a warehouse.",
    "verify": "Prove a published snapshot anew.",
    "prune": "Delete all but the newest snapshots of a store.",
    "sample": "Write a synthetic export, valid or faulty, of any size.",
}


class _Commands(click.Group):
    """Loads a command's module when the command is used: ``--help`` and ``--version`` answer at once."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"krr_export.cli.{_COMMANDS[name]}"), f"{name}_command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUMMARIES.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 rejects, 2 usage, 3 input, 4 output or machine, 5 guard, 6 network, 70 fault.",
)
@click.version_option(__version__, prog_name="krr-export", message="%(prog)s %(version)s")
@click.option("--config", envvar=CONFIG, metavar="FILE.toml", help="Options of all commands, from a TOML file.")
@click.pass_context
def krr_export(ctx: click.Context, config: str | None) -> None:
    """Turn the contact and reservation register's export into Parquet or CSV that a warehouse can trust."""
    ctx.obj = config
    if config is not None:
        name = ctx.invoked_subcommand or ""
        command = krr_export.get_command(ctx, name)
        if command is not None:
            ctx.default_map = {name: read_config(config, command, list(_COMMANDS))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    for name, value in ARROW_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        code: object = krr_export.main(arguments, prog_name="krr-export", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BaseException as error:
        # A command explains its own failures; this one happened before or after it.
        message, code = explain(error)
        last_line(message, "red")
    return code if isinstance(code, int) else 0


def _terminate(_signal: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: cleaning up must not be cut short
    raise TerminatedError
