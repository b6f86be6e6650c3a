"""The manual page: what the commands' help says, for `man`; ``make docs`` writes it, a test compares it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from krr_export.cli.config import commands_by_name
from krr_export.cli.main import krr_export
from krr_export.errors import EXIT_CODES
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTEXT = click.Context(krr_export, info_name="krr-export", **krr_export.context_settings)
COMMANDS = commands_by_name(CONTEXT)


def man_page() -> str:
    """The page, in the macros of man(7)."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield r".\" Made by `make docs` from the commands' help."
    yield f'.TH KRR\\-EXPORT 1 "" "krr\\-export {__version__}" "User Commands"'
    yield from (".SH NAME", r"krr\-export \- " + _text(str(krr_export.help).rstrip(".").replace("Turn", "turn", 1)))
    yield from (".SH SYNOPSIS", r".B krr\-export", _text("[--config FILE.toml] COMMAND [OPTIONS] [ARGUMENTS]"))
    yield from (".SH DESCRIPTION", *_paragraphs(_DESCRIPTION))
    yield from _options(krr_export, CONTEXT)
    yield ".SH COMMANDS"
    for name, command in COMMANDS.items():
        yield from _command(name, command)
    yield ".SH EXIT STATUS"
    for code in EXIT_CODES:
        yield from (".TP", f".B {code.number}", _text(f"{code.means}. To do: {code.todo}.".replace("`", "")))
    yield from (".SH ENVIRONMENT", *_paragraphs(_ENVIRONMENT))
    yield from (".SH SEE ALSO", r"The pages in docs/, and \fBkrr\-export\fR \fICOMMAND\fR \fB\-\-help\fR.")


_DESCRIPTION = """Data or, with --json, one line of JSON is on standard output, all else on standard error; the last
line says what came of the command, and what to do. No message holds a personal value."""
_ENVIRONMENT = """Each option of each command has a variable: KRR_EXPORT_MAX_REJECTS is --max-rejects of all commands,
KRR_EXPORT_CONVERT_MAX_REJECTS that of convert alone. KRR_EXPORT_CONFIG is --config.

The command line goes before the environment, and that before the file."""


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, CONTEXT, info_name=name)
    yield from (f".SS {_text(name)}", r"\fBkrr\-export " + _text(name) + r"\fR")
    yield _text(" ".join(command.collect_usage_pieces(context)))
    yield from (".PP", *_paragraphs(str(command.help)))
    yield from _options(command, context)
    example = str(command.epilog).partition("Example:\n")[2]
    yield from (".PP", "Example:", ".PP", ".EX", *(_text(line) for line in example.splitlines()), ".EE")


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            names, said = record
            yield from (".TP", rf"\fB{_text(names)}\fR", _text(said))


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.replace("\b\n", ""))):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    """Text as it is: no character in it is a command, a hyphen is one that can be copied."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    plain = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in plain)
    return rf"\&{plain}" if plain.startswith((".", " ")) else plain
