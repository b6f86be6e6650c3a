"""Tables over pushed snapshots, as the command line names them."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from krr_export.errors import InputError, KrrExportError, UsageError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.warehouse.delta.table import LOG, DeltaTable, load_deltalake
from krr_export.warehouse.iceberg.name import ICEBERG, marks, parse_table_name
from krr_export.warehouse.target import DELTA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.input.objects.address import Address
    from krr_export.input.objects.store import ObjectStore
    from krr_export.warehouse.iceberg.name import Mark, TableName
    from krr_export.warehouse.iceberg.table import IcebergTable
    from krr_export.warehouse.lake.table import LakeTable


_AZURE = ("abfss:", "abfs:", "az:")


def check_package(target: str) -> None:
    """Refuse a target whose package is missing. Ask this first: who installs its extra has obstore, too.

    Raises:
        UsageError: it is missing, or its configuration cannot be read.
    """
    if target.startswith(ICEBERG):
        _iceberg_class()
    else:
        load_deltalake()


def open_table(target: str, store: ObjectStore) -> LakeTable:
    """Open the table that a target names over a place; it need not be there yet.

    Args:
        target: ``delta:`` and the place's URI, or ``iceberg:CATALOG/NAMESPACE.TABLE``.
        store: the place.

    Raises:
        InputError: what is there is no table of this tool.
        NetworkError: it cannot be reached.
        UsageError: the target is none, or a package is missing.
    """
    if target.startswith(ICEBERG):
        return _iceberg_over(parse_table_name(target), store)
    address = parse_address(target.removeprefix(DELTA))
    if address.uri != store.uri or address.snapshot is not None:
        raise UsageError(
            "a Delta table lies where the pushed files lie, and TARGET is another place", f"give {DELTA}{store.uri}"
        )
    return DeltaTable(store.uri)


def find_table(target: str) -> tuple[ObjectStore, LakeTable]:
    """Open the table that a target names, and the place that it lies over; as `open_table`."""
    if target.startswith(ICEBERG):
        return _find_iceberg(parse_table_name(target))
    address = parse_address(target.removeprefix(DELTA))
    check_package(target)
    return open_objects(address), DeltaTable(address.uri)


def check_unlisted(objects: ObjectStore, names: Iterable[str]) -> None:
    """Refuse to delete snapshots whose files a table over the place needs.

    Args:
        objects: the place.
        names: of the snapshots.

    Raises:
        KrrExportError: a table cannot be asked.
        UsageError: it lists some; or there is a table, and its package is missing.
    """
    needed = [*names]
    if needed and objects.names(LOG):
        _check_unlisted_in(DeltaTable(objects.uri), f"{DELTA}{objects.uri}", objects.uri, needed)
    for mark in marks(objects) if needed else ():
        with closing(_marked_table(mark, objects)) as table:
            _check_unlisted_in(table, mark.name.target, objects.uri, needed)


def _check_unlisted_in(table: LakeTable, target: str, place: str, names: list[str]) -> None:
    listed = table.names()
    if needed := [name for name in names if name in listed]:
        raise UsageError(
            f"{table.shown} lists {needed[0]}, and would break", f"first: krr-export load {place} {target} --keep N"
        )
    held = table.held()
    if needed := [name for name in names if name in held]:
        raise UsageError(
            f"{table.shown} needs {needed[0]}: {held[needed[0]]} leads to it, and would break",
            "take that away in the table, or keep more snapshots",
        )
    if found := [*table.differences()]:
        raise UsageError(
            f"{table.shown} may need what is to be deleted: {found[0]}",
            f"first: krr-export load {place} {target} --replace",
        )


def _marked_table(mark: Mark, objects: ObjectStore) -> IcebergTable:
    """Open the table that has left a mark.

    Raises:
        KrrExportError: its catalog does not tell, or tells of another table of that name.
    """
    lost = f"if that table is gone, delete {objects.uri}/{mark.key}"
    try:
        table = _iceberg_table(mark.name)
    except KrrExportError as error:
        raise type(error)(f"{error.message}, and it may need what is to be deleted", f"{error.hint}; {lost}") from None
    if table.uuid != mark.uuid:
        table.close()
        raise UsageError(f"{table.shown} is not the one that lists files of {objects.uri}", lost)
    return table


def _iceberg_over(name: TableName, store: ObjectStore) -> IcebergTable:
    if store.uri.startswith(_AZURE):
        raise UsageError(
            "an Iceberg table over Azure cannot be made: pyiceberg does not read its URIs with Arrow",
            f"make a Delta table: {DELTA}{store.uri}",
        )
    return _iceberg_table(name, store)


def _find_iceberg(name: TableName) -> tuple[ObjectStore, IcebergTable]:
    with ExitStack() as closed_on_error:
        table = closed_on_error.enter_context(closing(_iceberg_table(name)))
        if table.place is None:
            raise InputError(f"{name.target}: nothing was loaded there", "see krr-export load")
        store = open_objects(_place_of(table, table.place))
        closed_on_error.pop_all()
        return store, table


def _place_of(table: IcebergTable, uri: str) -> Address:
    """Parse what a table says of its place: a catalog may say anything."""
    try:
        return parse_address(uri)
    except UsageError:
        what = f"{table.shown} lies over no place in an object store"
        raise InputError(what, "was it changed by another program?") from None


def _iceberg_table(name: TableName, store: ObjectStore | None = None) -> IcebergTable:
    return _iceberg_class()(name, store)


def _iceberg_class() -> type[IcebergTable]:
    try:
        from krr_export.warehouse.iceberg.table import IcebergTable  # noqa: PLC0415 - an optional package
    except ImportError:
        raise UsageError("the package pyiceberg is missing", "pip install 'krr-export[iceberg]'") from None
    except Exception:  # it reads its configuration when it is loaded, whose text may hold passwords
        raise UsageError("pyiceberg's configuration cannot be read", "correct ~/.pyiceberg.yaml") from None
    return IcebergTable
