"""A DuckDB file that is changed by building another one beside it, which takes its place by one rename."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from krr_export.errors import KrrExportError, NoSpaceError, OutputError, UsageError
from krr_export.util.files import COMMON_HINTS, output_errors
from krr_export.util.paths import real_path
from krr_export.warehouse.duckdb_file import OFFLINE, refuse_other_file
from krr_export.warehouse.sql_text import identifier, quote
from krr_export.warehouse.workplace import put_in_place, workplace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

    from krr_export.warehouse.loadable import TableReader

_CONFIG = {
    **OFFLINE,
    "storage_compatibility_version": "v1.2.0",  # DuckDB 1.2 and later open it
    "memory_limit": "512MB",
    "temp_directory": "",  # nothing personal is put aside on a disk
}
_FULL = os.strerror(errno.ENOSPC)
"""What DuckDB's words for a full disk end in."""
_INTERRUPTED = "Query interrupted"
"""DuckDB's only word for a signal, whichever it was."""


class DuckDBSession:
    """A DuckDB file, opened for reading, and by `begin_change` a copy of it to change.

    The copy takes the file's place when the session is closed without an error.

    Args:
        path: of the file, which may be missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = real_path(path)
        self._stack = ExitStack()
        self._copy: Path | None = None
        self._has_removed = False

    def __enter__(self) -> Self:
        try:
            import duckdb  # noqa: PLC0415 - an optional package
        except ImportError:
            raise UsageError("the package duckdb is missing", "pip install 'krr-export[duckdb]'") from None
        self._duckdb = duckdb
        refuse_other_file(self._path)
        self._connect(self._path if self._path.exists() else ":memory:", read_only=self._path.exists())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            if error is None and self._copy is not None:
                built = self._rewritten(self._copy) if self._has_removed else self._copy
                with self._own_words():
                    self._connection.execute("CHECKPOINT")
                    self._connection.close()
                put_in_place(built, self._path)

    @property
    def address(self) -> str:
        """The path of the file."""
        return str(self._path)

    def begin_change(self) -> None:
        """Go on with a copy of the file, or with a new one, in the file's stead.

        Raises:
            BusyError: another load is at work.
            OutputError: the copy cannot be made.
        """
        if self._copy is not None:
            return
        self._connection.close()
        self._copy = self._stack.enter_context(workplace(self._path)) / "copy.duckdb"
        if self._path.with_name(f"{self._path.name}.wal").exists():  # it would be taken for the new file's
            raise OutputError(
                f"{self._path} is open in another program, or was not closed", "close it, or open it once in DuckDB"
            )
        if self._path.exists():
            with output_errors(f"copy {self._path}", COMMON_HINTS):
                shutil.copyfile(self._path, self._copy)
        self._connect(self._copy, read_only=False)

    def remove(self, statement: str) -> None:
        """Run a statement that removes rows: they will not be in the bytes of the file either."""
        self._has_removed = True
        self.run(statement)

    def run(self, statement: str) -> None:
        """Run a statement that gives no rows."""
        with self._own_words():
            self._connection.execute(statement)

    def run_all(self, statements: Iterable[str]) -> None:
        """Run statements in their order."""
        for statement in statements:
            self.run(statement)

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query."""
        with self._own_words():
            return self._connection.execute(query).fetchall()

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query, however many they are."""
        with self._own_words():
            batches: pa.RecordBatchReader = self._connection.sql(query).to_arrow_reader()
            yield from batches

    def columns(self, namespace: str, table: str) -> list[str]:
        """Return the names of the columns of a table or view; none, if there is none of that name."""
        found = self.rows(
            f"SELECT column_name FROM duckdb_columns() WHERE schema_name = {quote(namespace)}"
            f" AND table_name = {quote(table)} AND NOT internal ORDER BY column_index"
        )
        return [name for (name,) in found]

    def insert(self, reader: TableReader, statement: str) -> int:
        """Run a statement that inserts the rows of the table ``arriving``; return how many they were.

        Raises:
            KrrExportError: what ended the reading, or DuckDB's refusal.
        """
        self._connection.register("arriving", reader.stream())
        try:
            arrived: int = self.rows(statement)[0][0]
        except (KrrExportError, KeyboardInterrupt):
            if reader.failure is not None:
                raise reader.failure from None
            raise
        finally:
            with suppress(self._duckdb.Error):  # a full disk makes the whole database invalid: no fault, and it is told
                self._connection.unregister("arriving")
        return arrived

    def _connect(self, file: Path | str, *, read_only: bool) -> None:
        with self._own_words():
            opened = self._duckdb.connect(file, read_only=read_only, config=_CONFIG)
            self._connection = self._stack.enter_context(opened)

    def _rewritten(self, copy: Path) -> Path:
        """Return a file with the same tables alone: what is removed from a file of DuckDB stays readable in it."""
        rewritten = copy.with_name("rewritten.duckdb")
        self.run_all(
            (
                f"ATTACH {quote(str(rewritten))} AS rewritten (STORAGE_VERSION 'v1.2.0')",
                f"COPY FROM DATABASE {identifier(copy.stem)} TO rewritten",
                "CHECKPOINT rewritten",
                "DETACH rewritten",
            )
        )
        return rewritten

    @contextmanager
    def _own_words(self) -> Iterator[None]:
        """Turn errors of DuckDB into the program's own: its words may quote rows."""
        try:
            yield
        except self._duckdb.OutOfMemoryException:
            raise MemoryError from None
        except self._duckdb.CatalogException:  # as in a file of `krr-export views`
            raise UsageError(
                f"{self._path} has other tables or views in the place of ours", "give another path"
            ) from None
        except self._duckdb.Error as error:
            if _FULL in str(error):
                raise NoSpaceError(f"cannot write {self._path}: {_FULL}", COMMON_HINTS[errno.ENOSPC]) from None
            raise OutputError(
                f"DuckDB cannot read or write {self._path}",
                "is it open in no other program, and is there room for a second one?",
            ) from None
        except RuntimeError as error:
            if str(error) == _INTERRUPTED:
                raise KeyboardInterrupt from error
            raise
