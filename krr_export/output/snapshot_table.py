"""The tables of a published snapshot, read back as record batches."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from krr_export.domain.store_layout import MANIFEST
from krr_export.errors import InputError
from krr_export.output.manifest import find_snapshot, read_manifest, repair_hint
from krr_export.output.sinks.csv import EXCEL, RFC_4180
from krr_export.schema.record_schema import ORDINAL
from krr_export.util.stored_json import read_stored_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from krr_export.output.manifest import Manifest
    from krr_export.util.files import PartFile

PERSON = "person"
"""The name of the table of persons, and of its directory in a snapshot."""

_BATCH_ROWS = 65_536
_CSV_BLOCK_BYTES = 32 << 20
"""Arrow reads no CSV row that spans more than two blocks; a record has at most 8 MiB, a third more as base64."""


@dataclass(frozen=True)
class SnapshotTable:
    """A table of a snapshot.

    Attributes:
        root: the snapshot's directory, without links.
        manifest: the snapshot's manifest.
        schema: the columns as `batches` gives them.
        table: the name of the table, and of its directory in the snapshot.
    """

    root: Path
    manifest: Manifest
    schema: pa.Schema
    table: str = PERSON
    _proven: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name of the snapshot's directory, ``eksport=…``."""
        return self.root.name

    @cached_property
    def manifest_sha256(self) -> str:
        """The digest of the manifest, which names the snapshot's content: lower-case hexadecimal."""
        return hashlib.sha256(read_stored_file(self.root / MANIFEST)).hexdigest()

    @property
    def rows(self) -> int:
        """The number of rows, by the manifest."""
        return sum(part.rows for part in _parts(self.manifest, self.table))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the order of the files.

        Columns of text and binary that repeat few values are dictionary-encoded in Parquet, and stay so. Each file is
        proven by its digest before the first row is read from it: damage that Arrow does not notice would live on in
        what is made from the rows.

        Args:
            columns: the columns to read, in this order; ``None`` for all.

        Raises:
            InputError: a file is missing, damaged or has another number of rows than the manifest says.
        """
        names = list(self.schema.names if columns is None else columns)
        for part in _parts(self.manifest, self.table):
            rows = 0
            with _reading(self.root, part, self.manifest):
                self._prove(part)
                for batch in self._part_batches(part, names):
                    rows += batch.num_rows
                    if rows > part.rows:
                        break
                    yield batch
            if rows != part.rows:
                raise _damaged(self.root, part, self.manifest)

    def _prove(self, part: PartFile) -> None:
        if part.path in self._proven:
            return
        with (self.root / part.path).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != part.sha256:
                raise _damaged(self.root, part, self.manifest)
        self._proven.add(part.path)

    def _part_batches(self, part: PartFile, names: list[str]) -> Iterator[pa.RecordBatch]:
        path = self.root / part.path
        if path.suffix == ".parquet":
            return _parquet_batches(path, names)
        dialect = EXCEL if self.manifest.options.format == "csv-excel" else RFC_4180
        return _csv_batches(path, self.schema, names, dialect.separator)


def open_snapshot_table(
    snapshot: Path, csv_schema: Callable[[Manifest], pa.Schema | None] = lambda _: None, table: str = PERSON
) -> SnapshotTable:
    """Open a table of a published snapshot.

    Args:
        snapshot: its directory, or a link to it such as ``latest``.
        csv_schema: returns the types of columns, which CSV files do not say; other columns are text.
        table: the name of the table.

    Raises:
        InputError: there is no published snapshot at the path, or it is damaged.
        UsageError: it is not a local path.
    """
    root = find_snapshot(snapshot)
    manifest = read_manifest(root)
    parts = _parts(manifest, table)
    if not parts:
        raise InputError(f"{snapshot} lists no files of the table {table}", repair_hint(manifest))
    with _reading(root, parts[0], manifest):
        schema = _read_schema(root / parts[0].path, manifest, csv_schema)
    return SnapshotTable(root, manifest, schema, table)


def table_names(manifest: Manifest) -> list[str]:
    """Return the names of a snapshot's tables, person first."""
    names = {part.path.partition("/")[0] for part in manifest.files if "/" in part.path}
    return sorted(names, key=lambda name: (name != PERSON, name))


