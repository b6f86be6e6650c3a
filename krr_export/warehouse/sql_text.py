"""Names and literals of SQL, as DuckDB and PostgreSQL write them."""

from __future__ import annotations


def quote(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name, quoted, as a name of SQL."""
    return '"' + name.replace('"', '""') + '"'
