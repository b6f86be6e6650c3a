"""The script for Databricks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.schema.dialects import DIALECTS
from krr_export.warehouse.scripts.script import LOADED, Script
from krr_export.warehouse.tables import PERSON_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator


class DatabricksScript(Script):
    """Reads the files through a view of the session, and replaces the night by one MERGE, which is atomic."""

    dialect = DIALECTS["databricks"]
    hint = f"{Script.hint} Who runs it may read files at the place (an external location)."

    def statements(self) -> Iterator[str]:
        """Yield the statements."""
        yield (
            f"CREATE TABLE IF NOT EXISTS {self.table(PERSON_ALL)} {self.definitions()}\n"
            f"USING DELTA PARTITIONED BY (eksport) {self.comment(PERSON_ALL)}"
        )
        yield self.create_view()
        # By name, file after file: a directory may hold files that were replaced.
        each = (f"SELECT {self.columns()} FROM parquet.`{uri}`" for uri in self.persons.files.values())
        yield f"CREATE OR REPLACE TEMPORARY VIEW {LOADED} AS\n" + "\nUNION ALL\n".join(each)
        yield self.proof(LOADED)
        yield self.merge_night(LOADED)
        yield f"DROP VIEW {LOADED}"

    def proof(self, loaded: str) -> str:
        """Return the statement that fails if the number of rows is wrong."""
        return f"SELECT assert_true({self.is_right(loaded)}, {self.dialect.string(self.wrong_number)})"
