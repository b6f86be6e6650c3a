"""Rows of every type, and ways to write and read them, for the tests of the sinks."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from krr_export.output.sinks import PartFile, SinkOptions, TableSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


STATUS = ("AKTIV", "SLETTET", "IKKE_REGISTRERT")
SCHEMA = pa.schema(
    [
        pa.field("radnummer", pa.int64(), nullable=False),
        pa.field("navn", pa.string()),
        pa.field("status", pa.dictionary(pa.int8(), pa.string())),
        pa.field("sett", pa.timestamp("us", tz="UTC")),
        pa.field("sertifikat", pa.binary()),
        pa.field("antall", pa.int16()),
        pa.field("aktiv", pa.bool_()),
        pa.field("vekt", pa.float64()),
        pa.field("dato", pa.date32()),
    ],
    metadata={"eksportTidspunkt": "2014-02-26T12:22:25+01:00", "senesteEndringsNummer": "7"},
)
NAMES = ["Åse", "", None, 'si "hei"', "a,b", "linje\nskift", "retur\rher"]
NAMES += ["\r\n", " luft ", "𝄞", "NULL", "'", '"', "#x"]
CERTIFICATES = [b"\x30\x82" + bytes([i]) * 40 for i in range(3)]

PARQUET = SinkOptions()
CSV = SinkOptions(format="csv")
CSV_GZ = SinkOptions(format="csv", compression="gzip")


def table(rows: int, start: int = 0, encoded: bool = True) -> pa.Table:  # noqa: FBT001, FBT002 - a test helper
    """Rows of every type, nulls among them; the certificates as workers send them, or plain."""
    numbers = range(start, start + rows)
    seen = datetime(2014, 2, 25, 12, 8, tzinfo=UTC).timestamp()
    certificates = pa.array([CERTIFICATES[i % 3] if i % 2 else None for i in numbers], pa.binary())
    columns = [
        pa.array(numbers, pa.int64()),
        pa.array([NAMES[i % len(NAMES)] for i in numbers], pa.string()),
        statuses([STATUS[i % 5] if i % 5 < 3 else None for i in numbers]),
        pa.array([int((seen + i) * 1e6) if i % 4 else None for i in numbers], pa.timestamp("us", tz="UTC")),
        certificates.dictionary_encode() if encoded else certificates,
        pa.array([i % 300 if i % 7 else None for i in numbers], pa.int16()),
        pa.array([i % 3 == 0 if i % 6 else None for i in numbers], pa.bool_()),
        pa.array([i / 8 if i % 9 else None for i in numbers], pa.float64()),
        pa.array([date(2014, 1, 1 + i % 28) if i % 5 else None for i in numbers], pa.date32()),
    ]
    return pa.table(columns, names=SCHEMA.names)


def statuses(values: Sequence[str | None], choices: Sequence[str] = STATUS) -> pa.DictionaryArray:
    codes = pa.array([None if value is None else choices.index(value) for value in values], pa.int8())
    return pa.DictionaryArray.from_arrays(codes, pa.array(choices))


def label(options: object) -> str:
    """What a test's name says of the options that it was given."""
    if not isinstance(options, SinkOptions):
        return str(options)
    return "-".join((options.effective_compression, options.extension, *options.partition_by))


def write(
    directory: Path, rows: pa.Table | Iterable[pa.RecordBatch], options: SinkOptions, schema: pa.Schema = SCHEMA
) -> tuple[PartFile, ...]:
    directory.mkdir(exist_ok=True)
    with TableSink(directory, "person", schema, options) as sink:
        for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
            sink.write(batch)
        return sink.close()


def rows_of(readable: pa.Table) -> Counter[tuple[Any, ...]]:
    """The rows of a table, in whatever order and types a reader gave them."""
    columns = [readable[name].to_pylist() for name in SCHEMA.names]
    return Counter(zip(*columns, strict=True))


def duck(query: str) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(query).to_arrow_table()
