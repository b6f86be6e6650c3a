"""Limits given as a number of records, or as a percentage of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from krr_export.errors import UsageError

_PERCENT = 100


@dataclass(frozen=True)
class Limit:
    """``10`` records, or ``0.5%`` of them."""

    number: Fraction = Fraction(0)
    percent: bool = False

    @classmethod
    def parse(cls, option: str, value: Limit | int | str, *, max_percent: int = _PERCENT) -> Self:
        """Parse the value of an option.

        Args:
            option: its name, for the error.
            value: a number of records or a percentage; a `Limit` is copied.
            max_percent: the largest percentage.

        Raises:
            UsageError: it is neither a number of records nor such a percentage.
        """
        if isinstance(value, Limit):
            return cls(value.number, value.percent)
        text = str(value).strip()
        if re.fullmatch(r"\d{1,15}", text, flags=re.ASCII):
            return cls(Fraction(text))
        if re.fullmatch(r"\d{1,15}(\.\d{1,9})?%", text, flags=re.ASCII):
            share = Fraction(text[:-1])
            if share > max_percent:
                raise UsageError(f"{option} {text} is more than there can be", f"at most {max_percent}%")
            return cls(share, percent=True)
        raise UsageError(f"{option} {text} is neither a number nor a percentage", "such as 10, or 0.5%")

    def allows(self, part: int, whole: int) -> bool:
        """Return whether ``part`` records among ``whole`` are within the limit; exact, no rounding."""
        return part <= (self.number * whole / _PERCENT if self.percent else self.number)

    def __str__(self) -> str:
        text = f"{float(self.number):.9f}".rstrip("0").rstrip(".")
        return f"{text}%" if self.percent else text


class RejectLimit(Limit):
    """The limit ``--max-rejects``: how many rejects a run may have."""

    @classmethod
    def from_option(cls, value: Limit | int | str) -> Self:
        """Parse the value of the option.

        Raises:
            UsageError: it is neither a number of records nor a percentage.
        """
        return cls.parse("--max-rejects", value)
