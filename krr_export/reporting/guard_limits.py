"""The limits of the guard: how far an export may differ from the one before it."""

from __future__ import annotations

from dataclasses import dataclass

from krr_export.errors import UsageError
from krr_export.util.thresholds import Limit

MAX_DROP, MAX_GROWTH, MAX_SHIFT = "5%", "20%", "5%"
"""Default limits. The register changes by some thousandths from night to night."""

_MAX_GROWTH_PERCENT = 10**15


@dataclass(frozen=True)
class GuardLimits:
    """How far an export may differ from the one before it.

    Attributes:
        max_drop: the largest decrease in records, as a number or in per cent of those before.
        max_growth: the largest increase, likewise.
        max_shift: the largest change of any share, in percentage points.
    """

    max_drop: Limit
    max_growth: Limit
    max_shift: Limit

    @classmethod
    def from_options(
        cls, max_drop: int | str = MAX_DROP, max_growth: int | str = MAX_GROWTH, max_shift: int | str = MAX_SHIFT
    ) -> GuardLimits:
        """Parse the limits from the options.

        Raises:
            UsageError: one is neither a number of records nor a percentage; or ``max_shift`` is a number of records.
        """
        shift = Limit.parse("--max-shift", max_shift)
        if not shift.percent:
            raise UsageError(f"--max-shift {max_shift} is no percentage", "such as 5%: percentage points of any share")
        growth = Limit.parse("--max-growth", max_growth, max_percent=_MAX_GROWTH_PERCENT)
        return cls(Limit.parse("--max-drop", max_drop), growth, shift)
