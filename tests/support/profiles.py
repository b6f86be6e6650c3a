"""Batches of rows with some values, and the profiles of them, for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export import load_schema, open_export
from krr_export.parsing.batch_view import BatchView
from krr_export.profiling.profiler import Profiler
from krr_export.profiling.summarize import summarize
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from krr_export.profiling.profile import Profile

EXPORTED = datetime(2026, 2, 26, 11, 22, 25, tzinfo=UTC)
SCHEMA = load_schema("14-05")

Json = dict[str, Any]


def sample(directory: Path, records: int = 5000) -> pa.Table:
    """Records of a sample, dictionaries and all, as they come from the readers."""
    path = directory / "export.xml"
    write_sample_file(path, SampleOptions(records, seed=11))
    with open_export(path, workers=0) as export:
        return pa.Table.from_batches([result.batch for result in export.results()]).combine_chunks()


def rows(count: int, schema: pa.Schema | None = None, **columns: Iterable[object]) -> pa.RecordBatch:
    """So many rows that have these columns, and nothing else but an identity number."""
    schema = schema or SCHEMA.arrow
    values: dict[str, Iterable[object]] = {"radnummer": range(1, count + 1)}
    values |= {"personidentifikator": ["03851598730"] * count} | columns
    arrays = [pa.array(values.get(field.name, [None] * count), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def profiled(*batches: pa.RecordBatch) -> Profile:
    """The profile of batches of one export, added up in their order."""
    profiler = Profiler(SCHEMA, EXPORTED)
    together = profiler.empty()
    for batch in batches:
        together.add(profiler.profile_batch(BatchView(batch)))
    return together


def told(*batches: pa.RecordBatch, hidden: Iterable[str] = ()) -> Json:
    """The same as a report has it."""
    return summarize(profiled(*batches), frozenset(hidden)).to_dict()


def pieces(table: pa.Table, cuts: Iterable[int]) -> list[pa.RecordBatch]:
    """A table cut before these rows."""
    edges = [0, *sorted(cuts), table.num_rows]
    parts = [table.slice(start, end - start) for start, end in pairwise(edges)]
    return [part.combine_chunks().to_batches()[0] for part in parts if part.num_rows]
