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

_ALL = 100
_MOST_GROWTH = 10**15


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
    def of(
        cls, max_drop: int | str = MAX_DROP, max_growth: int | str = MAX_GROWTH, max_shift: int | str = MAX_SHIFT
    ) -> GuardLimits:
        """Parse the limits from the options.

        Raises:
            UsageError: one is neither a number of records nor a percentage; or ``max_shift`` is a number of records.
        """
        shift = Limit.read("--max-shift", max_shift)
        if not shift.percent:
            raise UsageError(f"--max-shift {max_shift} is no percentage", "such as 5%: percentage points of any share")
        return cls(Limit.read("--max-drop", max_drop), Limit.read("--max-growth", max_growth, most=_MOST_GROWTH), shift)


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
    found = [*_order(now, before, "before it"), *_records(now, before, limits), *_shares(now, before, limits)]
    return tuple(sorted(found, key=lambda difference: -difference.excess))


def compare_order(now: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return a difference if a later export, already published, has a smaller change number than this one."""
    return tuple(_order(after, now, "after it"))


def _order(later: Mapping[str, Any], earlier: Mapping[str, Any], where: str) -> Iterator[Difference]:
    number, least = (report["header"]["seneste_endringsnummer"] for report in (later, earlier))
    if number >= least:
        return
    this, other = (number, least) if where == "before it" else (least, number)
    text = f"change number {this}, but {other} in the export {where}: it must not go backwards"
    yield Difference("change-number", other, this, None, NO_GUARD, text, inf)


def _records(now: Mapping[str, Any], before: Mapping[str, Any], limits: GuardLimits) -> Iterator[Difference]:
    seen, known = now["counts"]["seen"], before["counts"]["seen"]
    if seen < known:
        yield from _record_change("records-dropped", seen, known, "--max-drop", limits.max_drop)
    elif seen > known:
        yield from _record_change("records-grown", seen, known, "--max-growth", limits.max_growth)


def _record_change(
    what: Literal["records-dropped", "records-grown"], seen: int, known: int, option: str, limit: Limit
) -> Iterator[Difference]:
    change = abs(seen - known)
    if limit.allows(change, known) or (limit.percent and min(change, known) <= FEW_RECORDS):
        return
    share = Fraction(_ALL * change, known) if limit.percent else Fraction(change)
    by, accept = (f"{_display(share)}%", f"{_enough(share)}%") if limit.percent else (number(change), str(change))
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
        return Fraction(_ALL * self.part, self.whole)


@dataclass(frozen=True)
class _Kind:
    """What a share measures."""

    what: Literal["rejects", "value", "nulls"]
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        if self.column is None:
            return self.what
        return f"{self.column} {'missing' if self.value is None else self.value}"


def _shares(now: Mapping[str, Any], before: Mapping[str, Any], limits: GuardLimits) -> Iterator[Difference]:
    limit = limits.max_shift
    rejects, known = (_Share(report["counts"]["rejected"], report["counts"]["seen"]) for report in (now, before))
    # Fewer rejects than before are no difference.
    if rejects.part * known.whole > known.part * rejects.whole:
        yield from _shift(_Kind("rejects"), rejects, known, limit)
    profile, older = now.get("profile"), before.get("profile")
    if profile is None or older is None:
        return
    there = _profiled(older)
    for kind, share in _profiled(profile).items():
        if kind in there:
            yield from _shift(kind, share, there[kind], limit)


def _profiled(profile: Mapping[str, Any]) -> dict[_Kind, _Share]:
    """Return the shares in a profile: of each enumerated value, then of nulls."""
    whole = profile["records"]
    values = {
        _Kind("value", column, value): _Share(count, whole)
        for column, counts in profile["values"].items()
        for value, count in counts.items()
    }
    return values | {_Kind("nulls", column["name"]): _Share(column["nulls"], whole) for column in profile["columns"]}


def _shift(kind: _Kind, now: _Share, before: _Share, limit: Limit) -> Iterator[Difference]:
    if not now.whole or not before.whole:
        return  # an empty export has no shares
    shift = abs(now.percent - before.percent)
    if shift <= limit.number or shift * min(now.whole, before.whole) <= FEW_RECORDS * _ALL:
        return
    asked = f"--max-shift {limit}"
    was, is_now = round(float(before.percent), 6), round(float(now.percent), 6)
    text = f"{kind}: {is_now:.1f}% of the records, before {was:.1f}%, a shift of {_display(shift)} points ({asked})"
    excess = float(shift / limit.number) if limit.number else inf
    accept = f"--max-shift {_enough(shift)}%"
    yield Difference(kind.what, was, is_now, asked, accept, text, excess, kind.column, kind.value)


def _display(percent: Fraction) -> str:
    """Format a percentage, rounded up: a value above its limit must not be shown as equal to it."""
    return _rounded_up(percent, 1 if percent >= 1 else 4)


def _enough(percent: Fraction) -> str:
    """Format a limit that allows this percentage, preferably a round one."""
    return _rounded_up(percent, 0 if percent >= 1 else 4)


def _rounded_up(percent: Fraction, digits: int) -> str:
    return f"{ceil(percent * 10**digits) / 10**digits:.{digits}f}"


def acceptance(accepts: Iterable[str]) -> str:
    """Return the options that accept several differences at once, each with its largest limit; or `NO_GUARD`.

    Args:
        accepts: `Difference.accept` of each.

    Raises:
        ValueError: a limit is not a number.
    """
    wanted: dict[str, str] = {}
    for accept in accepts:
        option, _, limit = accept.partition(" ")
        wanted[option] = max(wanted.get(option, limit), limit, key=_size)
    if NO_GUARD in wanted:
        return NO_GUARD
    return " ".join(f"{option} {limit}" for option, limit in wanted.items())


def _size(limit: str) -> float:
    return float(limit.rstrip("%") or inf)
