"""Formats of numbers and times: with thousands separators for people, and ISO 8601 for JSON."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath


def number(value: int) -> str:
    """Return a number with spaces between thousands, as in Norwegian and SI: ``4 600 000``."""
    return f"{value:,}".replace(",", " ")


def records(count: int) -> str:
    """Return a count of records: ``1 record``, ``4 600 000 records``."""
    return "1 record" if count == 1 else f"{number(count)} records"


def printable(text: str) -> str:
    """Replace line ends and other control characters with ``?``; file names may contain any."""
    return "".join(character if character.isprintable() else "?" for character in text)


def format_utc(moment: datetime, precision: str = "auto") -> str:
    """Return a time in UTC as ISO 8601: ``2026-02-26T11:22:25Z``.

    Args:
        moment: in UTC.
        precision: ``timespec`` of `datetime.isoformat`, such as ``seconds`` or ``microseconds``.
    """
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """Parse a time that `format_utc` wrote, to the microsecond.

    Raises:
        ValueError: it has any other format.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None or format_utc(parsed, "microseconds") != text:
        raise ValueError("not a moment as it is written here")
    return parsed


def short_repr(of: object, **facts: object) -> str:
    """Return a ``repr`` in one line, ``Name(fact=value, …)``, in place of one with all that an object holds."""
    shown = ", ".join(f"{name}={_plain(value)!r}" for name, value in facts.items())
    return f"{type(of).__name__}({shown})"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, PurePath) else value
