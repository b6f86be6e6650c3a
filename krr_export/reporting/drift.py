"""The guard: in what a new export may differ from the one before it, by how much, and how to accept more."""

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
"""Limits in per cent hold where more records than these are concerned, and were there before. In a small export shares
jump about; a shift of 5 points that concerns more than these is beyond three standard deviations of chance."""

MAX_DROP, MAX_GROWTH, MAX_SHIFT = "5%", "20%", "5%"
"""What is allowed where nothing else is asked. The register changes by some thousandths from night to night."""

NO_GUARD = "--no-guard"
"""What accepts any difference."""

_ALL = 100
_MOST_GROWTH = 10**15


@dataclass(frozen=True)
class GuardLimits:
    """How far an export may differ from the one before it.

    Attributes:
        max_drop: how many records fewer, as a number or in per cent of those before.
        max_growth: how many more, likewise.
        max_shift: by how many percentage points any share may change.
    """

    max_drop: Limit
    max_growth: Limit
    max_shift: Limit

    @classmethod
    def of(
        cls, max_drop: int | str = MAX_DROP, max_growth: int | str = MAX_GROWTH, max_shift: int | str = MAX_SHIFT
    ) -> GuardLimits:
        """The limits as the options give them.

        Raises:
            UsageError: one is neither a number of records nor a percentage; or ``max_shift`` is a number of records.
        """
        shift = Limit.read("--max-shift", max_shift)
        if not shift.percent:
            raise UsageError(f"--max-shift {max_shift} is no percentage", "such as 5%: percentage points of any share")
        return cls(Limit.read("--max-drop", max_drop), Limit.read("--max-growth", max_growth, most=_MOST_GROWTH), shift)


@dataclass(frozen=True)
class Difference:
    """One thing in which two exports differ by more than they may.

    Attributes:
        what: ``value`` and ``nulls`` are shares of the accepted records, ``rejects`` one of all records.
        before: of the export before (of ``change-number``: perhaps of the one after): records, the change number, or a
            share in per cent.
        now: the same of this export.
        limit: the option that it exceeds, such as ``--max-drop 5%``; ``None`` where there is none to raise.
        accept: the option that would let it pass.
        text: all of it in a few words.
        excess: how many times the limit it is.
        column: the column, where it is a share of one.
        value: the listed value, where it is the share of one.
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
        """The difference as JSON has it."""
        keys = ("what", "column", "value", "before", "now", "limit", "accept", "text")
        return {key: getattr(self, key) for key in keys}


def compare(now: Mapping[str, Any], before: Mapping[str, Any], limits: GuardLimits) -> tuple[Difference, ...]:
    """In what an export differs from the one before it by more than it may, the greatest excess first.

    Shares of values and of nulls are compared where both reports have a profile, for the columns that both have.

    Args:
        now: the export's report, as ``report.json`` has it.
        before: that of the export before.
        limits: what is allowed.

    Raises:
        KeyError, TypeError: a report is of another form.
    """
    found = [*_order(now, before, "before it"), *_records(now, before, limits), *_shares(now, before, limits)]
    return tuple(sorted(found, key=lambda difference: -difference.excess))


def compare_order(now: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Whether the change number of a later export, which is there already, is smaller than this one's."""
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
    """How many records of how many."""

    part: int
    whole: int

    @property
    def percent(self) -> Fraction:
        return Fraction(_ALL * self.part, self.whole)


@dataclass(frozen=True)
class _Kind:
    """Of what a share is one."""

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
    # Fewer rejects than before are good news.
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
    """The shares that a profile tells: of each listed value, then of nulls."""
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
    """Rounded up: what is above its limit is not shown as equal to it."""
    return _rounded_up(percent, 1 if percent >= 1 else 4)


def _enough(percent: Fraction) -> str:
    """A limit in per cent that allows so much, rather a round one."""
    return _rounded_up(percent, 0 if percent >= 1 else 4)


def _rounded_up(percent: Fraction, digits: int) -> str:
    return f"{ceil(percent * 10**digits) / 10**digits:.{digits}f}"


def acceptance(accepts: Iterable[str]) -> str:
    """The options that accept several differences at once, of each option the largest limit; or `NO_GUARD`.

    Args:
        accepts: what would accept each of them, as `Difference.accept` has it.

    Raises:
        ValueError: a limit is no number.
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


@dataclass(frozen=True)
class Guarded:
    """What the guard says of an export.

    Attributes:
        compared_with: the name of the snapshot before it; ``None`` where nothing was compared.
        differences: by how much it differs from its neighbours more than it may, the greatest excess first.
        skipped: what was not compared or not held against it, and why; ``None`` where everything was.
        damaged: the snapshots between which it stands and that could not be read.
        accepted: whether differences are accepted, by ``--no-guard``.
    """

    compared_with: str | None = None
    differences: tuple[Difference, ...] = ()
    skipped: str | None = None
    damaged: tuple[str, ...] = ()
    accepted: bool = False

    @property
    def tripped(self) -> bool:
        """Whether the export must not be published."""
        return bool(self.differences) and not self.accepted

    @property
    def reason(self) -> str:
        """What differs most, and how much else does."""
        against = f" from {self.compared_with}" if self.compared_with else ""
        return f"it differs too much{against}: {self._in_short()}"

    @property
    def acceptance(self) -> str:
        """The options that would accept all of it."""
        options = acceptance(difference.accept for difference in self.differences)
        return options if options == NO_GUARD else f"{options}, or {NO_GUARD}"

    @property
    def remark(self) -> str:
        """What the last line of a run must not keep to itself; mostly nothing."""
        if self.differences and self.accepted:
            return f"; accepted by --no-guard: {self._in_short()}"
        return f"; the guard was passed over: {self.skipped}" if self.damaged and not self.compared_with else ""

    def summary(self) -> Iterator[str]:
        """The same in a few lines."""
        if self.compared_with:
            many = len(self.differences)
            found = f"{many} difference{'s' * (many > 1)} beyond the limits" if many else "all differences are allowed"
            yield f"guard     compared with {self.compared_with}: {found}"
        if self.skipped:
            yield f"guard     {self.skipped}"
        for difference in self.differences:
            yield f"differs   {difference.text}"

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {
            "compared_with": self.compared_with,
            "differences": [difference.to_dict() for difference in self.differences],
            "skipped": self.skipped,
        }

    def _in_short(self) -> str:
        others = len(self.differences) - 1
        return self.differences[0].text + (f", and {others} more" if others else "")
