"""Tables over pushed snapshots, as the command line names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.warehouse.delta.table import LOG, DeltaTable
from krr_export.warehouse.target import DELTA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.input.objects.store import ObjectStore
    from krr_export.warehouse.lake.table import LakeTable


def open_table(target: str, store: ObjectStore) -> LakeTable:
    """Open the table that a target names over a place; it may be missing yet.

    Args:
        target: ``delta:`` and the place's URI.
        store: The place.

    Raises:
        InputError: What is there is no table of this tool.
        NetworkError: It cannot be reached.
        UsageError: The target is none, or a package is missing.
    """
    address = parse_address(target.removeprefix(DELTA))
    if address.uri != store.uri or address.snapshot is not None:
        raise UsageError(
            "a Delta table lies where the pushed files lie, and TARGET is another place", f"give {DELTA}{store.uri}"
        )
    return DeltaTable(store.uri)


def find_table(target: str) -> tuple[ObjectStore, LakeTable]:
    """Open the table that a target names, and the place that it lies over; as `open_table`."""
    address = parse_address(target.removeprefix(DELTA))
    return open_objects(address), DeltaTable(address.uri)


def check_unlisted(objects: ObjectStore, names: Iterable[str]) -> None:
    """Refuse to delete snapshots whose files a table over the place needs.

    Args:
        objects: The place.
        names: Of the snapshots.

    Raises:
        UsageError: It lists some; or there is a table, and its package is missing.
    """
    if objects.names(LOG):
        _check_unlisted_in(DeltaTable(objects.uri), f"{DELTA}{objects.uri}", objects, names)


def _check_unlisted_in(table: LakeTable, target: str, objects: ObjectStore, names: Iterable[str]) -> None:
    listed = table.names()
    if needed := [name for name in names if name in listed]:
        raise UsageError(
            f"{table.shown} lists {needed[0]}, and would break",
            f"first: krr-export load {objects.uri} {target} --keep N",
        )
