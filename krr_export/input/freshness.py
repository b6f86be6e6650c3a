"""When an export says that it was made, held against the clock and against the newest snapshot of a store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Self

from krr_export.domain.store_layout import export_name
from krr_export.domain.times import NORWAY
from krr_export.errors import GuardError, UsageError

MAX_AHEAD = "24h"
"""How far in the future an export may say that it was made where nothing else is asked: a time zone's mistake, not a
year's."""

ALLOW_OLDER = "--allow-older"
"""What accepts an export that is older than the newest snapshot."""

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_UNITS = {"m": _MINUTE, "h": _HOUR, "d": _DAY}
_DAYS_FROM = 3 * _DAY
"""From here on, lengths of time are told in days."""


@dataclass(frozen=True)
class AgeLimits:
    """How old an export may be, and how far in the future.

    Attributes:
        max_age: how long ago it may have been made; ``None`` for any time.
        max_ahead: how far from now it may say that it was made.
    """

    max_age: timedelta | None
    max_ahead: timedelta

    @classmethod
    def of(cls, max_age: timedelta | str | None = None, max_ahead: timedelta | str = MAX_AHEAD) -> Self:
        """The limits as the options give them.

        Raises:
            UsageError: one is no length of time.
        """
        return cls(None if max_age is None else _length("--max-age", max_age), _length("--max-ahead", max_ahead))

    def check_age(self, made: datetime) -> None:
        """See that an export is not too old.

        Raises:
            GuardError: it is.
        """
        age = datetime.now(UTC) - made
        if self.max_age is not None and age > self.max_age:
            # It grows older before anybody gives that option: hence one more.
            raise GuardError(
                f"the export was made {_moment(made)}, more than {_words(age)} ago: --max-age {_written(self.max_age)}",
                f"ask the sender for a newer one, or accept it with --max-age {_enough(age, 2)}",
            )

    def check_ahead(self, made: datetime) -> None:
        """See that an export is not from the future.

        Raises:
            GuardError: it is.
        """
        ahead = made - datetime.now(UTC)
        if ahead > self.max_ahead:
            limit = f"--max-ahead {_written(self.max_ahead)}"
            raise GuardError(
                f"the export says that it was made {_moment(made)}, more than {_words(ahead)} from now: {limit}",
                "is a clock wrong? Ask the sender: it would be latest until then. Accept it with"
                f" --max-ahead {_enough(ahead, 1)}",
            )

    def latest_stamp(self, now: datetime | None = None) -> str:
        """The latest time that the name of a delivery may carry, ``YYYYMMDDThhmmss``: times in names are Norwegian.

        Args:
            now: in place of the clock.
        """
        here = (now or datetime.now(UTC)).astimezone(NORWAY)
        latest = here + min(self.max_ahead, datetime.max.replace(tzinfo=NORWAY) - here)
        return f"{latest.year:04}{latest:%m%dT%H%M%S}"


def check_not_older(made: datetime, newest: str | None) -> None:
    """See that an export is not older than the newest snapshot of a store.

    Args:
        made: when the export was made.
        newest: the snapshot's name, ``eksport=20140226T112225Z``; ``None`` where there is none.

    Raises:
        GuardError: it is.
    """
    if newest is not None and export_name(made) < newest:
        raise GuardError(
            f"the export was made {_moment(made)}, before the newest snapshot, {newest}",
            f"is it an old set, delivered again? Ask the sender, or accept it with {ALLOW_OLDER}",
        )


def _length(option: str, value: timedelta | str) -> timedelta:
    """A length of time as an option gives it: a number and ``m``, ``h`` or ``d``."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", str(value).strip())
    if match is None:
        raise UsageError(f"{option} {value} is no length of time", "such as 90m, 48h or 3d")
    return int(match[1]) * _UNITS[match[2]]


def _moment(moment: datetime) -> str:
    return f"{moment.year:04}-{moment:%m-%d %H:%M} UTC"  # strftime does not pad a year before 1000 everywhere


def _words(length: timedelta) -> str:
    """A length of time, rounded down."""
    unit, one = (_DAY, "day") if length >= _DAYS_FROM else (_HOUR, "hour") if length >= _HOUR else (_MINUTE, "minute")
    count = length // unit
    return f"{count} {one}{'s' * (count != 1)}"


def _enough(length: timedelta, more: int) -> str:
    """A limit above the length."""
    unit, letter = (_DAY, "d") if length >= _DAYS_FROM else (_HOUR, "h")
    return f"{length // unit + more}{letter}"


def _written(length: timedelta) -> str:
    """A length of time as the options are given."""
    if length % _HOUR:
        return f"{ceil(length / _MINUTE)}m"
    return f"{length // _HOUR}h" if length % _DAY or length < _DAYS_FROM else f"{length // _DAY}d"
