"""Describe a store to dbt: a file of sources, with descriptions, tests and freshness (dbt-core 1.10.5 or later).

On dbt-duckdb the sources are the Parquet files of the newest snapshot. Other adapters find tables of the same names in
the schema ``krr``, and need a query of their own for freshness.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.store_layout import EXPORT_PREFIX, SUCCESS
from krr_export.schema.dialects import DIALECTS
from krr_export.util.yaml_text import to_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.schema.record_schema import Field, Table
    from krr_export.util.yaml_text import Yaml

_STORE = "{{ var('krr_store', 'store') }}"
_LOCATION = f"read_parquet('{_STORE}/latest/{{name}}/**/*.parquet', hive_partitioning = true)"
_EXPORTS = f"glob('{_STORE}/{EXPORT_PREFIX}*/{SUCCESS}')"
_TIME_OF_EXPORT = rf"strptime(regexp_extract(file, '{EXPORT_PREFIX}(\d{{8}}T\d{{6}}Z)', 1), '%Y%m%dT%H%M%SZ')"
_LOADED_AT = " from ".join((f"select max({_TIME_OF_EXPORT})", _EXPORTS))
"""The time of the newest export, in UTC: names of directories hold it, so that no row is read."""
_WARN_AFTER_HOURS, _ERROR_AFTER_HOURS = 36, 72
_HEADER = """\
# Sources for dbt-core 1.10.5 or later, made by krr-export schema --format dbt.
# With dbt-duckdb they read the newest snapshot of a Parquet store: dbt build --vars '{krr_store: /srv/krr/store}'
"""


def to_dbt(tables: Iterable[Table], about: str) -> str:
    """Return the text of a ``sources.yml``, without a line end at the end.

    Args:
        tables: those of a snapshot.
        about: what they are, in one line.
    """
    hours = {"warn_after": _WARN_AFTER_HOURS, "error_after": _ERROR_AFTER_HOURS}
    freshness: Yaml = {name: {"count": count, "period": "hour"} for name, count in hours.items()}
    source: dict[str, Yaml] = {
        "name": "krr",
        "description": about,
        "config": {
            "meta": {"external_location": _LOCATION},
            "loaded_at_query": _LOADED_AT,
            "freshness": freshness,
        },
        "tables": [_table(table) for table in tables],
    }
    return _HEADER + to_yaml({"version": 2, "sources": [source]})


def _table(table: Table) -> Yaml:
    columns = [_column(field, table) for field in table.fields]
    return {"name": table.name, "description": _literal(table.description), "columns": columns}


def _column(field: Field, table: Table) -> Yaml:
    column: dict[str, Yaml] = {
        "name": field.name,
        "description": _literal(field.documentation),
        "data_type": _duckdb_type(field.arrow_type),
        "config": {"meta": {"personal": field.personal, "identifying": field.identifying}},
    }
    if tests := _tests(field, table):
        column["data_tests"] = tests
    return column


def _tests(field: Field, table: Table) -> list[Yaml]:
    tests: list[Yaml] = ["not_null"] if field.required else []
    if field.name == table.key:
        tests.append("unique")
    if field.name in table.expected_unique:
        tests.append({"unique": {"config": {"severity": "warn"}}})
    listed = field.facets.enumeration if pa.types.is_dictionary(field.arrow_type) else ()
    # dbt puts each value between quotes of SQL as it is: what follows a quote in one would be read as SQL.
    if listed and not any(sign in value for value in listed for sign in "'\\"):
        tests.append({"accepted_values": {"arguments": {"values": [_literal(value) for value in listed]}}})
    return tests


def _literal(text: str) -> str:
    """Return a template of Jinja for this text: dbt renders every string, and the XSD may be somebody else's."""
    return re.sub(r"\{[{%#]", lambda found: f"{{{{ '{found[0]}' }}}}", text)


def _duckdb_type(kind: pa.DataType) -> str:
    """Return the type that DuckDB gives a column of the Parquet files."""
    if pa.types.is_list(kind):
        return f"{_duckdb_type(kind.value_type)}[]"
    return DIALECTS["duckdb"].types["string" if pa.types.is_dictionary(kind) else str(kind)]
