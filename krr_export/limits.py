"""How many rejects a run may have: a number, or a share of the records."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from krr_export.errors import UsageError


@dataclass(frozen=True)
class RejectLimit:
    """``--max-rejects``: ``10`` records, or ``0.5%`` of them."""

    number: Fraction = Fraction(0)
    percent: bool = False

    @classmethod
    def of(cls, value: RejectLimit | int | str) -> RejectLimit:
        """The limit as an option gives it.

        Raises:
            UsageError: it is neither a number of records nor a percentage.
        """
        if isinstance(value, RejectLimit):
            return value
        text = str(value).strip()
        if re.fullmatch(r"\d{1,15}", text, flags=re.ASCII):
            return cls(Fraction(text))
        if re.fullmatch(r"\d{1,3}(\.\d{1,9})?%", text, flags=re.ASCII) and (share := Fraction(text[:-1])) <= 100:  # noqa: PLR2004
            return cls(share, percent=True)
        raise UsageError(f"--max-rejects {text} is neither a number nor a percentage", "such as 10, or 0.5%")

    def allows(self, rejected: int, seen: int) -> bool:
        """Whether so many rejects among so many records are within the limit; exact, no rounding."""
        return rejected <= (self.number * seen / 100 if self.percent else self.number)

    def __str__(self) -> str:
        text = f"{float(self.number):.9f}".rstrip("0").rstrip(".")
        return f"{text}%" if self.percent else text
