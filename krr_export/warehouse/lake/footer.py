"""The footer of a pushed Parquet file, and what of it a table's log may say.

A log lies beside the data and is read by far more people and programs than that. So it gets what the footer may have,
and the footer is asked for no more than that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from krr_export.errors import InputError
from krr_export.warehouse.lake.columns import may_be_in_log

if TYPE_CHECKING:
    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import PushedFile

_MAGIC = b"PAR1"
_END = 8
"""The last bytes of a file: the size of the footer before them, and the magic."""
_FIRST_READ = 1 << 16
"""Most footers are smaller, and then there is one request for each file."""
_MOST = 1 << 26


Bound = int | str | date
"""A least or greatest value that a log may have; a time is a date, too."""


@dataclass(frozen=True)
class Statistics:
    """What a table's log may say of a file's rows.

    Attributes:
        rows: how many there are.
        nulls: how many have no value, by the names of columns.
        bounds: the least and the greatest value, by the same.
    """

    rows: int
    nulls: dict[str, int]
    bounds: dict[str, tuple[Bound, Bound]]


class Footer:
    """What a Parquet file says of itself.

    Attributes:
        schema: its columns.
    """

    def __init__(self, file: pq.ParquetFile) -> None:
        self._metadata = file.metadata
        self.schema: pa.Schema = file.schema_arrow

    @property
    def rows(self) -> int:
        """The number of its rows."""
        return int(self._metadata.num_rows)

    def statistics(self) -> Statistics:
        """Return what a log may say of the rows."""
        found = Statistics(self.rows, {}, {})
        for field in filter(may_be_in_log, self.schema):
            groups = self._statistics_of(field.name)
            if not groups or not all(group.has_null_count for group in groups):
                continue
            found.nulls[field.name] = sum(group.null_count for group in groups)
            valued = [group for group in groups if group.num_values]
            if valued and all(group.has_min_max for group in valued) and (bounds := _bounds(valued)):
                found.bounds[field.name] = bounds
        return found

    def _statistics_of(self, column: str) -> list[pq.Statistics]:
        """Return those of each row group; none, if one has none."""
        groups = [self._metadata.row_group(index) for index in range(self._metadata.num_row_groups)]
        chunks = (group.column(index) for group in groups for index in range(group.num_columns))
        found = [chunk.statistics for chunk in chunks if chunk.path_in_schema == column]
        present = [statistics for statistics in found if statistics is not None]  # Arrow crashes if one is compared
        return present if len(present) == len(found) else []


def read_footer(store: ObjectStore, key: str, file: PushedFile) -> Footer:
    """Read the footer of a pushed file.

    Args:
        store: where it lies.
        key: its key there.
        file: what its commit says of it.

    Raises:
        InputError: it is missing, or is no such file.
        NetworkError: the store failed.
    """
    try:
        return _read_footer(store, key, file)
    except InputError:  # an answer may be wrong once
        return _read_footer(store, key, file)


def _read_footer(store: ObjectStore, key: str, file: PushedFile) -> Footer:
    if file.bytes < _END:
        raise damaged_file(store, key)
    try:
        end = store.piece(key, max(0, file.bytes - _FIRST_READ), file.bytes)
        size = int.from_bytes(end[-_END:-4], "little") + _END
        if not end.endswith(_MAGIC) or size > min(file.bytes, _MOST):
            raise damaged_file(store, key)
        if size > len(end):
            end = store.piece(key, file.bytes - size, file.bytes)
        if len(end) == file.bytes and hashlib.sha256(end).hexdigest() != file.sha256:
            raise damaged_file(store, key)
        footer = Footer(pq.ParquetFile(pa.BufferReader(end)))
    except (OSError, ValueError, pa.ArrowException):  # Arrow's words may quote values
        raise damaged_file(store, key) from None
    if footer.rows != file.rows:
        raise damaged_file(store, key)
    return footer


def damaged_file(store: ObjectStore, key: str) -> InputError:
    """Return the error for a pushed file that is not what its commit says."""
    return InputError(f"{store.uri}/{key} is not as it was pushed", f"see krr-export verify {store.uri}")


def _bounds(groups: list[pq.Statistics]) -> tuple[Bound, Bound] | None:
    """Return the least and the greatest value; ``None`` if Python has no such values."""
    try:
        least, greatest = min(group.min for group in groups), max(group.max for group in groups)
    except (OverflowError, ValueError):  # a time after the year 9999; text that is none
        return None
    return (least, greatest) if isinstance(least, Bound) and isinstance(greatest, Bound) else None
