"""A session of PostgreSQL, whose errors come in the program's own words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from krr_export.errors import KrrExportError, UsageError
from krr_export.warehouse.postgres.errors import own_words
from krr_export.warehouse.sql_text import identifier, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    import pyarrow as pa

    from krr_export.warehouse.loadable import TableReader
    from krr_export.warehouse.postgres.address import Address

_Answer = TypeVar("_Answer")
_WAIT = """
DO $wait$ BEGIN
  SET LOCAL lock_timeout = 1500;
  FOR i IN 1..{tries} LOOP
    BEGIN
      LOCK TABLE ONLY {tables} IN {mode} MODE;
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.5);
    END;
  END LOOP;
  RAISE lock_not_available;
END $wait$
"""
"""Whoever waits for a lock holds up all who come later: so wait shortly, let them go on, try again. The server's own
vacuum gives way to whoever waits for a second, the deadlock_timeout."""
_PAUSE = 0.2
"""Seconds after which a signal is seen at the latest."""


class PostgresSession:
    """A connection on which statements run one after the other, by default each for itself.

    Args:
        address: of the database.
    """

    def __init__(self, address: Address) -> None:
        self._address = address

    def __enter__(self) -> Self:
        try:
            from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an optional package
        except ImportError:
            raise UsageError(
                "the package adbc-driver-postgresql is missing", "pip install 'krr-export[postgres]'"
            ) from None
        with own_words(self._address.shown):
            self._connection = dbapi.connect(self._address.uri, autocommit=True)
            self._cursor = self._connection.cursor()
            self._cursor.execute("SET lock_timeout = '60s'")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(Exception):  # a connection that broke off cannot be closed in good order; the process ends it
            self._cursor.close()
            self._connection.close()

    @property
    def address(self) -> str:
        """The address for people."""
        return self._address.shown

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let what happens within be seen by others at its end, or not at all."""
        self.run("BEGIN")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(KrrExportError):  # without a connection the server rolls back by itself
                self.run("ROLLBACK")
            raise

    def run(self, statement: str) -> None:
        """Run a statement that gives no rows."""
        self._wait_for(lambda: self._cursor.execute(statement))

    def run_all(self, statements: Iterable[str]) -> None:
        """Run statements in their order."""
        for statement in statements:
            self.run(statement)

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query."""

        def fetch() -> list[Any]:
            self._cursor.execute(query)
            return list(self._cursor.fetchall())

        return self._wait_for(fetch)

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query, however many they are."""
        self._wait_for(lambda: self._cursor.execute(query))
        with own_words(self.address):
            yield from self._cursor.fetch_record_batch()

    def columns(self, namespace: str, table: str) -> list[str]:
        """Return the names of the columns of a table or view; none, if there is none of that name."""
        full = f"{identifier(namespace)}.{identifier(table)}"
        found = self.rows(
            f"SELECT attname FROM pg_attribute WHERE attrelid = to_regclass({quote(full)})"
            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        return [name for (name,) in found]

    def lock(self, tables: Iterable[str], mode: str, tries: int) -> None:
        """Lock tables for the rest of the transaction.

        Args:
            tables: their full names.
            mode: of the lock.
            tries: how often to try, about two seconds each.

        Raises:
            BusyError: other sessions hold locks all the time.
        """
        self.run(_WAIT.format(tables=", ".join(tables), mode=mode, tries=tries))

    def copy(self, reader: TableReader, namespace: str, table: str) -> None:
        """Copy rows into a table, batch by batch.

        Raises:
            KrrExportError: what ended the reading, or the server's refusal.
        """
        try:
            rows = reader.stream()
            self._wait_for(lambda: self._cursor.adbc_ingest(table, rows, mode="append", db_schema_name=namespace))
        except KrrExportError:
            if reader.failure is not None:
                raise reader.failure from None
            raise

    def _wait_for(self, call: Callable[[], _Answer]) -> _Answer:
        """Have a thread call the client; a signal that comes meanwhile cancels the statement, and is raised here.

        In the main thread, the client would keep an interruption for itself and show what follows of it, the server's
        word that a statement was canceled; and wrap a termination that is raised while it asks for rows.
        """
        with own_words(self.address), ThreadPoolExecutor(1) as pool:
            called = pool.submit(call)
            try:
                while not called.done():  # one wait to the end would go on: signals do not cut it short here
                    wait([called], timeout=_PAUSE)
            finally:
                while not called.done():  # a statement that was just about to begin is canceled the next time
                    self._cancel()
                    wait([called], timeout=_PAUSE)
            return called.result()

    def _cancel(self) -> None:
        with suppress(Exception):  # there is nothing to cancel, or no connection
            self._cursor.adbc_cancel()
