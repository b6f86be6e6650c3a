"""Changed persons take the place of their rows, in whatever batches these come."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from krr_export.changes.merge import Merger, conform, count_deleted
from krr_export.schema.registry import load_schema

SCHEMA = load_schema("14-05")
NAMES = ("personidentifikator", "status", "mobiltelefonnummer", "x509_sertifikat")
Row = tuple[str, str, str | None, bytes | None]
ROWS = st.tuples(
    st.sampled_from("123456"),
    st.sampled_from(["AKTIV", "SLETTET"]),
    st.sampled_from([None, "7", "8"]),
    st.sampled_from([None, b"a", b"b"]),
)


def batch(rows: list[Row], first: int = 1) -> pa.RecordBatch:
    numbered = [dict(zip(("radnummer", *NAMES), (n, *row), strict=True)) for n, row in enumerate(rows, first)]
    fields = [("radnummer", pa.int64()), *((name, SCHEMA.arrow.field(name).type) for name in NAMES)]
    return conform(pa.RecordBatch.from_pylist(numbered, pa.schema(fields)), SCHEMA, NAMES)


@given(
    st.lists(ROWS, max_size=9),
    st.lists(ROWS, max_size=6, unique_by=lambda row: row[0]),
    st.sets(st.sampled_from(["mobiltelefonnummer", "x509_sertifikat"])),
    st.integers(1, 4),
)
def test_the_result_is_that_of_plain_dictionaries(
    table: list[Row], changed: list[Row], kept: set[str], size: int
) -> None:
    merger = Merger(pa.Table.from_batches([batch(changed)]), kept)
    starts = range(0, len(table), size)
    merged = [merger.merge(batch(table[start : start + size], start + 1)) for start in starts]
    found = [tuple(row.values()) for one in (*merged, merger.rest()) for row in one.to_pylist()]

    news = {row[0]: row for row in changed}
    expected: list[tuple[object, ...]] = []
    seen: set[str] = set()
    for number, row in enumerate(table, 1):
        told = news.get(row[0])
        if told is None:
            expected.append((number, *row))
        elif row[0] not in seen:
            stays = {NAMES.index(name) for name in kept if told[1] == "AKTIV"}
            expected.append((number, *(row[at] if at in stays else told[at] for at in range(len(NAMES)))))
        seen.add(row[0])
    new = [row for row in changed if row[0] not in seen]
    assert found == expected + [(len(table) + n, *row) for n, row in enumerate(new, 1)]
    assert (merger.new, merger.removed) == (len(new), len(table) - len(expected))
    assert count_deleted(pa.Table.from_batches([batch(changed)])) == sum(row[1] == "SLETTET" for row in changed)
