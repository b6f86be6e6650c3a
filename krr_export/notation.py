"""How numbers and moments are written: for people with their thousands apart, and as JSON has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def number(value: int) -> str:
    """A number with its thousands apart, as Norwegian and SI have it: ``4 600 000``."""
    return f"{value:,}".replace(",", " ")


def records(count: int) -> str:
    """So many records: ``1 record``, ``4 600 000 records``."""
    return "1 record" if count == 1 else f"{number(count)} records"


def instant(moment: datetime, precision: str = "auto") -> str:
    """A moment in UTC as ISO 8601 has it: ``2026-02-26T11:22:25Z``.

    Args:
        moment: in UTC.
        precision: as `datetime.isoformat` takes it, such as ``seconds`` or ``microseconds``.
    """
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
