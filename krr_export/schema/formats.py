"""Print the record schema in several formats, for people and for warehouses: the output of ``krr-export schema``."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import UsageError
from krr_export.schema.dbt import to_dbt
from krr_export.schema.ddl import TABLE
from krr_export.schema.dialects import DIALECTS
from krr_export.schema.odcs import to_odcs
from krr_export.schema.record_schema import ORDINAL_FIELD, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from krr_export.schema.record_schema import Field, RecordSchema

FORMATS = ("table", "json", *(f"sql-{name}" for name in DIALECTS), "arrow", "dbt", "odcs")

_WIDTH = 100
_REGISTER = "Norway's contact and reservation register, from its bulk export"


def render(schema: RecordSchema, form: str, derived: Sequence[Field] = (), others: Sequence[Table] = ()) -> str:
    """Return the record schema as text, without a line end at the end.

    Args:
        schema: the record schema.
        form: one of ``FORMATS``: ``table`` for people, ``json`` with all details, ``sql-…`` as a CREATE TABLE
            statement of that dialect, ``arrow`` as pyarrow prints a schema, ``dbt`` as dbt's sources, ``odcs`` as a
            data contract.
        derived: derived columns, to be put after the schema's own.
        others: the tables beside ``person``, which ``dbt`` and ``odcs`` describe too.

    Raises:
        UsageError: there is no such format.
    """
    if form not in FORMATS:
        raise UsageError(f"no format {form!r}", f"choose {', '.join(FORMATS)}")
    columns = [ORDINAL_FIELD, *schema.fields, *derived]
    if form == "arrow":
        return str(pa.schema([field.arrow for field in columns]).to_string(truncate_metadata=False))
    if form == "json":
        return json.dumps(_as_dict(schema, columns), indent=2, ensure_ascii=False)
    if form == "table":
        return _as_table(columns)
    about = f"Persons of the contact and reservation register: one export, schema {schema.name}"
    person = Table(TABLE, about, tuple(columns), ORDINAL_FIELD.name, (IDENTIFIER,))
    if form == "dbt":
        return to_dbt((person, *others), _REGISTER)
    if form == "odcs":
        return to_odcs((person, *others), _REGISTER, schema.name)
    return DIALECTS[form.removeprefix("sql-")].create_table(columns, about)


def _as_dict(schema: RecordSchema, columns: Iterable[Field]) -> dict[str, Any]:
    return {
        "schema": schema.name,
        "sha256": schema.sha256,
        "columns": [_column_dict(field) for field in columns],
    }


def _column_dict(field: Field) -> dict[str, Any]:
    facets = asdict(field.facets)
    return {
        "name": field.name,
        "arrow_type": str(field.arrow_type),
        "nullable": not field.required,
        "path": field.label or None,
        "xsd_type": f"xs:{field.base}" if field.base else None,
        "enumeration": list(facets.pop("enumeration")),
        "facets": facets if field.path else None,
        "documentation": field.documentation,
        "personal": field.personal,
        "identifying": field.identifying,
        "partitionable": field.partitionable,
    }


def _as_table(columns: Sequence[Field]) -> str:
    """Write a paragraph for each column: its path and its meaning are too long for cells beside its name."""
    rows = [
        (field.name, _type_name(field.arrow_type), "no" if field.required else "yes", _privacy(field))
        for field in columns
    ]
    rows.insert(0, ("column", "Arrow type", "null", "personal data"))
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    first, *lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    paragraphs = [first, "  path in the XSD", "  meaning", "-" * _WIDTH]
    for line, field in zip(lines, columns, strict=True):
        paragraphs.append(line)
        if field.path:
            paragraphs.append(f"  {field.label}")
        paragraphs += textwrap.wrap(field.documentation, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(paragraphs)


def _privacy(field: Field) -> str:
    return "identifying" if field.identifying else "yes" if field.personal else "no"


def _type_name(kind: pa.DataType) -> str:
    """Return Arrow's name of a type; for a dictionary, only the types of its indices and values."""
    if not pa.types.is_dictionary(kind):
        return str(kind)
    return f"dictionary<{kind.index_type}, {kind.value_type}>"
