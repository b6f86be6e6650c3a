"""The script for Snowflake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.schema.dialects import DIALECTS
from krr_export.warehouse.scripts.script import LOADED, Script
from krr_export.warehouse.tables import PERSON_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.warehouse.scripts.persons import PushedPersons

STAGE = "krr"
"""The external stage over the place, by default."""
_MOST_FILES = 1000
"""That one COPY INTO takes by name."""


class SnowflakeScript(Script):
    """Copies the files from a stage into a temporary table, which only the session sees, and then replaces the night.

    Args:
        persons: what is loaded.
        namespace: the schema.
        stage: the name of an external stage whose URL is that of the place.
    """

    dialect = DIALECTS["snowflake"]

    def __init__(self, persons: PushedPersons, namespace: str, stage: str = STAGE) -> None:
        super().__init__(persons, namespace)
        self._stage = self.name(stage, "--stage")
        self.hint = f"The stage {stage} is over {persons.place}/. {Script.hint}"

    @property
    def moment(self) -> str:
        """The time of the export, as SQL."""
        return f"CAST({super().moment.removeprefix('TIMESTAMP ')} AS TIMESTAMP_TZ)"

    def table(self, name: str) -> str:
        """Return the name of a table, in the schema that the script uses."""
        return name

    def statements(self) -> Iterator[str]:
        """Yield the statements."""
        yield f"USE SCHEMA {self._namespace}"
        yield f"CREATE TABLE IF NOT EXISTS {PERSON_ALL} {self.definitions()} {self.comment(PERSON_ALL)}"
        yield self.create_view()
        yield f"CREATE OR REPLACE TEMPORARY TABLE {LOADED} {self.loaded_definitions()}"
        keys = [*self.persons.files]
        for start in range(0, len(keys), _MOST_FILES):
            yield self._copy(keys[start : start + _MOST_FILES])
        yield self.proof(LOADED)
        yield "BEGIN TRANSACTION"
        yield from self.replace_night(LOADED)
        yield "COMMIT"
        yield f"DROP TABLE {LOADED}"

    def _copy(self, keys: list[str]) -> str:
        files = ",\n  ".join(map(self.dialect.string, keys))
        return (
            f"COPY INTO {LOADED} FROM @{self._stage}\nFILES = (\n  {files}\n)\n"
            "FILE_FORMAT = (TYPE = PARQUET BINARY_AS_TEXT = FALSE USE_LOGICAL_TYPE = TRUE)\n"
            "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT"
        )
