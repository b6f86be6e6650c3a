"""Kinds of options and arguments: paths, modes, words of a list; and under which heading of the help they stand."""

from __future__ import annotations

import re
from difflib import get_close_matches
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.errors import UsageError
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_OWNER = 0o600
GENERAL = "General"


class Role(Enum):
    """What is done with a path."""

    INPUT = "read"
    OUTPUT = "written"
    DIRECTORY = "a directory that is written into, and made if it is missing"
    STORE = "a store that must be there, and is written into"


class LocalPath(click.ParamType[Path]):
    """A path, of every argument and option that is one. What is not local is refused; see `krr_export.util.paths`.

    Before the command runs, its outputs are held against its inputs; see `krr_export.output.outputs`.

    Args:
        role: what is done with it.
        beside: ends of the names of the files that are written beside an output.
    """

    name = "path"

    def __init__(self, role: Role = Role.INPUT, *, beside: Sequence[str] = ()) -> None:
        self.role = role
        self.beside = tuple(beside)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401 - click's
        """The path."""
        try:
            return local_path(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class LocalName(LocalPath):
    """The same as text: of what may also be ``-``, or the name of something that is built in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's; a str
        """The path as it was given."""
        super().convert(value, param, ctx)
        return str(value)


class FileMode(click.ParamType[int]):
    """Permission bits in octal, as chmod has them."""

    name = "octal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's
        """The bits as a number; what the owner may do is never less than reading and writing."""
        text = str(value)
        if not re.fullmatch(r"(0o?)?[0-7]{3}", text) or (bits := int(text[-3:], 8)) & _OWNER != _OWNER:
            self.fail(f"{text} is not a mode such as 600 or 640 that lets the owner read and write", param, ctx)
        return bits & 0o666


class Choice(click.Choice[str]):
    """One of some words; of a slip of the pen, the word that may be meant is named."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's
        """What is wrong with a value."""
        return f"{super().get_invalid_choice_message(value, ctx)}{did_you_mean(str(value), map(str, self.choices))}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean …?`` where a known word looks like this one; else nothing."""
    found = get_close_matches(word, [*known], n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


class Option(click.Option):
    """An option that stands under a heading in its command's help."""

    def __init__(self, *declared: Any, heading: str = GENERAL, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*declared, **attributes)
        self.heading = heading


option = partial(click.option, cls=Option)
"""Declare an option as `click.option` does; ``heading``: where the help shows it."""
