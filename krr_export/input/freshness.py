"""Checks of an export's own time against the clock and against the newest snapshot of a store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Literal, Self

from krr_export.domain.store_layout import export_name
from krr_export.domain.times import NORWAY
from krr_export.errors import AgeError, FutureError, OlderError, UsageError

MAX_AHEAD = "24h"
"""How far in the future the time of an export may be by default: enough for a wrong time zone, not for a wrong year."""

ALLOW_OLDER = "--allow-older"
"""The option that accepts an export older than the newest snapshot."""

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_UNITS = {"m": _MINUTE, "h": _HOUR, "d": _DAY}
_DAYS_FROM = 3 * _DAY
"""Durations from this one on are shown in days."""


@dataclass(frozen=True)
class AgeLimits:
    """How old an export may be, and how far in the future.

    Attributes:
        max_age: how long ago it may have been made; ``None`` for any time.
        max_ahead: how far in the future its time may be.
    """

    max_age: timedelta | None
    max_ahead: timedelta

    @classmethod
    def from_options(cls, max_age: timedelta | str | None = None, max_ahead: timedelta | str = MAX_AHEAD) -> Self:
        """Build the limits from the values of the options.

        Raises:
            UsageError: a value is not a duration.
        """
        return cls(
            max_age=None if max_age is None else _parse_duration("--max-age", max_age),
            max_ahead=_parse_duration("--max-ahead", max_ahead),
        )

    def describe_too_old(self, made: datetime, now: datetime | None = None) -> str | None:
        """Return what is wrong with an export that is too old, in one line; ``None`` if it is not.

        Args:
            made: when it was made.
            now: replaces the clock.
        """
        age = (now or datetime.now(UTC)) - made
        if self.max_age is None or age <= self.max_age:
            return None
        return (
            f"the export was made {_format_time(made)}, more than {describe_duration(age)} ago:"
            f" --max-age {_format_duration(self.max_age)}"
        )

    def describe_ahead(self, made: datetime, now: datetime | None = None) -> str | None:
        """Return what is wrong with an export that is from the future, in one line; ``None`` if it is not.

        Args:
            made: when it was made.
            now: replaces the clock.
        """
        ahead = made - (now or datetime.now(UTC))
        if ahead <= self.max_ahead:
            return None
        return (
            f"the export says that it was made {_format_time(made)}, more than {describe_duration(ahead)} from now:"
            f" --max-ahead {_format_duration(self.max_ahead)}"
        )

    def check_age(self, made: datetime) -> None:
        """Check that an export is not too old.

        Raises:
            AgeError: it is too old.
        """
        now = datetime.now(UTC)
        if (fault := self.describe_too_old(made, now)) is not None:
            # The export grows older before anybody gives that option: hence one more.
            limit = _sufficient_limit(now - made, 2)
            raise AgeError(fault, f"ask the sender for a newer one, or accept it with --max-age {limit}")

    def check_ahead(self, made: datetime) -> None:
        """Check that an export is not from the future.

        Raises:
            FutureError: it is from the future.
        """
        now = datetime.now(UTC)
        if (fault := self.describe_ahead(made, now)) is not None:
            raise FutureError(
                fault,
                "is a clock wrong? Ask the sender: it would be latest until then. Accept it with"
                f" --max-ahead {_sufficient_limit(made - now, 1)}",
            )

    def latest_stamp(self, now: datetime | None = None) -> str:
        """Return the latest time that the name of a delivery may have, ``YYYYMMDDThhmmss`` in Norwegian time.

        Args:
            now: replaces the clock.
        """
        here = (now or datetime.now(UTC)).astimezone(NORWAY)
        latest = here + min(self.max_ahead, datetime.max.replace(tzinfo=NORWAY) - here)
        return f"{latest.year:04}{latest:%m%dT%H%M%S}"


def check_not_older(made: datetime, newest: str | None) -> None:
    """Check that an export is not older than the newest snapshot of a store.

    Args:
        made: when the export was made.
        newest: the snapshot's name, ``eksport=20140226T112225Z``; ``None`` if the store has none.

    Raises:
        OlderError: it is older.
    """
    if newest is not None and export_name(made) < newest:
        raise OlderError(
            f"the export was made {_format_time(made)}, before the newest snapshot, {newest}",
            f"is it an old set, delivered again? Ask the sender, or accept it with {ALLOW_OLDER}",
        )


def _parse_duration(option: str, value: timedelta | str) -> timedelta:
    """Parse the duration of an option: a number and ``m``, ``h`` or ``d``."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", str(value).strip())
    if match is None:
        raise UsageError(f"{option} {value} is no length of time", "such as 90m, 48h or 3d")
    return int(match[1]) * _UNITS[match[2]]


def _format_time(moment: datetime) -> str:
    return f"{moment.year:04}-{moment:%m-%d %H:%M} UTC"  # strftime does not pad a year before 1000 everywhere


def describe_age(age: timedelta) -> str:
    """Return an age in words, rounded down: ``14 hours ago``, or ``2 hours from now``."""
    return f"{describe_duration(abs(age))} {'from now' if age < timedelta() else 'ago'}"


def describe_duration(length: timedelta) -> str:
    """Return a duration in words, rounded down."""
    count, unit = split_duration(length)
    return f"{count} {unit}{'s' * (count != 1)}"


def split_duration(length: timedelta) -> tuple[int, Literal["day", "hour", "minute"]]:
    """Return a duration as a number of the unit in which it is shown, rounded down."""
    if length >= _DAYS_FROM:
        return length // _DAY, "day"
    return (length // _HOUR, "hour") if length >= _HOUR else (length // _MINUTE, "minute")


def _sufficient_limit(length: timedelta, more: int) -> str:
    """Return an option value above the duration."""
    unit, letter = (_DAY, "d") if length >= _DAYS_FROM else (_HOUR, "h")
    return f"{length // unit + more}{letter}"


def _format_duration(length: timedelta) -> str:
    """Return a duration in the form of the options."""
    if length % _HOUR:
        return f"{ceil(length / _MINUTE)}m"
    return f"{length // _HOUR}h" if length % _DAY or length < _DAYS_FROM else f"{length // _DAY}d"
