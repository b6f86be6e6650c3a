"""``--openlineage``: events of a run's beginning and end, for a catalogue; they change nothing of the run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.options import OUTPUT
from krr_export.cli.parameters import LocalPath, Role, option
from krr_export.errors import UsageError
from krr_export.util.signals import ignore_signals

if TYPE_CHECKING:
    from krr_export.input.http.address import ServiceAddress
    from krr_export.jobs.lineage import LineageRun
    from krr_export.reporting.report import Report

_RUN = "krr_export.lineage"
_URL = re.compile(r"https?:/", re.IGNORECASE)


class _Receiver(LocalPath):
    """The type of the option: a file to append to, or the URL of a service."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or the address."""
        if not isinstance(value, str) or not _URL.match(value):
            return super().convert(value, param, ctx)
        from krr_export.jobs.lineage import parse_receiver  # noqa: PLC0415 - help does not need it

        try:
            return parse_receiver("--openlineage", value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


openlineage_option = option(
    "--openlineage",
    type=_Receiver(Role.OUTPUT),
    metavar="FILE|URL",
    heading=OUTPUT,
    help="Tell the run's beginning and end as events of OpenLineage: appended to a file, or posted to a service.",
)


class _Run:
    """The running command, and who wants to know of it."""

    def __init__(self, receiver: Path | ServiceAddress, run: LineageRun) -> None:
        self.receiver = receiver
        self.run = run
        self.report: Report | None = None


def begin(ctx: click.Context) -> str | None:
    """Take --openlineage from a command's options, and tell the beginning; return why that was not possible."""
    receiver: Path | ServiceAddress | None = ctx.params.pop("openlineage", None)
    if receiver is None:
        return None
    from krr_export.jobs.lineage import LineageRun, hand_on, inputs_of  # noqa: PLC0415 - help does not need it

    run = LineageRun(str(ctx.info_name), ctx.params["store"], inputs_of(*_sources(ctx.params)))
    ctx.meta[_RUN] = _Run(receiver, run)
    return hand_on(receiver, run.started())


def _sources(given: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Return the servers and the paths that a command reads; standard input has no name."""
    source = given.get("source", "-")
    feed = given.get("changes_from")
    servers = (*given.get("uri", ()), *(() if feed is None else (feed,)))
    return servers, (*(() if source == "-" else (Path(source),)), *given.get("pages", ()))


def add_report(report: Report) -> None:
    """Keep the report of an export that was read to its end."""
    context = click.get_current_context(silent=True)
    if context is not None and _RUN in context.meta:
        context.meta[_RUN].report = report


def end(code: int, message: str) -> str | None:
    """Tell the end of the running command, if anybody wants to know; return why that was not possible."""
    context = click.get_current_context(silent=True)
    told: _Run | None = None if context is None else context.meta.pop(_RUN, None)
    if told is None:
        return None
    from krr_export.jobs.lineage import Ended, hand_on, published  # noqa: PLC0415 - help does not need it

    with ignore_signals():  # the run has ended: a signal would have it say that nothing was published
        try:
            outcome = Ended(code, message, told.report, published(told.run.store, told.report))
            return hand_on(told.receiver, told.run.ended(outcome))
        except Exception as error:  # a fault in here is none of the run, which may have published
            return f"the lineage was not handed on: {type(error).__name__}"
