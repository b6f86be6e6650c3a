"""Views of a store for DuckDB: the newest persons, those of all nights, and the tables beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.schema.record_schema import DESCRIPTION
from krr_export.warehouse.sql_text import identifier, quote
from krr_export.warehouse.tables import COMMENTS, PERSON, PERSON_ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

EXPORT_TIME = (
    "strptime(regexp_extract(filename, '.*/eksport=([0-9]{8}T[0-9]{6}Z)/', 1), '%Y%m%dT%H%M%SZ') AT TIME ZONE 'UTC'"
)
"""A snapshot's time, from its directory's name. DuckDB computes it first: files of nights not asked for stay closed."""

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_CSV_LINE_BYTES = 16 << 20
"""More than the longest record takes as a line of CSV; DuckDB's own limit is lower."""


_EKSPORT = {"eksport": "When the export was made"}
_DESCRIPTION = DESCRIPTION.encode()


@dataclass(frozen=True)
class StoreShape:
    """What is in a store, as far as views depend on it.

    Attributes:
        path: of the store, absolute.
        person: the columns of the table person in the newest snapshot.
        extension: of the files of that table: ``parquet``, ``csv`` or ``csv.gz``.
        newest: the newest snapshot's directory in the store: ``latest``, or its own name where there is no such link.
        tables: those of the tables beside person that a snapshot has; always Parquet.
        listed: of a store in an object store, the URIs that each view reads, by its name: no pattern tells them from
            files that were replaced. ``report`` and ``report_findings`` read the same.
    """

    path: Path
    person: pa.Schema
    extension: str
    newest: str
    tables: Collection[str]
    listed: Mapping[str, Sequence[str]] | None = None

    def files(self, view: str, pattern: str) -> str:
        """Return what a view reads, in SQL: a pattern below the store, or a list."""
        if self.listed is None:
            return quote(_glob(self.path, pattern))
        return f"[{', '.join(map(quote, self.listed[view]))}]"


@dataclass(frozen=True)
class View:
    """A view.

    Attributes:
        name: of the view.
        comment: what is in it, in one line.
        query: its rows.
        columns: what is in each column, by its name; those that nothing is known of are left out.
    """

    name: str
    comment: str
    query: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def statements(self) -> Iterator[str]:
        """Yield the statements that make the view, or replace it."""
        yield f"CREATE OR REPLACE VIEW {self.name} AS\n{self.query}"
        yield f"COMMENT ON VIEW {self.name} IS {quote(self.comment)}"
        for column, comment in self.columns.items():
            yield f"COMMENT ON COLUMN {self.name}.{identifier(column)} IS {quote(comment)}"


def build_views(shape: StoreShape) -> list[View]:
    """Return the views of a store: two of persons, two of the reports, and one for each table beside person."""
    night, described = f"SELECT {EXPORT_TIME} AS eksport", _descriptions(shape.person)
    newest = _person(shape, PERSON, "SELECT")
    every = _person(shape, PERSON_ALL, f"{night},")
    views = [
        View(PERSON, COMMENTS[PERSON], newest, described),
        View(PERSON_ALL, COMMENTS[PERSON_ALL], every, {**_EKSPORT, **described}),
    ]
    for name in TABLES:
        if name in shape.tables:
            # Not union_by_name, which opens every file of all nights first: a store keeps its columns.
            files = shape.files(name, f"eksport=*/{name}/*.parquet")
            read = f"read_parquet({files}, filename = true, hive_partitioning = false)"
            views.append(View(name, COMMENTS[name], f"{night}, * EXCLUDE (filename)\nFROM {read}", _EKSPORT))
    return [*views, *_report_views(shape, night)]


TABLES = ("rejects", "findings", "changes")
"""The tables beside person."""


def build_script(views: list[View], about: str) -> str:
    """Return the views as a script of SQL, which begins with this comment."""
    statements = [statement for view in views for statement in view.statements()]
    return "".join(f"-- {line}\n" for line in about.splitlines()) + "".join(f"\n{one};\n" for one in statements)


def _descriptions(schema: pa.Schema) -> dict[str, str]:
    """Return what the XSD says of each column, as the file's own schema has it."""
    metadata = {column.name: column.metadata or {} for column in schema}
    return {name: about[_DESCRIPTION].decode() for name, about in metadata.items() if about.get(_DESCRIPTION)}


def _person(shape: StoreShape, view: str, select: str) -> str:
    snapshots = shape.newest if view == PERSON else "eksport=*"
    files = shape.files(view, f"{snapshots}/person/**/*.{shape.extension}")
    options = ["hive_partitioning = false", *(["filename = true"] if view == PERSON_ALL else [])]
    if shape.extension == "parquet":
        columns = ", ".join(map(identifier, shape.person.names))
        return f"{select} {columns}\nFROM read_parquet({files}, {', '.join(options)})"
    types = ", ".join(f"{quote(field.name)}: {quote(_csv_type(field.type))}" for field in shape.person)
    options += [
        f"compression = '{'gzip' if shape.extension.endswith('gz') else 'none'}'",
        "header = true, delim = ',', quote = '\"', escape = '\"', new_line = '\\n', auto_detect = false",
        f"allow_quoted_nulls = false, max_line_size = {_CSV_LINE_BYTES}",
        f"columns = {{{types}}}",
    ]
    columns = ", ".join(_from_csv(field) for field in shape.person)
    return f"{select} {columns}\nFROM read_csv({files}, {', '.join(options)})"


def _csv_type(kind: pa.DataType) -> str:
    if kind == _TIMESTAMP:
        return "TIMESTAMPTZ"
    if pa.types.is_integer(kind):
        return "BIGINT"
    return "BOOLEAN" if pa.types.is_boolean(kind) else "VARCHAR"


def _from_csv(field: pa.Field) -> str:
    name = identifier(field.name)
    return f"from_base64({name}) AS {name}" if pa.types.is_binary(field.type) else name


def _report_views(shape: StoreShape, night: str) -> Iterator[View]:
    columns = {
        "outcome": "VARCHAR",
        "source": "STRUCT(name VARCHAR)",
        "counts": "STRUCT(seen BIGINT, written BIGINT, rejected BIGINT)",
        "findings": "STRUCT(code VARCHAR, severity VARCHAR, count BIGINT, records BIGINT, text VARCHAR)[]",
    }
    files = shape.files("report", "eksport=*/report.json")
    types = ", ".join(f"{name}: {quote(kind)}" for name, kind in columns.items())
    options = "filename = true, hive_partitioning = false"
    read = f"FROM read_json({files}, {options}, format = 'unstructured', columns = {{{types}}})"
    yield View(
        "report",
        "How many records each snapshot has, by its report",
        f"{night}, outcome, source.name AS source, counts.seen, counts.written, counts.rejected\n{read}",
    )
    one = f"{night}, unnest(findings) AS finding\n{read}"
    yield View(
        "report_findings",
        "How many findings each snapshot has, by code",
        "SELECT eksport, finding.code, finding.severity, finding.count AS findings, finding.records, finding.text\n"
        f"FROM ({one})",
    )


def _glob(store: Path, pattern: str) -> str:
    """Return a pattern below the store; characters of its own path that mean something in a pattern mean themselves."""
    return re.sub(r"([*?[])", r"[\1]", str(store)) + f"/{pattern}"
