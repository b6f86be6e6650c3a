"""The guard: the differences between an export and the one before it, their limits, and the options to accept more."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Literal

from krr_export.errors import UsageError
from krr_export.util.formatting import number, records
from krr_export.util.thresholds import Limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FEW_RECORDS = 100
"""Limits in per cent apply only to changes of more records than these, in exports of more records than these. In a
small export shares fluctuate; a shift of 5 points in more than these is beyond three standard deviations of chance."""

MAX_DROP, MAX_GROWTH, MAX_SHIFT = "5%", "20%", "5%"
"""Default limits. The register changes by some thousandths from night to night."""

NO_GUARD = "--no-guard"
"""The option that accepts any difference."""

_PERCENT = 100
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


@dataclass(frozen=True)
class Difference:
    """One difference between two exports that exceeds its limit.

    Attributes:
        what: ``value`` and ``nulls`` are shares of the accepted records, ``rejects`` one of all records.
        before: the number of the export before (for ``change-number``, possibly of the one after): records, the change
            number, or a share in per cent.
        now: the same number of this export.
        limit: the option that it exceeds, such as ``--max-drop 5%``; ``None`` if no option sets a limit.
        accept: the option that would accept it.
        text: a description in a few words.
        excess: the difference as a multiple of the limit.
        column: of ``value`` and ``nulls``.
        value: the enumerated value, of ``value``.
    """

    what: Literal["change-number", "records-dropped", "records-grown", "rejects", "value", "nulls"]
    before: int | float
    now: int | float
    limit: str | None
    accept: str
    text: str
    excess: float
    column: str | None = None
    value: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the difference for JSON."""
        keys = ("what", "column", "value", "before", "now", "limit", "accept", "text")
        return {key: getattr(self, key) for key in keys}


def compare(now: Mapping[str, Any], before: Mapping[str, Any], limits: GuardLimits) -> tuple[Difference, ...]:
    """Return the differences from the export before that exceed the limits, the greatest excess first.

    Shares of values and of nulls are compared if both reports have a profile, for the columns that both have.

    Args:
        now: the export's report, as in ``report.json``.
        before: the report of the export before.
        limits: the allowed differences.

    Raises:
        KeyError, TypeError: a report has another form.
    """
    differences = [
        *_change_number_differences(now, before, "before it"),
        *_record_differences(now, before, limits),
        *_share_differences(now, before, limits),
    ]
    return tuple(sorted(differences, key=lambda difference: -difference.excess))


