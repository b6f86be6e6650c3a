"""The script for BigQuery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.schema.dialects import DIALECTS
from krr_export.warehouse.scripts.script import LOADED, Script
from krr_export.warehouse.tables import PERSON_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator


class BigQueryScript(Script):
    """Loads the files into a temporary table of the script, and replaces the night by one MERGE, which is atomic."""

    dialect = DIALECTS["bigquery"]
    schemes = ("gs",)
    hint = "The dataset is where the bucket is. Run it as one script: it stops at the first error."

    def statements(self) -> Iterator[str]:
        """Yield the statements."""
        yield (
            f"CREATE TABLE IF NOT EXISTS {self.table(PERSON_ALL)} {self.definitions()}\n"
            f"PARTITION BY DATE(eksport) {self.comment(PERSON_ALL)}"
        )
        yield self.create_view()
        uris = ",\n  ".join(map(self.dialect.string, self.persons.files.values()))
        yield f"LOAD DATA INTO TEMP TABLE {LOADED}\nFROM FILES (format = 'PARQUET', uris = [\n  {uris}\n])"
        yield self.proof(LOADED)
        yield self.merge_night(LOADED)

    def proof(self, loaded: str) -> str:
        """Return the statement that fails if the number of rows is wrong."""
        failure = f"ERROR({self.dialect.string(self.wrong_number)})"
        return f"SELECT IF({self.is_right(loaded)}, {self.persons.rows}, {failure}) AS proven"
