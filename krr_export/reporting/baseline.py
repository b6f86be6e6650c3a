"""Between which published snapshots of a store an export stands, and whether the guard lets it stand there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from krr_export.errors import InputError
from krr_export.output.store_contents import entries
from krr_export.reporting.drift import Guarded, GuardLimits, compare, compare_order
from krr_export.reporting.history import read_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from krr_export.output.store_contents import Entry

_FIRST = "there is no older snapshot to compare with"
_UNREADABLE = "there is no older snapshot that can be read and compared with"
_NO_PROFILE = "without a profile on both sides, shares of values and of nulls are not compared"
_ACCEPTED = "--no-guard: whatever differs is accepted"


PARTIAL = Guarded(skipped="--limit reads a part of the export only: it is compared with nothing")
"""What the guard says of the result of ``--limit``."""


def guarded(store: Path, name: str, report: Mapping[str, Any], limits: GuardLimits, *, accepted: bool) -> Guarded:
    """What the guard says of an export that is to become a snapshot of a store.

    It is compared with the newest older snapshot whose report can be read. The change number is also compared with
    that of the oldest newer one: exports may be loaded late. A snapshot of the same name, which is to be replaced, is
    not looked at.

    Args:
        store: the directory that holds the snapshots.
        name: what the export's is to be called, ``eksport=20140226T112225Z``.
        report: the export's, as ``report.json`` has it.
        limits: what is allowed.
        accepted: whether differences are accepted, by ``--no-guard``.
    """
    older = _Nearest.among(entries(store, lambda other: other < name))
    newer = _Nearest.among(reversed([*entries(store, lambda other: other > name)]))
    differences = (
        *(compare(report, older.report, limits) if older.report else ()),
        *(compare_order(report, newer.report) if newer.report else ()),
    )
    skipped = [f"{damaged} cannot be read" for damaged in (*older.damaged, *newer.damaged)]
    if older.report is None:
        skipped.append(_UNREADABLE if older.damaged else _FIRST)
    elif report.get("profile") is None or older.report.get("profile") is None:
        skipped.append(_NO_PROFILE)
    if accepted:
        skipped.append(_ACCEPTED)
    return Guarded(older.name, differences, "; ".join(skipped) or None, (*older.damaged, *newer.damaged), accepted)


@dataclass(frozen=True)
class _Nearest:
    """The nearest snapshot on one side whose report can be read, and those between that cannot."""

    name: str | None = None
    report: dict[str, Any] | None = None
    damaged: tuple[str, ...] = ()

    @classmethod
    def among(cls, lying_there: Iterable[Entry]) -> _Nearest:
        found = cls()
        for snapshot in (entry.path for entry in lying_there if entry.published):
            try:
                return replace(found, name=snapshot.name, report=_comparable(snapshot))
            except InputError:
                found = replace(found, damaged=(*found.damaged, snapshot.name))
        return found


def _comparable(snapshot: Path) -> dict[str, Any]:
    """A snapshot's report, with which an export can be compared.

    Raises:
        InputError: there is none.
    """
    report = read_report(snapshot)
    try:
        compare(report, report, GuardLimits.of())
    except (KeyError, TypeError, AttributeError):
        raise InputError("its report is of another form") from None
    return report
