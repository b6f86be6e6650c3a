"""The scripts for the warehouses of Azure: those of Fabric, and dedicated SQL pools of Synapse."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from krr_export.errors import UsageError
from krr_export.schema.dialects import DIALECTS
from krr_export.warehouse.scripts.persons import EXPORT_FIELD
from krr_export.warehouse.scripts.script import LOADED, Script
from krr_export.warehouse.tables import COMMENTS, PERSON, PERSON_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

_SQL_SERVER = DIALECTS["sqlserver"]
_TIME = str(EXPORT_FIELD.arrow_type)


class AzureScript(Script):
    """Copies the files into a table that nobody else reads, and replaces the night in one transaction.

    Neither warehouse keeps comments, so they stand in the script.
    """

    schemes = ("abfss",)
    hint = "Run it as one batch, one at a time: it stops at the first error. Times are in UTC."
    clause: ClassVar[str] = ""
    """What follows the columns of a table."""
    copy_options: ClassVar[str] = "FILE_TYPE = 'PARQUET'"

    @property
    def moment(self) -> str:
        """The time of the export, as SQL."""
        moment = self.persons.exported.replace(tzinfo=None).isoformat()
        return f"CAST({self.dialect.string(moment)} AS {self.dialect.types[_TIME]})"

    def statements(self) -> Iterator[str]:
        """Yield the statements."""
        loaded = self.table(LOADED)
        yield "SET XACT_ABORT ON"
        yield self._comments() + self._unless_there(
            PERSON_ALL, f"CREATE TABLE {self.table(PERSON_ALL)} {self.definitions()}{self.clause}"
        )
        view = f"CREATE VIEW {self.table(PERSON)} AS {self.newest()}"  # which must be alone in its batch
        yield self._unless_there(PERSON, f"EXEC sp_executesql {_SQL_SERVER.string(view)}")
        yield f"DROP TABLE IF EXISTS {loaded}"
        yield f"CREATE TABLE {loaded} {self.loaded_definitions()}{self.clause}"
        uris = ",\n  ".join(self.dialect.string(_https(uri)) for uri in self.persons.files.values())
        yield f"COPY INTO {loaded} ({self.columns()})\nFROM\n  {uris}\nWITH ({self.copy_options})"
        yield self.proof(loaded)
        yield "BEGIN TRANSACTION"
        yield from self.replace_night(loaded)
        yield "COMMIT TRANSACTION"
        yield f"DROP TABLE {loaded}"

    def _unless_there(self, table: str, statement: str) -> str:
        return f"IF OBJECT_ID({self.dialect.string(self.table(table))}) IS NULL\nBEGIN\n{statement};\nEND"

    def _comments(self) -> str:
        fields = [EXPORT_FIELD, *self.persons.fields]
        lines = [COMMENTS[PERSON_ALL], *(f"{field.name}: {field.documentation}" for field in fields)]
        return "".join(f"-- {line}\n" for line in lines if not line.endswith(": "))


class FabricScript(AzureScript):
    """For a warehouse of Fabric."""

    # Its text is UTF-8, and its times have no zone.
    dialect = replace(
        _SQL_SERVER,
        name="Fabric",
        string_prefix="",
        types={**_SQL_SERVER.types, "string": "varchar(8000)", "uint8": "smallint", _TIME: "datetime2(6)"},
    )


class SynapseScript(AzureScript):
    """For a dedicated SQL pool of Synapse."""

    # COPY makes datetime2 of times in Parquet.
    dialect = replace(
        _SQL_SERVER,
        name="Synapse",
        string_prefix="",
        types={**_SQL_SERVER.types, "string": "nvarchar(4000)", _TIME: "datetime2(6)"},
    )
    clause = " WITH (HEAP)"  # certificates have no place in its columnstore
    copy_options = "FILE_TYPE = 'PARQUET', CREDENTIAL = (IDENTITY = 'Managed Identity')"


def _https(uri: str) -> str:
    """Return the address by which COPY reads a file.

    Raises:
        UsageError: the URI does not say in which account it is.
    """
    found = re.fullmatch(r"abfss://([^@/]+)@([^/]+)/(.+)", uri)
    if found is None:
        raise UsageError("the URI does not name the account", "give abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/…")
    container, account, key = found.groups()
    return f"https://{account}/{container}/{key}"
