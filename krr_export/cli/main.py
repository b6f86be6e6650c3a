"""The program: finds the command, and turns any failure into one last line and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING

import click

from krr_export.cli import log
from krr_export.cli.command import add_origins
from krr_export.cli.config import CONFIG, commands_by_name, read_command_options
from krr_export.cli.console import finish, flush_output
from krr_export.cli.failures import TerminatedError, explain
from krr_export.cli.parameters import LocalPath
from krr_export.errors import EXIT_CODES, OutputError, UsageError
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COMMANDS = {
    "convert": "Turn an export into a published snapshot of Parquet or CSV.",
    "validate": "Make the same checks as convert, and write no data.",
    "run": "Fetch what is new, convert it, prove it, and prune the store.",
    "backfill": "Convert many exports at once; publish them by their time.",
    "fetch": "Fetch the newest delivery over SFTP.",
    "inspect": "Show an export's header and its first records, masked.",
    "schema": "Show what the columns are, to people, warehouses or dbt.",
    "rules": "Show the register's own rules beyond the XSD.",
    "verify": "Prove a published snapshot, or a database or table of load.",
    "check": "Check that a store's newest export is fresh and whole.",
    "report": "Show a snapshot's report as text, page, or for pipelines.",
    "history": "Show what each snapshot of a store holds, and the trend.",
    "diff": "Show what changed between two snapshots.",
    "views": "Make views of a store for DuckDB, from any directory.",
    "load": "Load snapshots into a database, or a Delta or Iceberg table.",
    "push": "Push a store's snapshots to an object store.",
    "apply": "Apply pages of the change feed to the newest snapshot.",
    "fetch-changes": "Fetch the pages of the register's change feed.",
    "prune": "Delete all but the newest snapshots of a store.",
    "sample": "Write a synthetic export, valid or faulty, of any size.",
    "seal": "Make an encrypted, signed delivery, for exercises.",
    "soap open": "Verify and decrypt an answer of the closed SOAP service.",
    "soap request": "Write a signed request of the closed SOAP service.",
    "soap call": "Send a request of the closed SOAP service; open the answer.",
    "keys": "Make throw-away key pairs for exercises.",
    "stand-in": "Serve a made-up register, for exercises.",
}
"""The commands, in the order of ``--help``; each in a file of its name in `cli.commands`, two words in a folder."""

_EXERCISES = frozenset({"sample", "seal", "keys", "stand-in"})
"""The commands whose files are in the folder `cli.commands.exercises`."""


class _Commands(click.Group):
    """Loads a command's module when the command is used: ``--help`` and ``--version`` answer at once."""

    def invoke(self, ctx: click.Context) -> object:
        version, verbose = ctx.params.pop("version"), ctx.params.pop("verbose")
        if version:
            versions = import_module("krr_export.cli.versions").lines() if verbose else ()
            click.echo("\n".join([f"krr-export {__version__}", *versions]))
            return 0
        if verbose:
            raise click.UsageError("-v goes with --version, or behind the name of a command", ctx)
        return super().invoke(ctx)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        file = name.replace(" ", ".").replace("-", "_")
        folder = "krr_export.cli.commands.exercises" if name in _EXERCISES else "krr_export.cli.commands"
        command: click.Command = getattr(import_module(f"{folder}.{file}"), f"{file.rpartition('.')[2]}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if (name := " ".join(args[:2])) in _COMMANDS and len(args) > 1:
            args = [name, *args[2:]]
        elif args and (second := [name.split()[1] for name in _COMMANDS if name.startswith(f"{args[0]} ")]):
            raise click.UsageError(f"{args[0]} is followed by one of {', '.join(second)}", ctx)
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click knows only the loaded commands
            raise click.NoSuchCommand(error.command_name, possibilities=_COMMANDS, ctx=ctx) from None

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        f"Exit codes: {', '.join(f'{code.number} {code.word}' for code in EXIT_CODES)}."
        "\n\n\b\nExample:\n  krr-export convert export.xml.gz /data/krr"
    ),
)
@click.option("--version", is_flag=True, help="Show the version and exit; with -v, the libraries' too.")
@click.option("-v", "--verbose", is_flag=True, hidden=True)
@click.option(
    "--config", envvar=CONFIG, type=LocalPath(), metavar="FILE.toml", help="Options of all commands, from a TOML file."
)
@click.pass_context
def krr_export(ctx: click.Context, /, config: Path | None) -> None:
    """Turn the contact and reservation register's export into Parquet or CSV that a warehouse can trust."""
    name = ctx.invoked_subcommand
    if config is not None and name in _COMMANDS:
        ctx.default_map = {name: read_command_options(ctx, config, name, commands_by_name(ctx))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    TerminatedError.received = None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
        if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # nohup ignores it
            signal.signal(signal.SIGHUP, _terminate)
    _occupy_standard_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    log.guess_format(arguments)
    output = sys.stdout
    try:
        code: object = krr_export.main(arguments, prog_name="krr-export", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        return _report_usage_error(error, arguments)
    except SystemExit:
        if sys.stdout is output:  # click has answered a request for shell completions
            raise
        # The pipe was closed: click replaces standard output by a silent stream, and would exit with 1.
        code = _report_failure(OutputError(f"cannot write to standard output: {os.strerror(errno.EPIPE)}"))
    except BaseException as error:
        # A command explains its own failures; this one happened before or after it.
        code = _report_failure(flush_output() or error)
    return code if isinstance(code, int) else 0


def _report_failure(error: BaseException) -> int:
    """Print one last line for an error that no command has explained; return the exit code."""
    message, code, reason = explain(error)
    return finish(message, code, reason, {}, as_json=False)


def _report_usage_error(error: click.ClickException, arguments: Sequence[str]) -> int:
    """Print one last line for wrong usage, and JSON if asked for; return the exit code."""
    ctx = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        if not log.is_json():
            click.echo(error.format_message(), err=True)
        reason = "no command was given"
    else:
        text = error.format_message().rstrip(".")
        reason = text[:1].lower() + text[1:]
        if ctx is not None:
            reason = add_origins(reason, ctx)
    message = f"{reason} (see {ctx.command_path if ctx else 'krr-export'} --help)"
    as_json = "--json" in arguments or bool(ctx and ctx.params.get("as_json"))
    return finish(message, error.exit_code, UsageError.reason, {}, as_json=as_json)


def _occupy_standard_streams() -> None:
    """Open the standard streams that are closed: else a file of the store would get their numbers.

    Standard output stays unusable, and fails when written: Python and click silently ignore writes to a missing stream,
    and the result would be lost without a word. Standard error may be lost.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_WRONLY)  # gets the lowest free number
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the program
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the program


def _terminate(number: int, _frame: object) -> None:
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)  # once is enough: cleaning up must not be cut short
    raise TerminatedError(number)
