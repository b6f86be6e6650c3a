"""Describe a store as a data contract, in the form of the Open Data Contract Standard 3.1.

https://bitol-io.github.io/open-data-contract-standard
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.util.yaml_text import to_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.schema.record_schema import Field, Table
    from krr_export.util.yaml_text import Yaml

_HEADER = """\
apiVersion: v3.1.0
kind: DataContract
status: active
"""
_CLASSIFICATIONS = {
    "none": "no personal data",
    "personal": "personal data",
    "identifying": "identifying personal data",
}
_LOGICAL_TYPES = (
    (pa.types.is_list, "array"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_date, "date"),
)


def to_odcs(tables: Iterable[Table], about: str, version: str) -> str:
    """Return the contract as YAML, without a line end at the end.

    Args:
        tables: those of a snapshot.
        about: what they are, in one line.
        version: of the schema that the tables follow.
    """
    return _HEADER + to_yaml(
        {
            "id": f"krr-export-{version}",
            "name": "Contact and reservation register",
            "version": version,
            "description": {
                "purpose": about,
                "limitations": "Personal data. An export is the register at one moment, its eksportTidspunkt.",
                "usage": "Read latest for the newest export, or eksport=* for all: together the newest counts twice.",
            },
            "servers": [
                {
                    "server": "store",
                    "type": "local",
                    "path": "STORE/latest/*/**/*.parquet",
                    "format": "parquet",
                    "description": "A directory for each table, in the store that krr-export convert was given.",
                }
            ],
            "schema": [_table(table) for table in tables],
        }
    )


def _table(table: Table) -> Yaml:
    return {
        "name": table.name,
        "physicalName": table.name,
        "logicalType": "object",
        "physicalType": "parquet",
        "description": table.description,
        "properties": [_property(field, table) for field in table.fields],
    }


def _property(field: Field, table: Table) -> Yaml:
    entry: dict[str, Yaml] = {
        "name": field.name,
        **_types(field.arrow_type),
        "description": field.documentation,
        "required": field.required,
        "classification": _CLASSIFICATIONS[field.privacy],
        "customProperties": [
            {"property": "personal", "value": field.personal},
            {"property": "identifying", "value": field.identifying},
        ],
    }
    if field.name == table.key:
        entry |= {"unique": True, "primaryKey": True, "primaryKeyPosition": 1}
    if field.path:
        entry["transformSourceObjects"] = [field.label]
    if options := _options(field):
        entry["logicalTypeOptions"] = options
    if quality := _quality(field, table):
        entry["quality"] = quality
    return entry


def _types(kind: pa.DataType) -> dict[str, Yaml]:
    logical = next((name for holds, name in _LOGICAL_TYPES if holds(kind)), "string")
    physical = kind.value_type if pa.types.is_dictionary(kind) else kind
    types: dict[str, Yaml] = {"logicalType": logical, "physicalType": str(physical)}
    if pa.types.is_list(kind):
        types["items"] = _types(kind.value_type)
    return types


def _options(field: Field) -> dict[str, Yaml]:
    kind = field.arrow_type
    if pa.types.is_timestamp(kind):
        return {"timezone": True, "defaultTimezone": "Etc/UTC"}
    if pa.types.is_binary(kind):
        return {"format": "binary"}
    if not pa.types.is_string(kind):
        return {}
    limits = {"minLength": field.facets.min_length, "maxLength": field.facets.max_length}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _quality(field: Field, table: Table) -> list[Yaml]:
    rules: list[Yaml] = []
    if field.facets.enumeration and pa.types.is_dictionary(field.arrow_type):
        values = {"validValues": list(field.facets.enumeration)}
        rules.append({"type": "library", "metric": "invalidValues", "arguments": values, "mustBe": 0})
    if field.name in table.expected_unique:
        rules.append({"type": "library", "metric": "duplicateValues", "mustBe": 0, "severity": "warning"})
    return rules