def compare_order(now: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return a difference if a later export, already published, has a smaller change number than this one."""
    return tuple(_change_number_differences(after, now, "after it"))


def _change_number_differences(
    later: Mapping[str, Any], earlier: Mapping[str, Any], where: str
) -> Iterator[Difference]:
    number, earlier_number = (report["header"]["seneste_endringsnummer"] for report in (later, earlier))
    if number >= earlier_number:
        return
    this, other = (number, earlier_number) if where == "before it" else (earlier_number, number)
    text = f"change number {this}, but {other} in the export {where}: it must not go backwards"
    yield Difference("change-number", other, this, None, NO_GUARD, text, inf)


def _record_differences(now: Mapping[str, Any], before: Mapping[str, Any], limits: GuardLimits) -> Iterator[Difference]:
    seen, known = now["counts"]["seen"], before["counts"]["seen"]
    if seen < known:
        yield from _record_difference("records-dropped", seen, known, "--max-drop", limits.max_drop)
    elif seen > known:
        yield from _record_difference("records-grown", seen, known, "--max-growth", limits.max_growth)


def _record_difference(
    what: Literal["records-dropped", "records-grown"], seen: int, known: int, option: str, limit: Limit
) -> Iterator[Difference]:
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
    yield Difference(what, known, seen, asked, f"{option} {accept}", text, excess)


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


def _share_differences(now: Mapping[str, Any], before: Mapping[str, Any], limits: GuardLimits) -> Iterator[Difference]:
    limit = limits.max_shift
    rejects, known = (_Share(report["counts"]["rejected"], report["counts"]["seen"]) for report in (now, before))
    # Fewer rejects than before are no difference.
    if rejects.part * known.whole > known.part * rejects.whole:
        yield from _share_difference(_Measure("rejects"), rejects, known, limit)
    profile, older = now.get("profile"), before.get("profile")
    if profile is None or older is None:
        return
    earlier_shares = _profile_shares(older)
    for measure, share in _profile_shares(profile).items():
        if measure in earlier_shares:
            yield from _share_difference(measure, share, earlier_shares[measure], limit)


def _profile_shares(profile: Mapping[str, Any]) -> dict[_Measure, _Share]:
    """Return the shares in a profile: of each enumerated value, then of nulls."""
    whole = profile["records"]
    values = {
        _Measure("value", column, value): _Share(count, whole)
        for column, counts in profile["values"].items()
        for value, count in counts.items()
    }
    return values | {_Measure("nulls", column["name"]): _Share(column["nulls"], whole) for column in profile["columns"]}


def _share_difference(measure: _Measure, now: _Share, before: _Share, limit: Limit) -> Iterator[Difference]:
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
    yield Difference(measure.what, was, is_now, asked, accept, text, excess, measure.column, measure.value)


def _format_percent(percent: Fraction) -> str:
    """Format a percentage, rounded up: a value above its limit must not be shown as equal to it."""
    return _round_up(percent, 1 if percent >= 1 else 4)


def _format_limit(percent: Fraction) -> str:
    """Format a limit that allows this percentage, preferably a round one."""
    return _round_up(percent, 0 if percent >= 1 else 4)


def _round_up(percent: Fraction, digits: int) -> str:
    return f"{ceil(percent * 10**digits) / 10**digits:.{digits}f}"


def acceptance(accepts: Iterable[str]) -> str:
    """Return the options that accept several differences at once, each with its largest limit; or `NO_GUARD`.

    Args:
        accepts: `Difference.accept` of each.

    Raises:
        ValueError: a limit is not a number.
    """
    options: dict[str, str] = {}
    for accept in accepts:
        option, _, limit = accept.partition(" ")
        options[option] = max(options.get(option, limit), limit, key=_limit_value)
    if NO_GUARD in options:
        return NO_GUARD
    return " ".join(f"{option} {limit}" for option, limit in options.items())


def _limit_value(limit: str) -> float:
    return float(limit.rstrip("%") or inf)


@dataclass(frozen=True)
class GuardResult:
    """The guard's result for an export.

    Attributes:
        compared_with: the name of the snapshot before it; ``None`` if nothing was compared.
        differences: those from its neighbours that exceed the limits, the greatest excess first.
        skipped: the comparisons that were skipped or ignored, and why; ``None`` if there are none.
        damaged: the nearest snapshots that could not be read.
        accepted: whether differences are accepted, by ``--no-guard``.
    """

    compared_with: str | None = None
    differences: tuple[Difference, ...] = ()
    skipped: str | None = None
    damaged: tuple[str, ...] = ()
    accepted: bool = False

    @property
    def tripped(self) -> bool:
        """True if the export must not be published."""
        return bool(self.differences) and not self.accepted

    @property
    def reason(self) -> str:
        """The greatest difference, and the number of others."""
        origin = f" from {self.compared_with}" if self.compared_with else ""
        return f"it differs too much{origin}: {self._summary_text()}"

    @property
    def acceptance(self) -> str:
        """The options that would accept all differences."""
        options = acceptance(difference.accept for difference in self.differences)
        return options if options == NO_GUARD else f"{options}, or {NO_GUARD}"

    @property
    def remark(self) -> str:
        """A remark for the last line of a run; usually empty."""
        if self.differences and self.accepted:
            return f"; accepted by --no-guard: {self._summary_text()}"
        return f"; the guard was passed over: {self.skipped}" if self.damaged and not self.compared_with else ""

    def summary(self) -> Iterator[str]:
        """Yield the result as a few lines of text."""
        if self.compared_with:
            count = len(self.differences)
            found = (
                f"{count} difference{'s' * (count > 1)} beyond the limits" if count else "all differences are allowed"
            )
            yield f"guard     compared with {self.compared_with}: {found}"
        if self.skipped:
            yield f"guard     {self.skipped}"
        for difference in self.differences:
            yield f"differs   {difference.text}"

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {
            "compared_with": self.compared_with,
            "differences": [difference.to_dict() for difference in self.differences],
            "skipped": self.skipped,
        }

    def _summary_text(self) -> str:
        others = len(self.differences) - 1
        return self.differences[0].text + (f", and {others} more" if others else "")
