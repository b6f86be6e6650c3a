"""The guard's comparison of an export with the nearest published snapshots of a store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from krr_export.errors import InputError
from krr_export.output.store_contents import entries
from krr_export.reporting.drift import NO_GUARD, Difference, GuardLimits, acceptance, compare, compare_order
from krr_export.reporting.history import read_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from krr_export.output.store_contents import Entry

_NO_OLDER = "there is no older snapshot to compare with"
_UNREADABLE = "there is no older snapshot that can be read and compared with"
_NO_PROFILE = "without a profile on both sides, shares of values and of nulls are not compared"
_ACCEPTED = "--no-guard: whatever differs is accepted"


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


PARTIAL = GuardResult(skipped="--limit reads a part of the export only: it is compared with nothing")
"""The guard's result for ``--limit``."""


def check_against_store(
    store: Path, name: str, report: Mapping[str, Any], limits: GuardLimits, *, accepted: bool
) -> GuardResult:
    """Compare an export that is about to be published with the snapshots of a store.

    It is compared with the newest older snapshot whose report can be read. The change number is also compared with
    that of the oldest newer one: exports may be loaded late. A snapshot of the same name, which would be replaced, is
    ignored.

    Args:
        store: the directory of snapshots.
        name: of the export's snapshot, ``eksport=20140226T112225Z``.
        report: the export's, as in ``report.json``.
        limits: the allowed differences.
        accepted: whether differences are accepted, by ``--no-guard``.
    """
    older = _Nearest.find(entries(store, lambda other: other < name))
    newer = _Nearest.find(reversed([*entries(store, lambda other: other > name)]))
    differences = (
        *(compare(report, older.report, limits) if older.report else ()),
        *(compare_order(report, newer.report) if newer.report else ()),
    )
    skipped = [f"{damaged} cannot be read" for damaged in (*older.damaged, *newer.damaged)]
    if older.report is None:
        skipped.append(_UNREADABLE if older.damaged else _NO_OLDER)
    elif report.get("profile") is None or older.report.get("profile") is None:
        skipped.append(_NO_PROFILE)
    if accepted:
        skipped.append(_ACCEPTED)
    return GuardResult(older.name, differences, "; ".join(skipped) or None, (*older.damaged, *newer.damaged), accepted)


@dataclass(frozen=True)
class _Nearest:
    """The nearest snapshot on one side whose report can be read, and the nearer ones whose report cannot."""

    name: str | None = None
    report: dict[str, Any] | None = None
    damaged: tuple[str, ...] = ()

    @classmethod
    def find(cls, candidates: Iterable[Entry]) -> _Nearest:
        nearest = cls()
        for snapshot in (entry.path for entry in candidates if entry.published):
            try:
                return replace(nearest, name=snapshot.name, report=_read_comparable_report(snapshot))
            except InputError:
                nearest = replace(nearest, damaged=(*nearest.damaged, snapshot.name))
        return nearest


def _read_comparable_report(snapshot: Path) -> dict[str, Any]:
    """Read the report of a snapshot, checked to have the form that `compare` needs.

    Raises:
        InputError: there is no such report.
    """
    report = read_report(snapshot)
    try:
        compare(report, report, GuardLimits.from_options())
    except (KeyError, TypeError, AttributeError):
        raise InputError("its report is of another form") from None
    return report
