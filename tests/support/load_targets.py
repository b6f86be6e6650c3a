"""Databases to load into, one of each kind, and questions to them that do not go through the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from servers.postgres_server import Server

_DUCKDB = "duckdb:"


@pytest.fixture(params=["duckdb", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind; needs the fixture ``postgres``."""
    if request.param == "duckdb":
        return f"{_DUCKDB}{tmp_path / 'krr.duckdb'}"
    running: Server = request.getfixturevalue("postgres")
    return running.database(tmp_path.name)


def query(target: str, sql: str) -> pa.Table:
    """The rows of a query, as the database itself gives them."""
    if target.startswith(_DUCKDB):
        with duckdb.connect(target.removeprefix(_DUCKDB), read_only=True) as database:
            return database.sql(sql).to_arrow_table()
    with adbc.connect(target) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path = krr")
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def change(target: str, statement: str) -> None:
    """Change something by hand, past the package."""
    if target.startswith(_DUCKDB):
        with duckdb.connect(target.removeprefix(_DUCKDB)) as database:
            database.execute(statement)
        return
    with adbc.connect(target, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path = krr")
        cursor.execute(statement)


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table, sorted: a database keeps no order."""
    plain = [
        tuple(tuple(cell) if isinstance(cell, list) else cell for cell in row.values()) for row in table.to_pylist()
    ]
    return sorted(plain, key=repr)
