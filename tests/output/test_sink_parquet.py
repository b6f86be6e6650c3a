"""What the Parquet promises: every reader finds the rows again, and no footer says anything of any person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sink_rows import PARQUET, SCHEMA, STATUS, duck, rows_of, statuses, table, write

from krr_export.output.sinks import SinkOptions
from krr_export.output.sinks import options as sink_options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "none"])
def test_every_reader_of_parquet_finds_the_same_rows(tmp_path: Path, compression: sink_options.Compression) -> None:
    rows = table(73)
    [part] = write(tmp_path, rows, SinkOptions(compression=compression))
    path = tmp_path / part.path
    expected = rows_of(rows)
    assert part.rows == 73
    assert rows_of(pq.read_table(path)) == expected
    assert rows_of(duck(f"FROM '{path}'")) == expected
    assert rows_of(pa.Table.from_pandas(pd.read_parquet(path, dtype_backend="pyarrow"))) == expected
    assert rows_of(pl.read_parquet(path).to_arrow()) == expected


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("rows", [0, 1, 73])
def test_a_part_file_explains_itself(tmp_path: Path, rows: int) -> None:
    [part] = write(tmp_path, table(rows), PARQUET)
    read = pq.read_table(tmp_path / part.path)
    assert read.schema.equals(SCHEMA, check_metadata=True)
    stored = pq.read_metadata(tmp_path / part.path).metadata
    assert stored[b"eksportTidspunkt"] == b"2014-02-26T12:22:25+01:00", "for readers that do not know Arrow"
    if rows:
        assert read["status"].chunk(0).dictionary.to_pylist() == list(STATUS)


def test_an_enumeration_keeps_the_order_of_its_values_for_pandas(tmp_path: Path) -> None:
    [part] = write(tmp_path, table(73), PARQUET)
    assert list(pd.read_parquet(tmp_path / part.path)["status"].cat.categories) == list(STATUS)


def test_the_end_of_the_file_says_nothing_of_any_person(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            pa.field("radnummer", pa.int64()),
            pa.field("name", pa.string()),
            pa.field("often", pa.string()),
            pa.field("messages", pa.list_(pa.string())),
            pa.field("certificate", pa.binary()),
            pa.field("status", pa.dictionary(pa.int8(), pa.string())),
        ]
    )
    rows = 50_000
    planted = [b"PLANTED-%05d" % i for i in range(rows)]
    certificates = pa.array([b"CERTIFICATE-%d" % (i % 2) for i in range(rows)]).dictionary_encode()
    columns = [
        range(rows),
        [value.decode() for value in planted],
        ["OFTEN"] * rows,
        [["MESSAGE"]] * rows,
        certificates,
        statuses(["AKTIV"] * rows),
    ]
    batch = pa.record_batch([pa.array(c) if isinstance(c, list | range) else c for c in columns], schema.names)
    [part] = write(tmp_path, [batch], SinkOptions(compression="none"), schema)
    content = (tmp_path / part.path).read_bytes()
    metadata = pq.read_metadata(tmp_path / part.path)
    chunks = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    pages_end = max(
        min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) + c.total_compressed_size
        for c in chunks
    )
    pages, end = content[:pages_end], content[pages_end:]  # the end: page index and footer
    for secret in (b"PLANTED", b"OFTEN", b"MESSAGE", b"CERTIFICATE"):
        assert secret in pages
        assert secret not in end
    assert b"AKTIV" in end, "the search would find a value that is there"
    assert {c.path_in_schema: (c.is_stats_set, c.has_column_index, c.has_offset_index) for c in chunks} == {
        "radnummer": (True, True, True),
        "name": (False, False, True),
        "often": (False, False, True),
        "messages.list.element": (False, False, True),
        "certificate": (False, False, True),
        "status": (True, True, True),
    }


def test_a_dictionary_is_made_where_values_repeat(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            ("unique", pa.string()),
            ("few", pa.string()),
            ("certificate", pa.binary()),
            ("record", pa.binary()),
            ("codes", pa.list_(pa.string())),
            ("number", pa.int64()),
        ]
    )
    rows = 5_000
    columns: list[list[Any]] = [
        [str(i) for i in range(rows)],
        [str(i % 9) for i in range(rows)],
        [b"%d" % (i % 9) for i in range(rows)],
        [b"%d" % i for i in range(rows)],
        [["E1"] * (i % 3) for i in range(rows)],
        list(range(rows)),
    ]
    [part] = write(tmp_path, pa.table([pa.array(column) for column in columns], schema=schema), PARQUET, schema)
    group = pq.read_metadata(tmp_path / part.path).row_group(0)
    encoded = {group.column(i).path_in_schema: group.column(i).has_dictionary_page for i in range(len(schema))}
    assert [name for name, has in encoded.items() if has] == ["few", "certificate", "codes.list.element"]
    assert pq.read_table(tmp_path / part.path).to_pydict() == dict(zip(schema.names, columns, strict=True))
