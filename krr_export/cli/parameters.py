"""What all commands have in common: their options' environment variables, ``--config``, ``-q`` and ``-v``."""

from __future__ import annotations

import re
import tomllib
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.console import last_line, result_line
from krr_export.cli.failures import explain
from krr_export.errors import InputError, OutputError, UsageError
from krr_export.util.paths import check_no_loop, local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

CONFIG = "KRR_EXPORT_CONFIG"
_OWNER = 0o600
_MODES_OF_TOML = range(0o600, 0o1000)
"""What TOML makes of ``mode = 0o640``, a number below 512. ``mode = 640`` is none of them: it is meant as for chmod."""
_MAX_PASSPHRASE_BYTES = 4096


class Command(click.Command):
    """A command whose every option also has environment variables and a place in the configuration file.

    ``--max-rejects`` of ``convert`` is ``KRR_EXPORT_CONVERT_MAX_REJECTS``, or ``KRR_EXPORT_MAX_REJECTS`` for all
    commands that have it. The command line goes before the environment, that before the file.
    """

    def invoke(self, ctx: click.Context) -> int:
        """Run the command; whatever happens becomes one last line and an exit code."""
        try:
            check_paths(ctx)
            code: int = super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BaseException as error:
            message, code = explain(error)
            if ctx.params.get("as_json"):
                message, code = result_line(message, code, {})
            last_line(message, "red")
        return code

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*arguments, **attributes)
        for key, option in _options(self).items():
            name = key.upper()
            option.envvar = [f"KRR_EXPORT_{str(self.name).upper()}_{name}", f"KRR_EXPORT_{name}"]


def check_paths(ctx: click.Context) -> None:
    """Refuse paths that lead nowhere, and a command's outputs where they lie over its inputs, or in a snapshot.

    Raises:
        InputError: what is to be read is a loop of links.
        OutputError: what is to be written is.
        UsageError: an output lies there.
    """
    from krr_export.output.outputs import check_outputs  # noqa: PLC0415 - help does without

    given = [*_paths(ctx)]
    for _, kind, path in given:
        check_no_loop(Path(path), InputError if kind.role in {Role.INPUT, Role.STORE} else OutputError)
    inputs = {option: path for option, kind, path in given if kind.role is Role.INPUT}
    outputs = {
        option: [path, *(f"{path}{end}" for end in kind.beside)]
        for option, kind, path in given
        if kind.role is not Role.INPUT
    }
    configurations = {f"--config {path}": path for path in ctx.meta.get(CONFIG, ())}
    check_outputs(outputs, {**inputs, **configurations})


def command(name: str, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command with the common options; ``example`` ends its help."""

    def declare(function: Callable[..., Any]) -> Command:
        for option in _COMMON:
            function = option(function)
        epilog = f"\b\nExample:\n  {example}"
        return click.command(name, cls=Command, epilog=epilog)(function)

    return declare


def commands_of(group: click.Context) -> dict[str, click.Command]:
    """The commands of a group by their names."""
    if not isinstance(group.command, click.Group):
        return {}
    commands = ((name, group.command.get_command(group, name)) for name in group.command.list_commands(group))
    return {name: command for name, command in commands if command is not None}


def read_config(ctx: click.Context, path: Path, name: str, commands: Mapping[str, click.Command]) -> dict[str, Any]:
    """The options that a configuration file has for a command, by the names of its parameters.

    A key at the top is for all commands that have such an option; a table is named after its command and goes before.

    Args:
        ctx: is told that the file was read: no output may take its place.
        path: the file.
        name: the command's name.
        commands: all commands by their names.

    Raises:
        click.UsageError: the file cannot be read, or names a command or an option that there is not.
    """
    ctx.meta.setdefault(CONFIG, []).append(str(path))
    try:
        # Editors of Windows begin UTF-8 with a byte order mark, and may write UTF-16, which TOML is not.
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise click.UsageError(f"cannot read the configuration {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"the configuration {path} is not TOML: it is not UTF-8; save it as such") from None
    except (ValueError, RecursionError) as error:  # of numbers and nesting without end, tomllib raises Python's own
        raise click.UsageError(f"the configuration {path} is not TOML{_place(error)}") from None
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    general = {key: value for key, value in document.items() if not isinstance(value, dict)}
    options = {command: _options(commands[command]) for command in commands}
    _refuse_unknown(path, "tables for no command", tables, commands)
    _refuse_unknown(path, "options that no command has", general, {key for known in options.values() for key in known})
    for table, values in tables.items():
        _refuse_unknown(path, f"options that {table} does not have", values, options[table])
    chosen = {_key(key): value for key, value in {**general, **tables.get(name, {})}.items()}
    return {str(option.name): _as_typed(chosen[key], option) for key, option in options[name].items() if key in chosen}


def _place(error: Exception) -> str:
    """Where TOML breaks off; of what tomllib says of it, nothing else: it quotes the file."""
    text = str(error)
    if found := re.search(r"\(at line ([0-9]+), column ([0-9]+)\)$", text):
        return f": see line {found[1]}, column {found[2]}"
    return ": it ends in the midst of a value" if text.endswith("(at end of document)") else ""


def _refuse_unknown(path: Path, what: str, keys: Iterable[str], known: Container[str]) -> None:
    if unknown := sorted(key for key in keys if _key(key) not in known):
        raise click.UsageError(f"the configuration {path} has {what}: {', '.join(unknown)}")


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


def first_line(file: Path, option: str) -> bytes:
    """A passphrase: the first line of the file that an option names.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.readline(_MAX_PASSPHRASE_BYTES).rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"{file.name} cannot be read: {error.strerror}", f"check {option}") from None


def _paths(ctx: click.Context) -> Iterator[tuple[str, LocalPath, str]]:
    """The paths that a command was given: how its user calls each, of what kind it is, and the path."""
    for parameter in ctx.command.params:
        kind, value = parameter.type, ctx.params.get(str(parameter.name))
        if isinstance(kind, LocalPath) and value is not None:
            yield _spelling(parameter), kind, str(value)


def _spelling(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len) if isinstance(parameter, click.Option) else str(parameter.name).upper()


def _options(command: click.Command) -> dict[str, click.Option]:
    """The options that may stand in the environment and in a configuration file, by their names there."""
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {_key(max(option.opts, key=len)): option for option in options if option.name != "config"}


def _key(name: str) -> str:
    """``max_rejects`` for ``--max-rejects`` and for ``max-rejects``."""
    return name.lstrip("-").replace("-", "_")


def _as_typed(value: object, option: click.Option) -> object:
    """As it would stand on the command line; click makes of it what the option asks."""
    if option.multiple:
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(option.type, FileMode) and isinstance(value, int) and value in _MODES_OF_TOML:
        return oct(value)
    return value if isinstance(value, bool) else str(value)


def _use_config(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and ctx.parent is not None:
        own = read_config(ctx, path, str(ctx.info_name), commands_of(ctx.parent))
        ctx.default_map = {**(ctx.default_map or {}), **own}
    return path


_COMMON = (
    click.option(
        "--config", envvar=CONFIG, type=LocalPath(), metavar="FILE.toml", is_eager=True, expose_value=False,
        callback=_use_config, help="Read options from a TOML file.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Say more: what each finding means, and what to do."),
    click.option("-q", "--quiet", is_flag=True, help="Print only the last line on standard error."),
)  # fmt: skip
