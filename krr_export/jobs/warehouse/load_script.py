"""Write the script that loads a pushed snapshot into a warehouse, which is not asked itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.input.objects.address import is_object_uri, parse_address
from krr_export.input.objects.store import open_objects
from krr_export.output.objects.committed import read_commit
from krr_export.output.outputs import STDIO, atomic_write, write_error
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import records, short_repr
from krr_export.util.paths import local_path
from krr_export.warehouse.scripts.dialects import make_script
from krr_export.warehouse.scripts.persons import read_persons
from krr_export.warehouse.target import DB_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ScriptResult:
    """The script that loads a snapshot.

    Attributes:
        script: its statements.
        name: of the snapshot.
        persons: rows that it loads.
        message: the result in one line for people.
    """

    script: str
    name: str
    persons: int
    message: str

    def __repr__(self) -> str:
        return short_repr(self, name=self.name, persons=self.persons)


@refuse_wrong_options(source=StrPath, script=str, output=StrPath | None, db_schema=str, stage=str | None)
def load_script(
    source: StrPath,
    script: str,
    output: StrPath | None = None,
    *,
    db_schema: str = DB_SCHEMA,
    stage: str | None = None,
) -> ScriptResult:
    """Write the script of SQL that loads a pushed snapshot into a warehouse.

    It makes ``person_all`` and the view ``person`` if they are missing, loads the files that the snapshot has and no
    others, fails if they have not the number of rows of its manifest, and puts the night in place of what is there of
    it. It holds no personal value.

    >>> pushed = krr_export.push("store", "s3://bucket/krr")
    >>> krr_export.load_script("s3://bucket/krr", "snowflake", "load.sql").name
    'eksport=20260227T112225Z'

    Args:
        source: the URI of a place that snapshots were pushed to, of which the newest is loaded, or of a snapshot there.
        script: the warehouse: ``bigquery``, ``databricks``, ``fabric``, ``snowflake`` or ``synapse``.
        output: the file for the script; ``None``: none.
        db_schema: the schema or dataset of the tables, which is there.
        stage: of Snowflake, the external stage over the place; ``None``: ``krr``.

    Raises:
        InputError: there is no snapshot, or it is damaged.
        NetworkError: the object store cannot be reached, or denies access.
        OutputError: the file cannot be written.
        UsageError: the source is a directory, or an option is wrong.
    """
    path = None if output is None or str(output) == STDIO else local_path(output)
    if not is_object_uri(str(source)):
        local_path(source)
        raise UsageError(
            "a warehouse loads files from an object store", "push the store: krr-export push STORE URI; then give URI"
        )
    address = parse_address(str(source))
    store = open_objects(address)
    persons = read_persons(store, read_commit(store, address.snapshot))
    text = make_script(script, persons, db_schema, stage)
    message = f"script for {script}: {persons.name}, {records(persons.rows)}"
    if path is not None:
        _write(path, text)
        message = f"wrote {path}: {message}"
    return ScriptResult(text, persons.name, persons.rows, message)


def _write(path: Path, text: str) -> None:
    try:
        with atomic_write(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise write_error(str(path), error) from error
