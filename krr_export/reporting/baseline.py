"""The guard's comparison of an export with the nearest published snapshots of a store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from krr_export.errors import InputError
from krr_export.output.store_contents import entries
from krr_export.reporting.drift import GuardLimits, GuardResult, compare, compare_order
from krr_export.reporting.history import read_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from krr_export.output.store_contents import Entry

_NO_OLDER = "there is no older snapshot to compare with"
_UNREADABLE = "there is no older snapshot that can be read and compared with"
_NO_PROFILE = "without a profile on both sides, shares of values and of nulls are not compared"
_ACCEPTED = "--no-guard: whatever differs is accepted"


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
