"""What all commands have in common: their options' environment variables, ``--config``, ``-q`` and ``-v``."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.console import last_line
from krr_export.cli.failures import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONFIG = "KRR_EXPORT_CONFIG"
_OWNER = 0o600


class Command(click.Command):
    """A command whose every option also has environment variables and a place in the configuration file.

    ``--max-rejects`` of ``convert`` is ``KRR_EXPORT_CONVERT_MAX_REJECTS``, or ``KRR_EXPORT_MAX_REJECTS`` for all
    commands that have it. The command line goes before the environment, that before the file.
    """

    def invoke(self, ctx: click.Context) -> int:
        """Run the command; whatever happens becomes one last line and an exit code."""
        try:
            code: int = super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BaseException as error:
            message, code = explain(error)
            if ctx.params.get("as_json"):
                click.echo(json.dumps({"exit_code": code, "message": message}, ensure_ascii=False))
            last_line(message, "red")
        return code

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*arguments, **attributes)
        for parameter in self.params:
            if isinstance(parameter, click.Option) and parameter.envvar is None and parameter.name:
                name = parameter.name.upper()
                parameter.envvar = [f"KRR_EXPORT_{str(self.name).upper()}_{name}", f"KRR_EXPORT_{name}"]


def command(name: str, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command with the common options; ``example`` ends its help."""

    def declare(function: Callable[..., Any]) -> Command:
        for option in _COMMON:
            function = option(function)
        epilog = f"\b\nExample:\n  {example}"
        return click.command(name, cls=Command, epilog=epilog)(function)

    return declare


def read_config(path: str, of: click.Command, commands: Sequence[str]) -> dict[str, Any]:
    """The options that a configuration file has for a command.

    A key at the top is for all commands that have such an option; a table is named after its command and goes before.

    Raises:
        click.UsageError: the file cannot be read, or names an option that the command does not have.
    """
    try:
        with Path(path).open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise click.UsageError(f"cannot read the configuration {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"the configuration {path} is not TOML: {error}") from None
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    general = {key: value for key, value in document.items() if not isinstance(value, dict)}
    if unknown := set(tables) - set(commands):
        raise click.UsageError(f"the configuration {path} has a table for no command: {', '.join(sorted(unknown))}")
    own = {_parameter(key): value for key, value in tables.get(str(of.name), {}).items()}
    known = {parameter.name for parameter in of.params if isinstance(parameter, click.Option)}
    if unknown := set(own) - known:
        raise click.UsageError(
            f"the configuration {path} has options that {of.name} has not: {', '.join(sorted(unknown))}"
        )
    shared = {_parameter(key): value for key, value in general.items()}
    return {name: _as_text(value) for name, value in {**shared, **own}.items() if name in known}


class FileMode(click.ParamType[int]):
    """Permission bits in octal, as chmod has them."""

    name = "octal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's
        """The bits as a number; what the owner may do is never less than reading and writing."""
        text = str(value)
        if not re.fullmatch(r"(0o?)?[0-7]{3}", text) or (bits := int(text[-3:], 8)) & _OWNER != _OWNER:
            self.fail(f"{text} is not a mode such as 600 or 640 that lets the owner read and write", param, ctx)
        return bits & 0o666


def _parameter(key: str) -> str:
    return key.replace("-", "_")


def _as_text(value: object) -> object:
    """As it would stand on the command line; click makes of it what the option asks."""
    if isinstance(value, list):
        return [str(item) for item in value]
    return value if isinstance(value, bool) else str(value)


def _use_config(ctx: click.Context, _parameter: click.Parameter, path: str | None) -> str | None:
    if path is not None:
        commands = (
            ctx.parent.command.list_commands(ctx) if ctx.parent and isinstance(ctx.parent.command, click.Group) else []
        )
        ctx.default_map = {**(ctx.default_map or {}), **read_config(path, ctx.command, commands)}
    return path


_COMMON = (
    click.option(
        "--config", envvar=CONFIG, metavar="FILE.toml", is_eager=True, expose_value=False, callback=_use_config,
        help="Read options from a TOML file.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Say more: what each finding means, and what to do."),
    click.option("-q", "--quiet", is_flag=True, help="Print only the last line on standard error."),
)  # fmt: skip
