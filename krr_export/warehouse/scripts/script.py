"""What the scripts for all warehouses share: names, literals, the tables, and the proof of what was loaded."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from krr_export.errors import UsageError
from krr_export.util.formatting import format_utc
from krr_export.version import __version__
from krr_export.warehouse.scripts.persons import EXPORT_FIELD
from krr_export.warehouse.tables import COMMENTS, PERSON, PERSON_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from krr_export.schema.ddl import Dialect
    from krr_export.warehouse.scripts.persons import PushedPersons

LOADED = "person_load"
"""The table or view of what is being loaded, which nobody else reads."""


class Script(ABC):
    """A script that loads a snapshot: each statement, in the order in which they are run.

    Whatever fails ends it, and leaves readers what they had; run again, it comes to the same.

    Args:
        persons: what is loaded.
        namespace: where the tables are: a schema or a dataset, after its catalog or project if need be.
    """

    dialect: ClassVar[Dialect]
    schemes: ClassVar[Sequence[str]] = ("s3", "gs", "abfss")
    """Those of the object stores that the warehouse reads from."""
    hint: str = "Run it by a client that stops at the first error."

    def __init__(self, persons: PushedPersons, namespace: str) -> None:
        scheme = persons.place.partition(":")[0]
        if scheme not in self.schemes:
            stores = " or ".join(f"{known}://" for known in self.schemes)
            raise UsageError(f"{self.dialect.name} does not load from {scheme}://", f"push the store to {stores}")
        if not persons.rows:  # the newest night is found by its rows
            raise UsageError(
                f"{persons.name} has no persons: readers would go on with the night before", "load another"
            )
        self.persons = persons
        self._namespace = self.name(namespace, "--db-schema")
        unknown = next((field for field in persons.fields if str(field.arrow_type) not in self.dialect.types), None)
        if unknown:
            raise UsageError(
                f"{self.dialect.name} has no type for the column {unknown.name}", "leave it out with --drop"
            )

    @abstractmethod
    def statements(self) -> Iterator[str]:
        """Yield the statements, without the semicolons that end them."""

    def text(self) -> str:
        """Return the script."""
        persons = self.persons
        about = (
            f"Loads {persons.name} into {self.dialect.name}: {persons.rows} persons. By krr-export {__version__}.",
            f"The SHA-256 of its manifest: {persons.manifest_sha256}",
            self.hint,
        )
        return "".join(f"-- {line}\n" for line in about) + "".join(f"\n{one};\n" for one in self.statements())

    def name(self, given: str, option: str) -> str:
        """Return a name that an option gives, as SQL.

        Raises:
            UsageError: it is none.
        """
        if not re.fullmatch(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*){0,2}", given, re.ASCII):
            raise UsageError(f"{option} is no name", "give one of letters, digits and _, such as krr")
        return ".".join(map(self.dialect.identifier, given.split(".")))

    def table(self, name: str) -> str:
        """Return the full name of a table."""
        return f"{self._namespace}.{name}"

    @property
    def moment(self) -> str:
        """The time of the export, as SQL."""
        return f"TIMESTAMP {self.dialect.string(format_utc(self.persons.exported))}"

    def columns(self, prefix: str = "") -> str:
        """Return the names of the files' columns, separated by commas."""
        return ", ".join(f"{prefix}{self.dialect.identifier(field.name)}" for field in self.persons.fields)

    def definitions(self) -> str:
        """Return the columns of the table of all nights, in parentheses, with their comments."""
        return f"(\n{self.dialect.definitions([EXPORT_FIELD, *self.persons.fields])}\n)"

    def loaded_definitions(self) -> str:
        """Return the columns of the files, in parentheses."""
        return f"(\n{self.dialect.definitions([replace(field, documentation='') for field in self.persons.fields])}\n)"

    def comment(self, table: str) -> str:
        """Return the clause that says what is in a table or a view."""
        return (self.dialect.table_comment or "").format(self.dialect.string(COMMENTS[table]))

    def newest(self) -> str:
        """Return the query of the view of the newest persons."""
        every = self.table(PERSON_ALL)
        return f"SELECT {self.columns()} FROM {every} WHERE eksport = (SELECT MAX(eksport) FROM {every})"

    def create_view(self) -> str:
        """Return the statement that makes the view of the newest persons; one that is there keeps its grants."""
        return f"CREATE VIEW IF NOT EXISTS {self.table(PERSON)} {self.comment(PERSON)} AS\n{self.newest()}"

    def proof(self, loaded: str) -> str:
        """Return the statement that fails if the number of rows loaded is not that of the manifest.

        The text of the failure is no number, so making one of it fails; nothing else does in every dialect.

        Args:
            loaded: the full name of the table.
        """
        right, wrong = self.dialect.string(str(self.persons.rows)), self.dialect.string(self.wrong_number)
        chosen = f"CASE WHEN {self.is_right(loaded)} THEN {right} ELSE {wrong} END"
        return f"SELECT CAST({chosen} AS BIGINT) AS proven"

    @property
    def wrong_number(self) -> str:
        """What the failure says."""
        return f"the files of {self.persons.name} do not have the {self.persons.rows} persons of its manifest"

    def is_right(self, loaded: str) -> str:
        """Return the condition that the number of rows is right."""
        return f"(SELECT COUNT(*) FROM {loaded}) = {self.persons.rows}"

    def replace_night(self, loaded: str) -> Iterator[str]:
        """Yield the statements that put the night in place of what is there of it: run them in one transaction."""
        every = self.table(PERSON_ALL)
        yield f"DELETE FROM {every} WHERE eksport = {self.moment}"
        yield f"INSERT INTO {every} (eksport, {self.columns()})\nSELECT {self.moment}, {self.columns()} FROM {loaded}"

    def merge_night(self, loaded: str) -> str:
        """Return the one statement that does the same, where a MERGE knows rows that are not in the source."""
        return (
            f"MERGE INTO {self.table(PERSON_ALL)} AS kept USING {loaded} AS loaded ON FALSE\n"
            f"WHEN NOT MATCHED THEN INSERT (eksport, {self.columns()})\n"
            f"VALUES ({self.moment}, {self.columns('loaded.')})\n"
            f"WHEN NOT MATCHED BY SOURCE AND kept.eksport = {self.moment} THEN DELETE"
        )