def _parts(manifest: Manifest, table: str) -> list[PartFile]:
    return [part for part in manifest.files if part.path.startswith(f"{table}/")]


@contextmanager
def _reading(root: Path, part: PartFile, manifest: Manifest) -> Iterator[None]:
    """Turn an error of reading a part file into one line; Arrow's own words may quote a value."""
    if not (root / part.path).is_file():  # a pipe, say, would be waited for
        raise _damaged(root, part, manifest)
    try:
        yield
    except (OSError, ValueError, pa.ArrowException):
        raise _damaged(root, part, manifest) from None


def _damaged(root: Path, part: PartFile, manifest: Manifest) -> InputError:
    hint = f"see krr-export verify; {repair_hint(manifest)}"
    return InputError(f"{root.name}/{part.path} is missing or damaged", hint)


def _read_schema(path: Path, manifest: Manifest, csv_schema: Callable[[Manifest], pa.Schema | None]) -> pa.Schema:
    if path.suffix == ".parquet":
        with path.open("rb") as file:  # Arrow opens no path that is not UTF-8
            return pq.read_schema(file)
    known = {field.name: field for field in (ORDINAL, *(csv_schema(manifest) or ()))}
    separator = EXCEL.separator if manifest.options.format == "csv-excel" else RFC_4180.separator
    with ExitStack() as stack:
        names = _open_csv(stack, path, separator, {}).schema.names
    pseudonyms = manifest.options.pseudonymised
    return pa.schema(
        [known[name] if name in known and name not in pseudonyms else pa.field(name, pa.string()) for name in names]
    )


def _parquet_batches(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        metadata = pq.read_metadata(file)
        repeated = [name for name in names if _is_dictionary(metadata, name)]
        parquet = pq.ParquetFile(file, metadata=metadata, read_dictionary=repeated)
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=names):
            yield batch.select(names)


def _is_dictionary(metadata: pq.FileMetaData, name: str) -> bool:
    """Return whether a text or binary column repeats few values: the writer then made a dictionary of them."""
    if metadata.num_row_groups == 0:
        return False
    group = metadata.row_group(0)
    leaves = (group.column(index) for index in range(group.num_columns))
    column = next((leaf for leaf in leaves if leaf.path_in_schema == name), None)  # a list's has another path
    return column is not None and column.physical_type == "BYTE_ARRAY" and "RLE_DICTIONARY" in column.encodings


def _csv_batches(path: Path, schema: pa.Schema, names: list[str], separator: str) -> Iterator[pa.RecordBatch]:
    fields = [schema.field(name) for name in names]
    types = {field.name: _csv_type(field.type) for field in schema}
    with ExitStack() as stack:
        for batch in _open_csv(stack, path, separator, types):
            columns = [_from_csv(batch.column(field.name), field.type) for field in fields]
            yield pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _open_csv(stack: ExitStack, path: Path, separator: str, types: dict[str, pa.DataType]) -> pa_csv.CSVStreamingReader:
    file = stack.enter_context(path.open("rb"))
    compression = "gzip" if path.suffix == ".gz" else None
    stream = stack.enter_context(pa.input_stream(file, compression=compression))
    reader = pa_csv.open_csv(
        stream,
        pa_csv.ReadOptions(block_size=_CSV_BLOCK_BYTES),
        pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        pa_csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    return stack.enter_context(reader)


def _csv_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that Arrow's CSV reader makes; `_from_csv` makes the rest."""
    return kind if pa.types.is_integer(kind) or pa.types.is_timestamp(kind) else pa.string()


def _from_csv(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_binary(kind):
        encoded = column.dictionary_encode()
        values = pa.array([b64decode(value, validate=True) for value in encoded.dictionary.to_pylist()], pa.binary())
        return values.take(encoded.indices)
    return column.cast(kind)
