"""The persons of a pushed snapshot, as a script loads them: their files, their number and their columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.store_layout import exported_at
from krr_export.errors import InputError, UsageError
from krr_export.schema.record_schema import DESCRIPTION, Field
from krr_export.warehouse.lake.footer import read_footer
from krr_export.warehouse.ledger import EXPORT
from krr_export.warehouse.tables import PERSON, database_schema

if TYPE_CHECKING:
    from datetime import datetime

    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import Commit

EXPORT_FIELD = Field(EXPORT.name, EXPORT.type, "When the export was made", privacy="none")
"""The first column of the table of all nights."""


@dataclass(frozen=True)
class PushedPersons:
    """The persons of a pushed snapshot.

    Attributes:
        place: the URI of the place that it was pushed to.
        name: ``eksport=…``.
        manifest_sha256: the digest of its manifest.
        files: the URIs of the files, by their keys in the place.
        rows: how many there are in all of them.
        fields: the columns of each file, in its order.
    """

    place: str
    name: str
    manifest_sha256: str
    files: dict[str, str]
    rows: int
    fields: tuple[Field, ...]

    @property
    def exported(self) -> datetime:
        """When the export was made, in UTC."""
        return exported_at(self.name)


def read_persons(store: ObjectStore, commit: Commit) -> PushedPersons:
    """Read the footers of the files of persons.

    Raises:
        InputError: a file is missing or damaged, or there is none.
        NetworkError: the store failed.
        UsageError: it is no Parquet, or has a column of the name that the export's time has.
    """
    parts = commit.parts(PERSON)
    if not all(key.endswith(".parquet") for key in parts):
        raise UsageError(f"{commit.eksport} is of CSV, and scripts load Parquet", "push a store of Parquet")
    schemas = [read_footer(store, key, file).schema for key, file in parts.items()]
    if not schemas or any(not schema.equals(schemas[0]) for schema in schemas):
        raise InputError(f"{store.uri}/{commit.eksport} is not as it was pushed", f"see krr-export verify {store.uri}")
    database_schema(schemas[0])  # refuses a column of that name
    return PushedPersons(
        place=store.uri,
        name=commit.eksport,
        manifest_sha256=commit.manifest_sha256,
        files={key: file.uri for key, file in parts.items()},
        rows=sum(file.rows for file in parts.values()),
        fields=tuple(map(_field, schemas[0])),
    )


def _field(column: pa.Field) -> Field:
    if not re.fullmatch(r"[^\W\d]\w*", column.name):
        raise UsageError("a column's name is none that every warehouse takes", "leave it out with --drop")
    described = (column.metadata or {}).get(DESCRIPTION.encode(), b"").decode()
    kind = pa.string() if pa.types.is_dictionary(column.type) else column.type
    return Field(column.name, kind, " ".join(described.split()), required=not column.nullable)
