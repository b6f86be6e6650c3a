"""The statistics of a file as the protocol of Delta has them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from krr_export.util.formatting import format_utc

if TYPE_CHECKING:
    from krr_export.warehouse.lake.footer import Bound, Statistics


def statistics_json(statistics: Statistics) -> str:
    """Return the statistics of a file as a Delta table's log has them."""
    least: dict[str, object] = {}
    greatest: dict[str, object] = {}
    for column, bounds in statistics.bounds.items():
        try:
            least[column], greatest[column] = _bound(bounds[0], least=True), _bound(bounds[1], least=False)
        except OverflowError:  # a time that is after the year 9999 when it is rounded up
            least.pop(column, None)
    found: dict[str, Any] = {"numRecords": statistics.rows, "minValues": least, "maxValues": greatest}
    return json.dumps(found | {"nullCount": statistics.nulls})


def _bound(value: Bound, *, least: bool) -> object:
    """Return a bound as JSON has it; the log's times end in milliseconds, so the greatest is rounded up."""
    if isinstance(value, datetime):
        below = value.replace(microsecond=value.microsecond // 1000 * 1000)
        return format_utc(below if least or below == value else below + timedelta(milliseconds=1), "milliseconds")
    return value.isoformat() if isinstance(value, date) else value
