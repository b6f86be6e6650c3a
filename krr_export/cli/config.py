"""Options from a TOML file: top-level keys for all commands, a command's table for that command."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.parameters import FileMode, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path


PREFIX = "KRR_EXPORT_"
CONFIG = f"{PREFIX}CONFIG"
PASSPHRASE = f"{PREFIX}PASSPHRASE"
"""The variable that may contain the private key's passphrase."""
_MODES_OF_TOML = range(0o600, 0o1000)
"""The numbers that TOML makes of ``mode = 0o640``. ``mode = 640`` is not among them: it is meant as for chmod."""


def read_command_options(
    ctx: click.Context, path: Path, name: str, commands: Mapping[str, click.Command]
) -> dict[str, Any]:
    """Read the options that a configuration file has for a command, by the names of its parameters.

    A top-level key is for all commands with such an option; the table with the command's name overrides it.

    Args:
        ctx: records that the file was read: no output may overwrite it.
        path: the file.
        name: the command's name.
        commands: all commands by their names.

    Raises:
        click.UsageError: the file cannot be read, or names an unknown command or option.
    """
    ctx.meta.setdefault(CONFIG, []).append(str(path))
    try:
        # Editors of Windows begin UTF-8 with a byte order mark, and may write UTF-16, which TOML is not.
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise click.UsageError(f"cannot read the configuration {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"the configuration {path} is not TOML: it is not UTF-8; save it as such") from None
    except (ValueError, RecursionError) as error:  # of huge numbers and deep nesting, tomllib raises Python's own
        raise click.UsageError(f"the configuration {path} is not TOML{_error_position(error)}") from None
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    general = {key: value for key, value in document.items() if not isinstance(value, dict)}
    options = {command: options_by_key(commands[command]) for command in commands}
    _refuse_unknown(path, "tables for no command", tables, commands.keys())
    _refuse_unknown(path, "options that no command has", general, {key for known in options.values() for key in known})
    for values in (general, *tables.values()):
        if repeated := [key for key in values if "-" in key and _option_key(key) in values]:
            raise click.UsageError(
                f"the configuration {path} has {repeated[0]} twice, once as {_option_key(repeated[0])}"
            )
    for table, values in tables.items():
        _refuse_unknown(path, f"options that {table} does not have", values, options[table])
    given = {_option_key(key): value for key, value in {**general, **tables.get(name, {})}.items()}
    return {str(option.name): _to_argument(given[key], option) for key, option in options[name].items() if key in given}


def commands_by_name(group: click.Context) -> dict[str, click.Command]:
    """Return the commands of a group by their names."""
    if not isinstance(group.command, click.Group):
        return {}
    commands = ((name, group.command.get_command(group, name)) for name in group.command.list_commands(group))
    return {name: command for name, command in commands if command is not None}


def options_by_key(command: click.Command) -> dict[str, click.Option]:
    """Return the options that environment and configuration file can set, by their keys there."""
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {_option_key(max(option.opts, key=len)): option for option in options if option.name != "config"}


def _option_key(name: str) -> str:
    """Return ``max_rejects`` for ``--max-rejects`` and for ``max-rejects``."""
    return name.lstrip("-").replace("-", "_")


def _error_position(error: Exception) -> str:
    """Return where the TOML is wrong. The rest of tomllib's message is left out: it quotes the file."""
    text = str(error)
    if found := re.search(r"\(at line ([0-9]+), column ([0-9]+)\)$", text):
        return f": see line {found[1]}, column {found[2]}"
    return ": it ends in the midst of a value" if text.endswith("(at end of document)") else ""


def _refuse_unknown(path: Path, what: str, keys: Iterable[str], known: Collection[str]) -> None:
    if unknown := sorted(key for key in keys if _option_key(key) not in known):
        meant = did_you_mean(unknown[0], (name.replace("_", "-") for name in known))
        raise click.UsageError(f"the configuration {path} has {what}: {', '.join(unknown)}.{meant}")


def _to_argument(value: object, option: click.Option) -> object:
    """Convert a value to an argument as on the command line; click then converts it to the option's type."""
    if option.multiple:
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(option.type, FileMode) and isinstance(value, int) and value in _MODES_OF_TOML:
        return oct(value)
    return value if isinstance(value, bool) else str(value)
