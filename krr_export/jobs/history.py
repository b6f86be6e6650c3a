"""The history of a store, wherever that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.output.store_place import open_place
from krr_export.reporting.history import read_history
from krr_export.util.fields import StrPath, refuse_wrong_options

if TYPE_CHECKING:
    from krr_export.reporting.history_line import HistoryLine


@refuse_wrong_options(store=StrPath, limit=int | None)
def history(store: StrPath, *, limit: int | None = None) -> tuple[HistoryLine, ...]:
    """Return the history of a store's published snapshots and refused exports, oldest first.

    Args:
        store: the directory of snapshots, or the URI of a place in an object store.
        limit: the number of newest snapshots, each with what was refused after it; ``None`` for all.

    Raises:
        InputError: there is no store, or no published snapshot in it, or it cannot be read. A snapshot whose manifest
            or report is damaged still has a line, with `HistoryLine.damage`.
        NetworkError: the object store cannot be reached, or denies access.
        UsageError: ``store`` is a snapshot or the address of no store, or ``limit`` is less than 1.
    """
    if limit is not None and limit < 1:
        raise UsageError("--limit must be at least 1")
    with open_place(store) as place:
        place.show_newest(None if limit is None else limit + 1)
        return read_history(place.directory, limit)
