"""The guard's comparison of an export with the nearest published snapshots of a store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.output.store_contents import entries
from krr_export.reporting.drift import compare, compare_order
from krr_export.reporting.guard import Guard
from krr_export.reporting.report_file import read_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from krr_export.output.store_contents import Entry
    from krr_export.reporting.guard_limits import GuardLimits
    from krr_export.reporting.report import Report

_NO_OLDER = "there is no older snapshot to compare with"
_UNREADABLE = "there is no older snapshot that can be read and compared with"
_NO_PROFILE = "without a profile on both sides, shares of values and of nulls are not compared"
_ACCEPTED = "--no-guard: whatever differs is accepted"


PARTIAL = Guard(skipped="--limit reads a part of the export only: it is compared with nothing")
"""The guard's result for ``--limit``."""


@dataclass(frozen=True)
class GuardResult:
    """The guard's result for an export that is about to be published.

    Attributes:
        guard: the comparison, for the report.
        damaged: the nearest snapshots that could not be read.
        accepted: whether differences are accepted, by ``--no-guard``.
    """

    guard: Guard
    damaged: tuple[str, ...] = ()
    accepted: bool = False

    @property
    def tripped(self) -> bool:
        """True if the export must not be published."""
        return bool(self.guard.differences) and not self.accepted

    @property
    def remark(self) -> str:
        """A remark for the last line of a run; usually empty."""
        if self.guard.differences and self.accepted:
            return f"; accepted by --no-guard: {self.guard.greatest}"
        skipped = self.damaged and not self.guard.compared_with
        return f"; the guard was passed over: {self.guard.skipped}" if skipped else ""


def check_against_store(store: Path, name: str, report: Report, limits: GuardLimits, *, accepted: bool) -> GuardResult:
    """Compare an export that is about to be published with the snapshots of a store.

    It is compared with the newest older snapshot whose report can be read. The change number is also compared with
    that of the oldest newer one: exports may be loaded late. A snapshot of the same name, which would be replaced, is
    ignored.

    Args:
        store: the directory of snapshots.
        name: of the export's snapshot, ``eksport=20140226T112225Z``.
        report: the export's.
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
    elif report.profile is None or older.report.profile is None:
        skipped.append(_NO_PROFILE)
    if accepted:
        skipped.append(_ACCEPTED)
    guard = Guard(older.name, differences, "; ".join(skipped) or None)
    return GuardResult(guard, (*older.damaged, *newer.damaged), accepted)


@dataclass(frozen=True)
class _Nearest:
    """The nearest snapshot on one side whose report can be read, and the nearer ones whose report cannot."""

    name: str | None = None
    report: Report | None = None
    damaged: tuple[str, ...] = ()

    @classmethod
    def find(cls, candidates: Iterable[Entry]) -> _Nearest:
        nearest = cls()
        for snapshot in (entry.path for entry in candidates if entry.published):
            try:
                return replace(nearest, name=snapshot.name, report=read_report(snapshot))
            except InputError:
                nearest = replace(nearest, damaged=(*nearest.damaged, snapshot.name))
        return nearest
