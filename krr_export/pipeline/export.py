"""An export as a lazy object: opening it reads the header, iterating it reads the records."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO, Self, Unpack

import pyarrow as pa

from krr_export.errors import TRANSFER_AGAIN, InputError, UsageError
from krr_export.input.delivery.opening import DeliveryKeywords, DeliveryOptions, with_keywords
from krr_export.input.open_source import open_source, source_name
from krr_export.parsing.blocks import Document
from krr_export.parsing.rejects import REJECTS_SCHEMA, to_batch
from krr_export.parsing.scanning import make_scanner
from krr_export.pipeline.process_block import BlockProcessor, Plan
from krr_export.pipeline.read_options import ReadOptions
from krr_export.profiling.profiler import Profiler
from krr_export.rules.stage import RuleSet
from krr_export.schema.record_schema import RecordSchema
from krr_export.schema.registry import load_schema
from krr_export.transform import DeriveOptions, build_derivation
from krr_export.transform.privacy import column_names
from krr_export.util.fields import Names, StrPath, refuse_wrong_options
from krr_export.util.processors import default_workers
from krr_export.util.threads import map_in_order
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    import pandas as pd

    from krr_export.input.source import Source
    from krr_export.output.manifest import Applied
    from krr_export.parsing.block import Block
    from krr_export.parsing.header import Header
    from krr_export.pipeline.process_block import BlockResult


class Export:
    """An opened export. Its records can be read once. Use it as a context manager.

    Attributes:
        source: the stream that it is read from.
        header: the export's header.
        record_schema: the structure of its records, from the XSD.
        profiler: makes profiles of its records; ``None`` if not asked for.
        derivation: the columns to derive from its records.
        workers: threads that read blocks, besides the caller's; 0 for none.
        applied: set if it was made of pages of the change feed.
        schema: the Arrow schema of its table, derived columns included; the metadata identify the export.
    """

    def __init__(self, source: Source, record_schema: RecordSchema, options: ReadOptions) -> None:
        self.source = source
        self.record_schema = record_schema
        self._options = options
        self.workers = default_workers() if options.workers is None else options.workers
        self._document = Document(source, record_schema)
        self.header: Header = self._document.header
        self.transcoded: bool = self._document.transcoded
        self.profiler = Profiler(record_schema, self.header.exported_at) if options.profile else None
        self.derivation = build_derivation(record_schema, self.header.exported_at, options.derive)
        schema_with_metadata = record_schema.arrow.with_metadata(_metadata(self.header, record_schema))
        self.schema: pa.Schema = self.derivation.extend_schema(schema_with_metadata)
        self.applied: Applied | None = None
        self._rejected: list[pa.RecordBatch] = []
        self._is_read = False

    def __repr__(self) -> str:
        header, read = self.header, "read" if self._is_read else "not read yet"
        return f"<Export {self.source.name} of {header.eksport_tidspunkt}, {self.record_schema.name}, {read}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the source."""
        self.source.close()

    def results(self) -> Generator[BlockResult, None, None]:
        """Yield the result of each block, in order; all other ways to read are built on this.

        Raises:
            InputError: the export is unusable; results yielded before are still valid.
            UsageError: the records were read before.
        """
        if self._is_read:
            raise UsageError("the records of an export can be read once", "open it again")
        self._is_read = True
        options, document = self._options, self._document
        plan = Plan(
            self.record_schema,
            document.envelope,
            make_scanner(self.record_schema, self.header.namespaces) if options.reader == "auto" else None,
            rules=RuleSet(self.header.exported_at, frozenset(options.strict)) if options.rules else None,
            profiler=self.profiler,
            derivation=self.derivation if self.derivation.columns else None,
        )
        with name_source_in_errors(self.source.name), attribute_errors(self.source):
            blocks = document.blocks() if options.limit is None else _limit_blocks(document.blocks(), options.limit)
            with closing(map_in_order(lambda: BlockProcessor(plan).process, blocks, self.workers)) as results:
                yield from results
            if options.limit is not None:
                self.source.prove()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the accepted records as record batches of ``schema``, in order, while the export is read.

        Raises:
            InputError: the export is unusable.
        """
        for result in self.results():
            if result.rejects:
                self._rejected.append(to_batch(result.rejects))
            if result.batch.num_rows:
                yield _cast_to_schema(result.batch, self.schema)

    def reader(self) -> pa.RecordBatchReader:
        """Return ``batches`` as an Arrow stream, which DuckDB, pandas and Polars can read."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())

    def to_pandas(self) -> pd.DataFrame:
        """Return all accepted records as a data frame; times in UTC, enumerated columns categorical."""
        frame: pd.DataFrame = self.reader().read_all().to_pandas()
        return frame

    @property
    def rejects(self) -> pa.Table:
        """The records rejected so far by ``batches``, ``reader`` or ``to_pandas``; see ``rejects`` in the docs.

        They are kept in memory, so this grows with their number.
        """
        return pa.Table.from_batches(self._rejected, REJECTS_SCHEMA)


