"""CSV without loss against Parquet: RFC 4180, with null distinct from empty (``,,`` against ``,"",``).

Built column by column with Arrow's kernels; no Python code runs per row.
"""

from __future__ import annotations

from base64 import b64encode
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib

from krr_export.util.dictionaries import ENCODED_BINARY, canonical, is_encoded_binary

if TYPE_CHECKING:
    from krr_export.util.files import HashedFile, PartFile

_GZIP_LEVEL = 2  # of igzip's 0 to 3: as fast as 0 and a fifth smaller; 3 gains one per cent
_LIST_SEPARATOR = ";"
_GZIP_WINDOW = 16 + 15  # zlib's code for a gzip header; it contains no time and no name


@dataclass(frozen=True)
class Dialect:
    """A dialect of CSV.

    Attributes:
        prefix: bytes before the header.
        separator: between fields.
        quote_pattern: regular expression (RE2); a field that contains a match is quoted.
        formula_pattern: regular expression (RE2) of the beginning of a text that a spreadsheet would calculate; such a
            text gets a ``'`` before it. ``None``: texts are not changed.
    """

    prefix: bytes
    separator: str
    quote_pattern: str
    formula_pattern: str | None


RFC_4180 = Dialect(b"", ",", '[",\r\n]', None)
EXCEL = Dialect(BOM_UTF8, ";", '[";\r\n\t]', "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""For Excel in Norway, opened by a double click. Formulas: OWASP, "CSV Injection"; and Excel's wide signs."""


class CsvPart:
    """One CSV file being written.

    Args:
        file: receives the bytes.
        schema: the file's columns; the header is written at once.
        compression: ``gzip`` or ``none``. The same rows give the same bytes on the same build of igzip.
        dialect: how fields are separated and quoted.
    """

    def __init__(self, file: HashedFile, schema: pa.Schema, compression: str, dialect: Dialect = RFC_4180) -> None:
        self._file = file
        self._dialect = dialect
        self._rows = 0
        self._gzip = isal_zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW) if compression == "gzip" else None
        header = dialect.separator.join(_quote(pa.array(schema.names, pa.string()), dialect).to_pylist())
        self._append(dialect.prefix + f"{header}\n".encode())

    def write(self, group: pa.Table) -> None:
        """Append the rows of ``group``; a binary column may be dictionary-encoded.

        Raises:
            OutputError: the disk is full or failing.
        """
        self._append(csv_text(group, self._dialect))
        self._rows += group.num_rows

    def close(self) -> PartFile:
        """Finish the file.

        Raises:
            OutputError: the disk is full or failing.
        """
        if self._gzip:
            self._file.write(self._gzip.flush())
        return self._file.finish(self._rows)

    def abandon(self) -> None:
        """Close without finishing the file; never raises."""
        self._file.abandon()

    def _append(self, text: bytes | memoryview) -> None:
        self._file.write(self._gzip.compress(text) if self._gzip else text)


def csv_text(table: pa.Table, dialect: Dialect = RFC_4180) -> memoryview:
    """Return the rows of ``table`` as UTF-8 CSV without header, each line ended by a line feed.

    Null is nothing at all, an empty string ``""``; times are ``2014-02-25T12:08:00.000000Z``, binary is base64, and the
    texts of a list are joined by semicolons.
    """
    fields = [_csv_fields(column, dialect) for column in table.columns]
    joined = pc.binary_join_element_wise(*fields, dialect.separator, null_handling="replace", null_replacement="")
    lines = pc.binary_join_element_wise(joined, "", "\n")
    # The values of a string array are contiguous: its buffer is the text of the file.
    return memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()]


def _csv_fields(column: pa.ChunkedArray, dialect: Dialect) -> pa.Array:
    """Return each value as its CSV field, quoted if needed."""
    kind = column.type
    if pa.types.is_binary(kind) or is_encoded_binary(kind):
        distinct = canonical(column, ENCODED_BINARY)
        text = pa.array([b64encode(value) for value in distinct.dictionary.to_pylist()], pa.string())
        return _quote(_escape_formulas(text, dialect), dialect).take(distinct.indices)
    if pa.types.is_timestamp(kind):
        # Cast to a time without zone: Arrow looks UTC up in the zone database for each value, 14 times slower.
        text = canonical(column.cast(pa.timestamp("us")), pa.string())
        return pc.binary_join_element_wise(pc.binary_replace_slice(text, 10, 11, "T"), "Z", "")
    if pa.types.is_list(kind):
        texts = pc.binary_join(column.cast(pa.list_(pa.string())), _LIST_SEPARATOR)
        return _csv_fields(texts, dialect)
    text = canonical(column, pa.string())
    is_text = pa.types.is_string(kind) or pa.types.is_dictionary(kind)  # a number's minus begins no formula
    return _quote(_escape_formulas(text, dialect) if is_text else text, dialect)


def _escape_formulas(text: pa.Array, dialect: Dialect) -> pa.Array:
    """Prefix a ``'`` to texts that the dialect's reader would calculate."""
    if dialect.formula_pattern is None:
        return text
    prefixed = pc.binary_join_element_wise("'", text, "")
    return pc.if_else(pc.match_substring_regex(text, dialect.formula_pattern), prefixed, text)


def _quote(text: pa.Array, dialect: Dialect) -> pa.Array:
    """Quote as in RFC 4180 §2.6 and 2.7; the empty string is quoted too, to be distinct from null."""
    empty = pc.equal(pc.binary_length(text), 0)
    needs_quotes = pc.or_(empty, pc.match_substring_regex(text, dialect.quote_pattern))
    if not pc.any(needs_quotes).as_py():
        return text
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(needs_quotes, quoted, text)
