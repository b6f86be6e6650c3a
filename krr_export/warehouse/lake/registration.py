"""A pushed snapshot as a table lists it: its files of persons, their columns, and their statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.errors import InputError, UsageError
from krr_export.warehouse.lake.columns import allowed_names, table_columns, union
from krr_export.warehouse.lake.footer import damaged_file, read_footer

if TYPE_CHECKING:
    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import Commit
    from krr_export.warehouse.lake.footer import Statistics

_PERSON = "person"


@dataclass(frozen=True)
class ListedFile:
    """A file as a table's log has it.

    Attributes:
        key: where it lies, from the table's own place.
        bytes: its size.
        rows: rows in it; ``None`` if the log does not say.
    """

    key: str
    bytes: int
    rows: int | None


@dataclass(frozen=True)
class DescribedFile(ListedFile):
    """A file that is to be listed.

    Attributes:
        statistics: what the log may say of its rows.
    """

    statistics: Statistics


@dataclass(frozen=True)
class Registration:
    """A pushed snapshot, to be listed in a table.

    Attributes:
        commit: of the snapshot.
        files: of persons.
        columns: of these, as the table has them.
        allowed: names of the columns that may have statistics in a log.
    """

    commit: Commit
    files: tuple[DescribedFile, ...]
    columns: pa.Schema
    allowed: tuple[str, ...]

    @property
    def name(self) -> str:
        """``eksport=…``."""
        return self.commit.eksport


def check_listable(commit: Commit) -> None:
    """Refuse a snapshot without a file of persons: a table could not list it.

    Raises:
        InputError: it has none.
    """
    if not commit.parts(_PERSON):
        raise InputError(f"{commit.eksport} has no file of persons", "convert that export again, and push it")


def keys_of(commit: Commit) -> frozenset[str]:
    """Return the keys of the files that a table lists of a snapshot; they name its content, for they never change."""
    return frozenset(commit.parts(_PERSON))


def rows_of(commit: Commit) -> int:
    """Return the number of its persons."""
    return sum(file.rows for file in commit.parts(_PERSON).values())


def register(store: ObjectStore, commit: Commit) -> Registration:
    """Read the footers of a pushed snapshot.

    Raises:
        InputError: a file is missing or damaged.
        NetworkError: the store failed.
        UsageError: it is no Parquet.
    """
    parts = commit.parts(_PERSON)
    if not all(key.endswith(".parquet") for key in parts):
        raise UsageError(
            f"{commit.eksport} is of CSV, and tables over pushed files are of Parquet",
            "push a store of Parquet",
        )
    files: list[DescribedFile] = []
    columns, allowed, schema = pa.schema([]), set[str](), pa.schema([])
    for key, file in parts.items():
        footer = read_footer(store, key, file)
        if files and footer.schema != schema:  # of one snapshot, all have the same
            raise damaged_file(store, key)
        schema = footer.schema
        files.append(DescribedFile(key, file.bytes, footer.rows, footer.statistics()))
        columns = union(table_columns(footer.schema), columns, commit.eksport)
        allowed.update(allowed_names(footer.schema))
    return Registration(commit, tuple(files), columns, tuple(name for name in columns.names if name in allowed))