@refuse_wrong_options(
    DeliveryKeywords.__annotations__, schema=StrPath, workers=int | None, reader=str, limit=int | None, derive=Names
)
def open_export(  # noqa: PLR0913 - by keyword, each an option of the command line
    source: StrPath | BinaryIO,
    *,
    schema: str | Path = "14-05",
    workers: int | None = None,
    reader: str = "auto",
    limit: int | None = None,
    delivery: DeliveryOptions | None = None,
    derive: Names = (),
    as_of: datetime | str | None = None,
    on_read: Callable[[int], object] | None = None,
    **keys: Unpack[DeliveryKeywords],
) -> Export:
    """Open an export and read its header.

    >>> with krr_export.open_export("export.xml.gz") as export:
    ...     persons = export.to_pandas()
    >>> len(persons), export.rejects.num_rows
    (2000, 0)

    Args:
        source: a path (plain or gzip), ``-`` for standard input, or a binary stream.
        schema: ``14-05``, ``16-02``, or the path of an XSD.
        workers: threads that read; 0 for none, by default one for each processor that may be used (a container's quota
            counts), 8 at most. Small exports use none.
        reader: ``auto`` or a reader's name.
        limit: read no more than this many records.
        delivery: how a delivery is verified and decrypted; ``source`` is then one file of its set, or a directory.
        derive: columns to derive, from `krr_export.transform.NAMES`; or ``all``.
        as_of: the moment for which varslingsstatus is derived; by default, that of the export.
        on_read: called with the number of bytes just read from the source.
        keys: options of ``delivery`` by name, such as ``private_key="receiver.p12"``; they override it.

    Raises:
        InputError: there is no export, or its beginning is not an export's.
        UsageError: there is no such schema, reader or column.
    """
    derived = DeriveOptions(column_names("--derive", derive), as_of)
    options = ReadOptions(workers, reader, limit, with_keywords(delivery, keys), derived)
    return open_with(source, schema, options, on_read)


def open_with(
    source: StrPath | BinaryIO,
    schema: str | Path | RecordSchema,
    options: ReadOptions,
    on_read: Callable[[int], object] | None = None,
) -> Export:
    """Open an export as `open_export` does, but with options already made.

    Args:
        source: as in `open_export`.
        schema: as in `open_export`, or already loaded.
        options: how the export is read.
        on_read: as in `open_export`.

    Raises:
        InputError: there is no export, or its beginning is not an export's.
        UsageError: there is no such schema.
    """
    with name_source_in_errors(source_name(source)), ExitStack() as on_error:
        stream = open_source(source, delivery=options.delivery, on_read=on_read)
        on_error.callback(stream.close)
        record_schema = schema if isinstance(schema, RecordSchema) else load_schema(schema)
        with attribute_errors(stream, whole=False):
            export = Export(stream, record_schema, options)
        on_error.pop_all()
        return export


@contextmanager
def name_source_in_errors(name: str) -> Iterator[None]:
    """Put the source's name before the message of an `InputError`."""
    try:
        yield
    except InputError as error:
        raise type(error)(f"{name}: {error.message}", error.hint) from None


@contextmanager
def attribute_errors(source: Source, *, whole: bool = True) -> Iterator[None]:
    """Make an `InputError` say whether the transfer or the sender is at fault.

    A corrupt transfer looks as if the sender had sent the export so, and the other way round. The source knows which of
    the two it is, if it has a checksum or a signature.

    Args:
        source: the source being read.
        whole: whether to read it to its end to find out; otherwise only what is known by now is used.
    """
    try:
        try:
            yield
        except InputError:
            if whole:
                source.check_transfer()
            raise
    except InputError as error:
        if error.hint == TRANSFER_AGAIN and source.damage_hint:
            raise type(error)(error.message, source.damage_hint) from None
        raise


def _limit_blocks(blocks: Iterable[Block], limit: int) -> Iterator[Block]:
    """Yield the blocks up to record ``limit``; the rest is not read."""
    for block in blocks:
        room = limit - block.first + 1
        yield block.first_records(room)
        if block.records >= room:
            return


def _cast_to_schema(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Cast a batch to the types of ``schema``, since binary columns are dictionary-encoded until here."""
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _metadata(header: Header, schema: RecordSchema) -> dict[str, str]:
    return {
        "eksportTidspunkt": header.eksport_tidspunkt,
        "senesteEndringsNummer": str(header.seneste_endringsnummer),
        "schema": schema.name,
        "krr_export_version": __version__,
    }
