"""Write the table ``person`` as a CREATE TABLE statement, in the dialects of common warehouses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from krr_export.schema.record_schema import Field

TABLE = "person"
_UNBOUNDED = 2000
"""Characters from which a limit of length is no help: twice as many UTF-16 units are the longest ``nvarchar(n)``."""

# Reserved in at least one of the dialects: quoting a name without need does no harm.
_RESERVED = frozenset(
    """
    account all alter analyse analyze and anti any array as asc asof assert_rows_modified asymmetric at authorization
    between binary both by case cast check collate collation column columns concurrently connect connection constraint
    contains create cross cube current current_catalog current_date current_role current_schema current_time
    current_timestamp current_user database default deferrable define delete desc describe distinct do drop else end
    enum escape except exclude exists extract false fetch following for foreign freeze from full generated glob grant
    group grouping groups gscluster hash having if ignore ilike in increment initially inner insert intersect interval
    into is isnull issue join lambda lateral leading left like limit localtime localtimestamp lookup map merge minus
    natural new no not notnull null nulls of offset on only or order organization outer over overlaps partition pivot
    pivot_longer pivot_wider placing positional preceding primary proto qualify range recursive references regexp
    respect returning revoke right rlike rollup row rows sample schema select semi session_user set show similar some
    start struct summarize symmetric system_user table tablesample then to trailing treat trigger true try_cast tuple
    unbounded union unique unnest unpack unpivot update user using values variadic verbose view when whenever where
    window with within
    """.split()  # noqa: SIM905 - a literal, a word a line, would be longer than the rest of the module
)


@dataclass(frozen=True)
class Dialect:
    """The SQL dialect of one database.

    Attributes:
        name: the database's usual name.
        types: SQL types by the names of Arrow types.
        quotes: the characters before and after a name that must be quoted; one stands for both.
        backslash: whether a backslash in a string escapes the next character.
        string_prefix: stands before a string, so that it may hold any character.
        bounded_text: the type of text whose length the XSD limits; ``None`` if it is no other.
        listed: gives the type and constraint of a text column with a list of values, from its name and the values as
            SQL; ``None`` if the dialect cannot enforce a list.
        column_comment: a comment within a column's definition; ``None`` if comments are separate statements.
        table_comment: the same for the table, after its columns.
        extended_properties: whether separate comments are the extended property MS_Description of SQL Server.
        load: how to load a snapshot, as text for a comment.
    """

    name: str
    types: dict[str, str]
    quotes: str = '"'
    backslash: bool = False
    string_prefix: str = ""
    bounded_text: str | None = None
    listed: Callable[[str, str], str] | None = None
    column_comment: str | None = None
    table_comment: str | None = None
    extended_properties: bool = False
    load: str = ""

    def create_table(self, fields: Iterable[Field], about: str) -> str:
        """Return the statements that create the table, each ended by a semicolon.

        Args:
            fields: the columns.
            about: what the table is, in one line.
        """
        fields = tuple(fields)
        lines = [f"-- {about}", *(f"-- {line}" for line in self.load.splitlines()), f"CREATE TABLE {TABLE} ("]
        lines.append(self.definitions(fields))
        if self.column_comment and self.table_comment:
            lines.append(f") {self.table_comment.format(self.string(about))};")
        else:
            lines += [");", *self._comment_statements(fields, about)]
        return "\n".join(lines)

    def definitions(self, fields: Iterable[Field]) -> str:
        """Return the columns as they stand between the parentheses, one a line; with comments if they belong there."""
        return ",\n".join(f"  {self._column(field)}" for field in fields)

    def _column(self, field: Field) -> str:
        name = self.identifier(field.name)
        words = [name, self._type(field, name)]
        if field.required:
            words.append("NOT NULL")
        if self.column_comment and field.documentation:
            words.append(self.column_comment.format(self.string(field.documentation)))
        return " ".join(words)

    def _type(self, field: Field, name: str) -> str:
        kind = field.arrow_type
        if self.bounded_text and kind == pa.string() and (field.facets.max_length or _UNBOUNDED) < _UNBOUNDED:
            return self.bounded_text
        if not pa.types.is_dictionary(kind):
            return self.types[str(kind)]
        if self.listed is None:
            return self.types["string"]
        return self.listed(name, ", ".join(self.string(value) for value in field.facets.enumeration))

    def _comment_statements(self, fields: Iterable[Field], about: str) -> Iterator[str]:
        comment = self._extended_property if self.extended_properties else self._comment_on
        yield comment(about)
        for field in fields:
            if field.documentation:
                yield comment(field.documentation, field.name)

    def _comment_on(self, text: str, column: str | None = None) -> str:
        what = f"TABLE {TABLE}" if column is None else f"COLUMN {TABLE}.{self.identifier(column)}"
        return f"COMMENT ON {what} IS {self.string(text)};"

    def _extended_property(self, text: str, column: str | None = None) -> str:
        levels = [("SCHEMA", "dbo"), ("TABLE", TABLE), *([("COLUMN", column)] if column else [])]
        where = ", ".join(
            f"@level{i}type = {self.string(kind)}, @level{i}name = {self.string(name)}"
            for i, (kind, name) in enumerate(levels)
        )
        value = self.string(text)
        return f"EXEC sp_addextendedproperty @name = {self.string('MS_Description')}, @value = {value}, {where};"

    def identifier(self, name: str) -> str:
        """Return a name, quoted where it must be."""
        plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in _RESERVED
        return name if plain else f"{self.quotes[0]}{name}{self.quotes[-1]}"

    def string(self, text: str) -> str:
        """Return a text as a literal."""
        if not self.backslash:
            return f"{self.string_prefix}'" + text.replace("'", "''") + "'"
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
