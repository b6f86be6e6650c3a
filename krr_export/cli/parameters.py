"""Types of options and arguments: paths, modes, choices; and options with a heading in the help."""

from __future__ import annotations

import re
from difflib import get_close_matches
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from krr_export.errors import UsageError
from krr_export.input.objects.address import is_object_uri
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


DATABASES = ("postgresql:", "postgres:", "duckdb:", "delta:", "iceberg:")
"""How addresses of databases and of tables of files begin; `krr_export.warehouse.target` reads them."""
_OWNER = 0o600
OWN, GENERAL = "Options", "General"
"""The headings of options that have no other: those of one command, and those of all."""


class Role(Enum):
    """The use of a path."""

    INPUT = "read"
    OUTPUT = "written"
    BESIDE = "written too, and a fault of it is no fault of the command"
    DIRECTORY = "a directory that is written into, and made if it is missing"
    EXISTING_STORE = "a store that must be there, and is written into"


class LocalPath(click.ParamType[Path]):
    """The type of every argument and option that is a path. It must be local; see `krr_export.util.paths`.

    Before the command runs, its outputs are compared with its inputs; see `krr_export.output.outputs`.

    Args:
        role: the use of the path.
        beside: suffixes of the files that are written beside an output.
    """

    name = "path"

    def __init__(self, role: Role = Role.INPUT, *, beside: Sequence[str] = ()) -> None:
        self.role = role
        self.beside = tuple(beside)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        try:
            return local_path(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Have the shell complete names of files, or of directories alone."""
        directories = self.role in {Role.DIRECTORY, Role.EXISTING_STORE}
        return [CompletionItem(incomplete, type="dir" if directories else "file")]


class LocalName(LocalPath):
    """A path as text, which may also be ``-``, or the name of something built in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check the path, and return it as it was given."""
        super().convert(value, param, ctx)
        return str(value)


class SourceName(LocalName):
    """An export: a path, ``-``, or the URI of an object; as text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a path; return what was given."""
        return value if is_object_uri(str(value)) else super().convert(value, param, ctx)


class StoreLocation(LocalPath):
    """A store: a directory, or the URI of a place in an object store, which remains text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or the URI as it was given."""
        return value if isinstance(value, str) and is_object_uri(value) else super().convert(value, param, ctx)


class LocalOrRemote(StoreLocation):
    """A path; or the URI of a place in an object store or the address of a database, which remain text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or the address as it was given."""
        is_database = isinstance(value, str) and value.startswith(DATABASES)
        return value if is_database else super().convert(value, param, ctx)


class FileMode(click.ParamType[int]):
    """Permission bits in octal, as for chmod."""

    name = "octal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bits as a number; the owner must at least be able to read and write."""
        text = str(value)
        if not re.fullmatch(r"(0o?)?[0-7]{3}", text) or (bits := int(text[-3:], 8)) & _OWNER != _OWNER:
            self.fail(f"{text} is not a mode such as 600 or 640 that lets the owner read and write", param, ctx)
        return bits & 0o666


class Choice(click.Choice[str]):
    """One of several words; for a typing error, the message names the most similar word."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the message for a wrong value."""
        return f"{super().get_invalid_choice_message(value, ctx)}{did_you_mean(str(value), map(str, self.choices))}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean …?`` if a known word is similar to this one; else an empty string."""
    found = get_close_matches(word, [*known], n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


class Option(click.Option):
    """An option with a heading in its command's help."""

    def __init__(self, *declared: Any, heading: str = OWN, **attributes: Any) -> None:
        super().__init__(*declared, **attributes)
        self.heading = heading


option = partial(click.option, cls=Option)
"""Declare an option as `click.option` does; ``heading`` is the section of the help."""


def refuse_given(names: Iterable[str], reason: str, hint: str) -> None:
    """Refuse options of the current command that the command line gives.

    The environment or a file may set them for another use of the command: there they have no effect.

    Args:
        names: of the options' parameters.
        reason: the rest of a sentence that begins with the option's name.
        hint: what to do.

    Raises:
        UsageError: one of them is given.
    """
    context = click.get_current_context()
    options = {parameter.name: parameter for parameter in context.command.params}
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(f"{max(options[name].opts, key=len)} {reason}", hint)


def parse_share(name: str, text: str) -> float:
    """Return a percentage as a share.

    Args:
        name: of the option, for messages.
        text: such as ``1%``.

    Raises:
        UsageError: it is no percentage from 0% to 100%.
    """
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not text.endswith("%") or not 0 <= share <= 1:
        raise UsageError(f"{name} {text} is not a percentage", "such as 1%")
    return share
