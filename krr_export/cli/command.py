"""The class of all commands: options also from variables and a file; any failure becomes one last line."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli import lineage, log, metrics
from krr_export.cli.config import CONFIG, PASSPHRASE, PREFIX, commands_by_name, options_by_key, read_command_options
from krr_export.cli.console import Console, finish
from krr_export.cli.failures import explain
from krr_export.cli.parameters import GENERAL, Choice, LocalPath, Role, did_you_mean, option
from krr_export.errors import InputError, OutputError, UsageError
from krr_export.util.memory import check_memory
from krr_export.util.paths import check_no_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_OTHER_VARIABLES = {CONFIG, PASSPHRASE}


class Command(click.Command):
    """A command whose options can also come from environment variables and from the configuration file.

    ``--max-rejects`` of ``convert`` is ``KRR_EXPORT_CONVERT_MAX_REJECTS``, or ``KRR_EXPORT_MAX_REJECTS`` for all
    commands that have it. The command line overrides the environment, and the environment the file.
    """

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        own = re.sub("[ -]", "_", str(self.name)).upper()
        for key, declared in options_by_key(self).items():
            name = key.upper()
            declared.envvar = [f"{PREFIX}{own}_{name}", f"{PREFIX}{name}"]

    def invoke(self, ctx: click.Context) -> int:
        """Run the command; turn any failure into one last line and an exit code."""
        try:
            check_memory()
            _warn_of_unknown_variables(ctx)
            check_paths(ctx)
            metrics.begin(ctx)
            if (failed := lineage.begin(ctx)) is not None:
                Console(quiet=bool(ctx.params.get("quiet"))).warn(failed)
            code: int = super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BaseException as error:
            message, code, reason = explain(error)
            if code == UsageError.exit_code:
                message = add_origins(message, ctx)
            code = finish(message, code, reason, {}, as_json=bool(ctx.params.get("as_json")))
        return code

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options under their headings; those of all commands come last."""
        shown: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                shown.setdefault(getattr(parameter, "heading", GENERAL), []).append(record)
        general = shown.pop(GENERAL)
        for heading, records in (*shown.items(), (GENERAL, general)):
            with formatter.section(heading):
                formatter.write_dl(records)


def command(name: str, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command with the common options; ``example`` ends its help."""

    def declare(function: Callable[..., Any]) -> Command:
        for common in _COMMON:
            function = common(function)
        epilog = f"\b\nExample:\n  {example}"
        return click.command(name, cls=Command, epilog=epilog)(function)

    return declare


def check_paths(ctx: click.Context) -> None:
    """Refuse loops of links, and outputs that would overwrite an input or are in a snapshot.

    Raises:
        InputError: the path of an input is a loop of links.
        OutputError: the path of an output is, or its directory is not there.
        UsageError: an output is an input too, or is in a snapshot.
    """
    from krr_export.output.outputs import check_outputs, write_error  # noqa: PLC0415 - help does not need it

    paths = [*_given_paths(ctx)]
    for _, kind, path in paths:
        if kind.role is Role.BESIDE:
            continue
        check_no_loop(Path(path), InputError if kind.role in {Role.INPUT, Role.EXISTING_STORE} else OutputError)
    inputs = {option: path for option, kind, path in paths if kind.role is Role.INPUT}
    outputs = {
        option: [path, *(f"{path}{end}" for end in kind.beside)]
        for option, kind, path in paths
        if kind.role is not Role.INPUT
    }
    configurations = {f"--config {path}": path for path in ctx.meta.get(CONFIG, ())}
    check_outputs(outputs, {**inputs, **configurations})
    for _, kind, path in paths:
        if kind.role is Role.OUTPUT and not Path(path).parent.exists():
            raise write_error(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def _given_paths(ctx: click.Context) -> Iterator[tuple[str, LocalPath, str]]:
    """Yield the paths that a command was given: the name of the parameter, its type, and the path.

    Of several paths of one parameter, each has a name of its own: with the path.
    """
    for parameter in ctx.command.params:
        kind, value = parameter.type, ctx.params.get(str(parameter.name))
        if isinstance(kind, LocalPath) and value is not None:
            several = isinstance(value, tuple) and len(value) > 1
            for path in value if isinstance(value, tuple) else (value,):
                if isinstance(path, (str, Path)):  # and no address
                    label = _parameter_label(parameter)
                    yield f"{label} {path}" if several else label, kind, str(path)


def _parameter_label(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len) if isinstance(parameter, click.Option) else str(parameter.name).upper()


def add_origins(message: str, ctx: click.Context) -> str:
    """Add to a message on wrong usage where the options or values in it came from, if not from the command line."""
    origins = []
    for key, declared in options_by_key(ctx.command).items():
        names = (max(declared.opts, key=len), *_values(ctx.params.get(str(declared.name))))
        if not any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", message) for name in names):
            continue
        source = ctx.get_parameter_source(str(declared.name))
        if source is click.core.ParameterSource.ENVIRONMENT:
            origins += [name for name in _variables(declared) if os.environ.get(name)][:1]
        elif source is click.core.ParameterSource.DEFAULT_MAP:
            origins.append(f"{key.replace('_', '-')} in {' and '.join(ctx.meta.get(CONFIG, ()))}")
    return f"{message} (from {', '.join(dict.fromkeys(origins))})" if origins else message


def _values(value: object) -> list[str]:
    """Return the texts that an option was given, as far as a message may quote them."""
    texts = value if isinstance(value, tuple) else (value,)
    return [str(text) for text in texts if isinstance(text, (str, Path)) and str(text)]


def _variables(declared: click.Option) -> list[str]:
    names = declared.envvar or ()
    return [names] if isinstance(names, str) else [*names]


def _warn_of_unknown_variables(ctx: click.Context) -> None:
    """Warn of a variable that looks like an option's and is none: it would silently have no effect."""
    valid = {
        name for declared in options_by_key(ctx.command).values() for name in _variables(declared)
    } | _OTHER_VARIABLES
    doubtful = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in valid)
    if not doubtful or ctx.parent is None:
        return
    known = valid | {
        name
        for command in commands_by_name(ctx.parent).values()
        for declared in options_by_key(command).values()
        for name in _variables(declared)
    }
    console = Console(quiet=bool(ctx.params.get("quiet")))
    for name in doubtful:
        if name not in known:
            meant = did_you_mean(name, valid) or did_you_mean(name, known)
            console.warn(f"the variable {name} is no option's, and without effect.{meant}")


def _use_config(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and ctx.parent is not None:
        valid = read_command_options(ctx, path, str(ctx.info_name), commands_by_name(ctx.parent))
        ctx.default_map = {**(ctx.default_map or {}), **valid}
    return path


def _use_log_format(_ctx: click.Context, _parameter: click.Parameter, form: log.LogFormat) -> None:
    log.use_format(form)


_COMMON = (
    option(
        "--config", envvar=CONFIG, type=LocalPath(), metavar="FILE.toml", is_eager=True, expose_value=False,
        callback=_use_config, heading=GENERAL, help="Read options from a TOML file.",
    ),
    option(
        "-v", "--verbose", is_flag=True, heading=GENERAL, help="Say more: what each finding means, and what to do."
    ),
    option(
        log.OPTION, type=Choice(log.FORMATS), default="text", show_default=True, is_eager=True, expose_value=False,
        callback=_use_log_format, heading=GENERAL, help="Of standard error; json: an object a line, the result last.",
    ),
    option("-q", "--quiet", is_flag=True, heading=GENERAL, help="Print only the last line on standard error."),
)  # fmt: skip
