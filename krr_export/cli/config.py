"""Options from a configuration file, TOML: at its top for all commands, in a command's table for that one."""

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
"""The variable that may hold the private key's passphrase."""
_MODES_OF_TOML = range(0o600, 0o1000)
"""What TOML makes of ``mode = 0o640``, a number below 512. ``mode = 640`` is none of them: it is meant as for chmod."""


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
    options = {command: options_of(commands[command]) for command in commands}
    _refuse_unknown(path, "tables for no command", tables, commands.keys())
    _refuse_unknown(path, "options that no command has", general, {key for known in options.values() for key in known})
    for table, values in tables.items():
        _refuse_unknown(path, f"options that {table} does not have", values, options[table])
    chosen = {_key(key): value for key, value in {**general, **tables.get(name, {})}.items()}
    return {str(option.name): _as_typed(chosen[key], option) for key, option in options[name].items() if key in chosen}


def commands_of(group: click.Context) -> dict[str, click.Command]:
    """The commands of a group by their names."""
    if not isinstance(group.command, click.Group):
        return {}
    commands = ((name, group.command.get_command(group, name)) for name in group.command.list_commands(group))
    return {name: command for name, command in commands if command is not None}


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options that may stand in the environment and in a configuration file, by their names there."""
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {_key(max(option.opts, key=len)): option for option in options if option.name != "config"}


def _key(name: str) -> str:
    """``max_rejects`` for ``--max-rejects`` and for ``max-rejects``."""
    return name.lstrip("-").replace("-", "_")


def _place(error: Exception) -> str:
    """Where TOML breaks off; of what tomllib says of it, nothing else: it quotes the file."""
    text = str(error)
    if found := re.search(r"\(at line ([0-9]+), column ([0-9]+)\)$", text):
        return f": see line {found[1]}, column {found[2]}"
    return ": it ends in the midst of a value" if text.endswith("(at end of document)") else ""


def _refuse_unknown(path: Path, what: str, keys: Iterable[str], known: Collection[str]) -> None:
    if unknown := sorted(key for key in keys if _key(key) not in known):
        meant = did_you_mean(unknown[0], (name.replace("_", "-") for name in known))
        raise click.UsageError(f"the configuration {path} has {what}: {', '.join(unknown)}.{meant}")


def _as_typed(value: object, option: click.Option) -> object:
    """As it would stand on the command line; click makes of it what the option asks."""
    if option.multiple:
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(option.type, FileMode) and isinstance(value, int) and value in _MODES_OF_TOML:
        return oct(value)
    return value if isinstance(value, bool) else str(value)
