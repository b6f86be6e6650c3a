"""``--openlineage``: events of a run's beginning and end, for a catalogue; they change nothing of the run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from krr_export.cli.options import OUTPUT
from krr_export.cli.parameters import LocalPath, Role, option
from krr_export.errors import UsageError
from krr_export.input.http.address import parse_service_address
from krr_export.util.signals import ignore_signals

if TYPE_CHECKING:
    from krr_export.input.http.address import ServiceAddress
    from krr_export.jobs.lineage import Lineage
    from krr_export.reporting.report import Report

_LINEAGE = "krr_export.lineage"
_ENDPOINT = "/api/v1/lineage"
"""Where services take events, unless the URL has a path."""
_URL = re.compile(r"https?:/", re.IGNORECASE)


class _Receiver(LocalPath):
    """The type of the option: a file to append to, or the URL of a service."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or the address."""
        if not isinstance(value, str) or not _URL.match(value):
            return super().convert(value, param, ctx)
        try:
            return _parse_url(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


def _parse_url(url: str) -> ServiceAddress:
    """Return where events are posted.

    Raises:
        UsageError: it is no such URL, or has a user, a password or a query.
    """
    example = f"https://lineage.example.no{_ENDPOINT}"
    address = parse_service_address("--openlineage", url, needs_tls=False, example=example)
    return replace(address, path=_ENDPOINT if urlsplit(url).path in {"", "/"} else urlsplit(url).path)


openlineage_option = option(
    "--openlineage",
    type=_Receiver(Role.BESIDE),
    metavar="FILE|URL",
    heading=OUTPUT,
    help="Tell the run's beginning and end as events of OpenLineage: appended to a file, or posted to a service.",
)


def begin(ctx: click.Context) -> str | None:
    """Take --openlineage from a command's options, and tell the beginning; return why that was not possible."""
    receiver: Path | ServiceAddress | None = ctx.params.pop("openlineage", None)
    if receiver is None:
        return None
    from krr_export.jobs.lineage import Lineage  # noqa: PLC0415 - help does not need it

    lineage = Lineage(receiver, str(ctx.info_name), ctx.params["store"], *_sources(ctx.params))
    ctx.meta[_LINEAGE] = lineage
    return lineage.tell_start()


def _sources(given: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Return the servers and the paths that a command reads; standard input has no name."""
    source = given.get("source", "-")
    feed = given.get("changes_from")
    servers = (*given.get("uri", ()), *(() if feed is None else (feed,)))
    return servers, (*(() if source == "-" else (Path(source),)), *given.get("pages", ()))


def end(code: int, message: str, report: Report | None) -> str | None:
    """Tell the end of the running command, if anybody wants to know; return why that was not possible.

    Args:
        code: its exit code.
        message: its last line.
        report: of the export that it read to its end, if it did.
    """
    context = click.get_current_context(silent=True)
    lineage: Lineage | None = None if context is None else context.meta.pop(_LINEAGE, None)
    if lineage is None:
        return None
    with ignore_signals():  # the run has ended: a signal would have it say that nothing was published
        try:
            return lineage.tell_end(code, message, report)
        except Exception as error:  # a fault in here is none of the run, which may have published
            return f"the lineage was not handed on: {type(error).__name__}"
