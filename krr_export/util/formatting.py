"""How numbers and moments are written: for people with their thousands apart, as JSON has them, and as names."""

from __future__ import annotations

from datetime import datetime


def number(value: int) -> str:
    """A number with its thousands apart, as Norwegian and SI have it: ``4 600 000``."""
    return f"{value:,}".replace(",", " ")


def records(count: int) -> str:
    """So many records: ``1 record``, ``4 600 000 records``."""
    return "1 record" if count == 1 else f"{number(count)} records"


def printable(text: str) -> str:
    """A text without line ends and other characters that control what shows it; the names of files may hold any."""
    return "".join(character if character.isprintable() else "?" for character in text)


def instant(moment: datetime, precision: str = "auto") -> str:
    """A moment in UTC as ISO 8601 has it: ``2026-02-26T11:22:25Z``.

    Args:
        moment: in UTC.
        precision: as `datetime.isoformat` takes it, such as ``seconds`` or ``microseconds``.
    """
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The moment that `instant` wrote, to the microsecond.

    Raises:
        ValueError: it is written in any other way.
    """
    written = datetime.fromisoformat(text)
    if written.tzinfo is None or instant(written, "microseconds") != text:
        raise ValueError("not a moment as it is written here")
    return written
