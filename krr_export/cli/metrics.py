"""``--metrics``: a file for Prometheus that is written at the end of a command, whatever came of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from krr_export.cli.options import OUTPUT
from krr_export.cli.parameters import LocalPath, Role, option
from krr_export.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.errors import OutputError
    from krr_export.reporting.report import Report

_RUN = "krr_export.metrics"
_SUFFIX = ".prom"

metrics_option = option(
    "--metrics",
    type=LocalPath(Role.OUTPUT),
    metavar="FILE.prom",
    heading=OUTPUT,
    help="Write for Prometheus' node exporter what came of the run, also of one that fails.",
)


class _Run:
    """What is known of the running command."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.started = time.monotonic()


def begin(ctx: click.Context) -> None:
    """Take --metrics from a command's options; call it once its paths are checked.

    Raises:
        UsageError: nobody would read a file of that name.
    """
    file: Path | None = ctx.params.pop("metrics", None)
    if file is None:
        return
    if file.suffix != _SUFFIX:
        raise UsageError(f"--metrics {file}: the node exporter reads files *{_SUFFIX} only", "name it so")
    ctx.meta[_RUN] = _Run(file)


def write(code: int, outcome: str, report: Report | None) -> OutputError | None:
    """Write the metrics of the running command, if it was asked for any; return why they could not be written.

    Args:
        code: its exit code.
        outcome: what came of it, in a word.
        report: of the export that it read to its end, if it did.
    """
    context = click.get_current_context(silent=True)
    run: _Run | None = None if context is None else context.meta.pop(_RUN, None)
    if context is None or run is None:
        return None
    from krr_export.jobs.metrics import RunMetrics, write_metrics  # noqa: PLC0415 - help does not need it

    metrics = RunMetrics(
        command=str(context.info_name),
        run=run.file.stem,
        exit_code=code,
        outcome=outcome,
        ended=datetime.now(UTC),
        seconds=time.monotonic() - run.started,
        report=report,
    )
    return write_metrics(run.file, metrics, context.params.get("store"))
