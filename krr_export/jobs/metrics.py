"""Write what came of a run as a file of metrics."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import exported_at
from krr_export.output.outputs import atomic_write, write_error
from krr_export.output.store_contents import entries
from krr_export.reporting.metrics import RunMetrics

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from krr_export.errors import OutputError

__all__ = ["RunMetrics", "write_metrics"]


def write_metrics(file: Path, metrics: RunMetrics, store: Path | None) -> OutputError | None:
    """Write the metrics of a run, and when the newest export of its store was made; return why that was not possible.

    Args:
        file: to write, whole or not at all.
        metrics: of the run.
        store: that the run was to publish into; ``None`` for none.
    """
    whole = replace(metrics, newest_export=_newest_export(store))
    try:
        with atomic_write(file) as opened:
            opened.write(whole.render().encode())
    except OSError as error:
        return write_error(f"the metrics {file}", error)
    return None


def _newest_export(store: Path | None) -> datetime | None:
    with suppress(OSError):  # the command has said what is wrong with the store
        if store is not None:
            return next((exported_at(entry.path.name) for entry in entries(store) if entry.published), None)
    return None
