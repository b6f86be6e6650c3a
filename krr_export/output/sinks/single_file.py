"""Rows of a table → one file that the user names, or standard output."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from krr_export.errors import UsageError
from krr_export.output.outputs import STDIO, atomic_write, write_error
from krr_export.output.sinks.csv import EXCEL, RFC_4180, CsvPart
from krr_export.output.sinks.json_lines import JsonLinesPart
from krr_export.output.sinks.parquet import ParquetLayout, ParquetPart
from krr_export.util.files import HashedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

FileFormat = Literal["parquet", "csv", "csv-excel", "jsonl"]
FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

_SUFFIXES: dict[str, FileFormat] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def file_format(path: str, given: FileFormat | None) -> FileFormat:
    """Return the format of a file: the one that is given, or that its name says; for standard output JSON Lines.

    Raises:
        UsageError: the name does not say which format, or Parquet would go to standard output.
    """
    chosen = given or ("jsonl" if path == STDIO else _SUFFIXES.get(Path(path).suffix.lower()))
    if chosen is None:
        raise UsageError(
            f"{path}: the name does not say which format",
            f"give a name that ends in {', '.join(_SUFFIXES)}, or --format",
        )
    if path == STDIO and chosen == "parquet":
        raise UsageError("Parquet cannot go to standard output", "give the name of a file, or --format csv or jsonl")
    return chosen


def write_rows(path: str, tables: Iterable[pa.Table], schema: pa.Schema, form: FileFormat) -> int:
    """Write rows to a file, completely or not at all; only its owner may read it.

    Args:
        path: of the file; ``-`` is standard output.
        tables: the rows, of the schema's columns. Texts may stand for enumerations, and dictionaries for binary.
        schema: the columns; Parquet gets its metadata.
        form: of the file.

    Returns:
        The number of rows.

    Raises:
        OutputError: the file cannot be written.
        UsageError: it would be in a snapshot.
    """
    with _opened(path) as file:
        part: ParquetPart | CsvPart | JsonLinesPart | None = None
        try:
            for table in tables:
                if table.num_rows:
                    part = part or _open_part(file, table, schema, form)
                    part.write(table)
            part = part or _open_part(file, schema.empty_table(), schema, form)
            return part.close().rows
        finally:
            file.abandon()


def _open_part(
    file: HashedFile, first: pa.Table, schema: pa.Schema, form: FileFormat
) -> ParquetPart | CsvPart | JsonLinesPart:
    if form == "parquet":
        return ParquetPart(file, ParquetLayout.from_rows(first, schema), "zstd")
    if form == "jsonl":
        return JsonLinesPart(file)
    return CsvPart(file, schema, "none", EXCEL if form == "csv-excel" else RFC_4180)


@contextmanager
def _opened(path: str) -> Iterator[HashedFile]:
    if path == STDIO:
        sys.stdout.flush()
        yield HashedFile("standard output", os.dup(sys.stdout.fileno()))
        return
    try:
        with atomic_write(Path(path), private=True) as file:
            yield HashedFile(Path(path).name, os.dup(file.fileno()), shown=path)
    except OSError as error:
        raise write_error(path, error) from None
