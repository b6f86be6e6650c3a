"""The differences between an export and the one before it that exceed the guard's limits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from typing import TYPE_CHECKING, Literal, NamedTuple

from krr_export.reporting.guard import NO_GUARD, Difference
from krr_export.util.formatting import number, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.output.manifest import ExportHeader
    from krr_export.profiling.summary import ProfileSummary
    from krr_export.reporting.guard_limits import GuardLimits
    from krr_export.reporting.report import Report
    from krr_export.util.thresholds import Limit

FEW_RECORDS = 100
"""Limits in per cent apply only to changes of more records than these, in exports of more records than these. In a
small export shares fluctuate; a shift of 5 points in more than these is beyond three standard deviations of chance."""

_PERCENT = 100


class _Excess(NamedTuple):
    """A difference, and its size as a multiple of its limit."""

    excess: float
    difference: Difference


def compare(now: Report, before: Report, limits: GuardLimits) -> tuple[Difference, ...]:
    """Return the differences from the export before that exceed the limits, the greatest excess first.

    Shares of values and of nulls are compared if both reports have a profile, for the columns that both have.

    Args:
        now: the export's report.
        before: the report of the export before.
        limits: the allowed differences.
    """
    found = [
        *_change_number_differences(now.header, before.header, compared=before.header),
        *_record_differences(now, before, limits),
        *_share_differences(now, before, limits),
    ]
    return tuple(one.difference for one in sorted(found, key=lambda one: -one.excess))


def compare_order(now: Report, after: Report) -> tuple[Difference, ...]:
    """Return a difference if a later export, already published, has a smaller change number than this one."""
    return tuple(one.difference for one in _change_number_differences(after.header, now.header, compared=after.header))


def _change_number_differences(
    later: ExportHeader, earlier: ExportHeader, *, compared: ExportHeader
) -> Iterator[_Excess]:
    """Yield a difference if the later export has a smaller change number; ``compared`` is the published one."""
    if later.seneste_endringsnummer >= earlier.seneste_endringsnummer:
        return
    this, where = (later, "before") if compared is earlier else (earlier, "after")
    number, other = this.seneste_endringsnummer, compared.seneste_endringsnummer
    text = f"change number {number}, but {other} in the export {where} it: it must not go backwards"
    yield _Excess(inf, Difference("change-number", None, None, other, number, None, NO_GUARD, text))


def _record_differences(now: Report, before: Report, limits: GuardLimits) -> Iterator[_Excess]:
    seen, known = now.counts.seen, before.counts.seen
    if seen < known:
        yield from _record_difference("records-dropped", seen, known, "--max-drop", limits.max_drop)
    elif seen > known:
        yield from _record_difference("records-grown", seen, known, "--max-growth", limits.max_growth)


def _record_difference(
    what: Literal["records-dropped", "records-grown"], seen: int, known: int, option: str, limit: Limit
) -> Iterator[_Excess]:
    change = abs(seen - known)
    if limit.allows(change, known) or (limit.percent and min(change, known) <= FEW_RECORDS):
        return
    share = Fraction(_PERCENT * change, known) if limit.percent else Fraction(change)
    by, accept = number(change), str(change)
    if limit.percent:
        by, accept = f"{_format_percent(share)}%", f"{_format_limit(share)}%"
    asked = f"{option} {limit}"
    fewer = "fewer" if seen < known else "more"
    text = f"{records(seen)}, before {number(known)}: {by} {fewer} ({asked})"
    excess = float(share / limit.number) if limit.number else inf
    yield _Excess(excess, Difference(what, None, None, known, seen, asked, f"{option} {accept}", text))


@dataclass(frozen=True)
class _Share:
    """A share: ``part`` records of ``whole``."""

    part: int
    whole: int

    @property
    def percent(self) -> Fraction:
        return Fraction(_PERCENT * self.part, self.whole)


@dataclass(frozen=True)
class _Measure:
    """What a share measures."""

    what: Literal["rejects", "value", "nulls"]
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        if self.column is None:
            return self.what
        return f"{self.column} {'missing' if self.value is None else self.value}"


def _share_differences(now: Report, before: Report, limits: GuardLimits) -> Iterator[_Excess]:
    limit = limits.max_shift
    rejects, known = (_Share(report.counts.rejected, report.counts.seen) for report in (now, before))
    # Fewer rejects than before are no difference.
    if rejects.part * known.whole > known.part * rejects.whole:
        yield from _share_difference(_Measure("rejects"), rejects, known, limit)
    if now.profile is None or before.profile is None:
        return
    earlier_shares = _profile_shares(before.profile)
    for measure, share in _profile_shares(now.profile).items():
        if measure in earlier_shares:
            yield from _share_difference(measure, share, earlier_shares[measure], limit)


def _profile_shares(profile: ProfileSummary) -> dict[_Measure, _Share]:
    """Return the shares in a profile: of each enumerated value, then of nulls."""
    whole = profile.records
    values = {
        _Measure("value", column, value): _Share(count, whole)
        for column, counts in profile.values.items()
        for value, count in counts.items()
    }
    return values | {_Measure("nulls", column.name): _Share(column.nulls, whole) for column in profile.columns}


def _share_difference(measure: _Measure, now: _Share, before: _Share, limit: Limit) -> Iterator[_Excess]:
    if not now.whole or not before.whole:
        return  # an empty export has no shares
    shift = abs(now.percent - before.percent)
    if shift <= limit.number or shift * min(now.whole, before.whole) <= FEW_RECORDS * _PERCENT:
        return
    asked = f"--max-shift {limit}"
    was, is_now = round(float(before.percent), 6), round(float(now.percent), 6)
    points = _format_percent(shift)
    text = f"{measure}: {is_now:.1f}% of the records, before {was:.1f}%, a shift of {points} points ({asked})"
    excess = float(shift / limit.number) if limit.number else inf
    accept = f"--max-shift {_format_limit(shift)}%"
    difference = Difference(measure.what, measure.column, measure.value, was, is_now, asked, accept, text)
    yield _Excess(excess, difference)


def _format_percent(percent: Fraction) -> str:
    """Format a percentage, rounded up: a value above its limit must not be shown as equal to it."""
    return _round_up(percent, 1 if percent >= 1 else 4)


def _format_limit(percent: Fraction) -> str:
    """Format a limit that allows this percentage, preferably a round one."""
    return _round_up(percent, 0 if percent >= 1 else 4)


def _round_up(percent: Fraction, digits: int) -> str:
    return f"{ceil(percent * 10**digits) / 10**digits:.{digits}f}"
