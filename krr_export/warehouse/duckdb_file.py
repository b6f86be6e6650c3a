"""Views in a DuckDB file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from krr_export.errors import OutputError, UsageError
from krr_export.util.files import COMMON_HINTS, output_errors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from krr_export.warehouse.views import View

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""Nothing is fetched from the network: what views need is in the package."""
_MAGIC, _MAGIC_AT = b"DUCK", 8
"""What a file of DuckDB has, and behind how many bytes."""


def refuse_other_file(path: Path) -> None:
    """Refuse a file that is none of DuckDB's, which else would be said to be unreadable, and perhaps later not.

    Args:
        path: of the file; there may be none.

    Raises:
        OutputError: it cannot be read.
        UsageError: it is no file, or one of another kind.
    """
    with output_errors(f"read {path}", COMMON_HINTS):
        if not path.exists():
            return
        if not path.is_file():  # a pipe would be waited for
            raise UsageError(f"{path} is no file", "give another path")
        with path.open("rb") as file:
            begins = file.read(_MAGIC_AT + len(_MAGIC))
    if not begins.endswith(_MAGIC):  # an empty one, too: DuckDB makes no database of it
        raise UsageError(f"{path} is no DuckDB file", "give another path")


def write_views(path: Path, views: Iterable[View]) -> None:
    """Make views in a DuckDB file, or replace those of their names; what else is in it stays. All are made, or none.

    Args:
        path: of the file; made if it is missing.
        views: the views; their files are there.

    Raises:
        OutputError: it is in use by another program, or cannot be written.
        UsageError: it is no DuckDB file, the package duckdb is missing, or a table in the file has the name of a view.
    """
    try:
        import duckdb  # noqa: PLC0415 - an optional package
    except ImportError:
        raise UsageError(
            "the package duckdb is missing", "pip install 'krr-export[duckdb]'; or write FILE.sql"
        ) from None
    refuse_other_file(path)
    wal, is_new, is_ours = path.with_name(f"{path.name}.wal"), not path.exists(), False
    made = [one for one in (path, wal) if not one.exists()]
    try:
        with duckdb.connect(path.absolute(), config=OFFLINE) as connection:
            is_ours = True  # nobody else has it open
            connection.begin()
            for view in views:
                for statement in view.statements():
                    connection.execute(statement)
            connection.commit()
            # On a full disk, closing would leave views in a log beside, and not say so.
            connection.execute("CHECKPOINT")
    except duckdb.OutOfMemoryException:
        raise MemoryError from None
    # DuckDB's own words may quote what is in the file.
    except duckdb.CatalogException:
        raise UsageError(f"{path} has a table with the name of a view", "give a file of its own") from None
    except duckdb.Error:
        for one in made if is_new or is_ours else ():
            with suppress(OSError):
                one.unlink(missing_ok=True)
        raise OutputError(
            f"cannot make the views in {path}",
            "is it open in no other program, where there is room and may be written? see also verify",
        ) from None
