"""What ends a statement of DuckDB is what it would be elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from krr_export.warehouse.duckdb_session import DuckDBSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DuckDBSession]:
    with DuckDBSession(tmp_path / "krr.duckdb") as session:
        yield session


def test_memory_that_is_out_is_out(session: DuckDBSession) -> None:
    session.run("SET memory_limit = '4MB'")
    with pytest.raises(MemoryError):
        session.rows("SELECT list(number) FROM range(20_000_000) AS numbers (number)")
