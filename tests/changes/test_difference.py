"""What differs between two tables is what a full join of them says, whatever the rows, the batches and the keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.changes import difference
from krr_export.changes.candidates import CandidateFinder
from krr_export.changes.columns import Ignored, compare_columns
from krr_export.changes.counts import ChangeCounts
from krr_export.changes.difference import find_differences
from krr_export.changes.key_codes import key_codes
from krr_export.errors import UsageError

if TYPE_CHECKING:
    from krr_export.changes.summary import ChangeSummary

SCHEMA = pa.schema(
    [
        pa.field("radnummer", pa.int64(), nullable=False),
        pa.field("personidentifikator", pa.string(), nullable=False),
        pa.field("status", pa.dictionary(pa.int8(), pa.string())),
        pa.field("epostadresse", pa.string()),
        pa.field("sist_oppdatert", pa.timestamp("us", "UTC")),
        pa.field("x509_sertifikat", pa.binary()),
    ]
)
VALUES = ["status", "epostadresse", "sist_oppdatert", "x509_sertifikat"]
Row = tuple[Any, ...]
NOTHING = Ignored()

KEYS = st.one_of(
    st.sampled_from(["41010112345", "41010112346", "4101011234", "", "4", "41010112345x"]),
    st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda text: text[:2] * 8 + text[16:]),
    st.text(max_size=20),
)
"""Identity numbers, pseudonyms whose first 16 digits are often the same, and what no register has."""
ROWS = st.lists(
    st.tuples(
        KEYS,
        st.sampled_from(["AKTIV", "SLETTET", None]),
        st.sampled_from([None, "", "None", "a@example.no", "b@example.no"]),
        st.sampled_from([None, datetime(1970, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]),
        st.sampled_from([None, b"", b"\0", b"der"]),
    ),
    max_size=12,
)


def table(rows: list[Row]) -> pa.Table:
    columns = [[place, *row] for place, row in enumerate(rows, start=1)]
    arrays = [pa.array([row[i] for row in columns], field.type) for i, field in enumerate(SCHEMA)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def compared(
    old: pa.Table, new: pa.Table, size: int = 1000, ignored: Ignored = NOTHING
) -> tuple[list[dict[str, Any]], ChangeSummary]:
    """Compare two tables that come in batches of this size."""
    columns = compare_columns(old.schema, new.schema, ignored=ignored)
    finder = CandidateFinder(old.num_rows, old.to_batches(size), columns.compared)
    for batch in new.to_batches(size):
        finder.add(batch)
    counts = ChangeCounts()

    def reading(one: pa.Table) -> Any:  # noqa: ANN401 - a function
        return lambda names: one.select(names).to_batches(size)

    found = [*find_differences(finder.candidates(), reading(old), reading(new), columns, counts)]
    schema = columns.changes_schema()
    rows = [row for one in found for row in one.cast(schema).to_pylist()]
    return rows, counts.summary(new.num_rows, columns, "eksport=20140226T112225Z", "0" * 64)


ORACLE = """
WITH o AS (SELECT *, row_number() OVER (PARTITION BY personidentifikator ORDER BY radnummer) AS forekomst FROM old),
     n AS (SELECT *, row_number() OVER (PARTITION BY personidentifikator ORDER BY radnummer) AS forekomst FROM new)
SELECT coalesce(n.personidentifikator, o.personidentifikator) AS personidentifikator, forekomst,
       CASE WHEN o.radnummer IS NULL THEN 'ny' WHEN n.radnummer IS NULL THEN 'borte'
            WHEN n.status = 'SLETTET' AND o.status IS DISTINCT FROM 'SLETTET' THEN 'slettet'
            ELSE 'endret' END AS endring,
       CASE WHEN o.radnummer IS NULL OR n.radnummer IS NULL THEN []
            ELSE [name FOR name IN [CASE WHEN o.status IS DISTINCT FROM n.status THEN 'status' END,
                 CASE WHEN o.epostadresse IS DISTINCT FROM n.epostadresse THEN 'epostadresse' END,
                 CASE WHEN o.sist_oppdatert IS DISTINCT FROM n.sist_oppdatert THEN 'sist_oppdatert' END,
                 CASE WHEN o.x509_sertifikat IS DISTINCT FROM n.x509_sertifikat THEN 'x509_sertifikat' END]
                 IF name IS NOT NULL] END AS endrede_kolonner,
       CASE WHEN n.radnummer IS NULL THEN o.radnummer ELSE n.radnummer END AS radnummer
FROM o FULL JOIN n USING (personidentifikator, forekomst)
WHERE o.radnummer IS NULL OR n.radnummer IS NULL OR o.status IS DISTINCT FROM n.status
   OR o.epostadresse IS DISTINCT FROM n.epostadresse OR o.sist_oppdatert IS DISTINCT FROM n.sist_oppdatert
   OR o.x509_sertifikat IS DISTINCT FROM n.x509_sertifikat
"""


def by_a_full_join(old: pa.Table, new: pa.Table) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.register("old", old)
        connection.register("new", new)
        rows: list[dict[str, Any]] = connection.sql(ORACLE).to_arrow_table().to_pylist()
        return rows


def identity(row: dict[str, Any]) -> tuple[str, int]:
    return row["personidentifikator"], row["forekomst"]


@given(ROWS, ROWS, st.integers(0, 12), st.integers(1, 5))
def test_the_differences_are_those_of_a_full_join(old: list[Row], new: list[Row], same: int, size: int) -> None:
    before, now = table(old), table([*old[:same], *new])
    found, summary = compared(before, now, size)
    expected = by_a_full_join(before, now)
    assert len(found) == len(expected)
    by_identity = {identity(row): row for row in found}
    for row in expected:
        assert row.items() <= by_identity[identity(row)].items()
    sides = {"old": before.to_pylist(), "new": now.to_pylist()}
    for row in found:  # all values are those of one row
        side = "old" if row["endring"] == "borte" else "new"
        assert {name: row[name] for name in SCHEMA.names} == sides[side][row["radnummer"] - 1]
    kinds = [row["endring"] for row in expected]
    counted = {"ny": summary.new, "endret": summary.changed, "slettet": summary.deleted, "borte": summary.gone}
    assert counted == {kind: kinds.count(kind) for kind in counted}
    assert summary.unchanged == len(now) - len([kind for kind in kinds if kind != "borte"])
    for name in VALUES:
        column = summary.columns.get(name)
        number = sum(name in row["endrede_kolonner"] for row in expected)
        assert (column.added + column.changed + column.removed if column else 0) == number


@given(ROWS, ROWS)
def test_portions_and_batches_do_not_matter(old: list[Row], new: list[Row]) -> None:
    before, now = table(old), table(new)
    whole = compared(before, now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(difference, "KEYS_AT_A_TIME", 2)
        assert compared(before, now, 3) == whole


@given(ROWS)
def test_a_table_does_not_differ_from_itself_in_another_order(rows: list[Row]) -> None:
    unique = [*{row[0]: row for row in rows}.values()]
    found, summary = compared(table(unique), table(unique[::-1]))
    assert found == []
    assert summary.unchanged == len(unique)


def test_text_is_the_same_however_it_is_encoded() -> None:
    plain = table([("41010112345", "AKTIV", "a@example.no", None, b"der"), ("41010112346", None, None, None, None)])
    encoded = plain.set_column(3, "epostadresse", plain["epostadresse"].dictionary_encode())
    encoded = encoded.set_column(5, "x509_sertifikat", plain["x509_sertifikat"].dictionary_encode())
    assert compared(plain, encoded)[0] == []
    assert compared(encoded, plain)[0] == []


def test_an_enumeration_may_have_as_many_values_as_its_indices_allow() -> None:
    full = pa.DictionaryArray.from_arrays(pa.array([*range(128), None], pa.int8()), pa.array(map(str, range(128))))
    rows = pa.table({"radnummer": range(129), "personidentifikator": map(str, range(129)), "status": full})
    other = rows.set_column(2, "status", pa.array([*map(str, range(128)), "x"]))
    assert [row["personidentifikator"] for row in compared(rows, other)[0]] == ["128"]


def test_a_collision_of_fingerprints_is_the_only_way_to_miss_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "krr_export.changes.fingerprints.Fingerprinter.fingerprints",
        lambda _, batch: np.zeros(batch.num_rows, np.uint64),
    )
    row = ("41010112345", "AKTIV", "a@example.no", None, None)
    assert compared(table([row]), table([(row[0], "SLETTET", *row[2:])]))[0] == []


def test_what_is_ignored_is_shown_and_does_not_count() -> None:
    old = table(
        [("1", "AKTIV", "a@example.no", datetime(2020, 1, 1, tzinfo=UTC), None), ("2", "AKTIV", None, None, None)]
    )
    new = table(
        [("1", "AKTIV", "b@example.no", datetime(2021, 1, 1, tzinfo=UTC), None), ("2", "SLETTET", "c", None, None)]
    )
    assert [row["endrede_kolonner"] for row in compared(old, new)[0]] == [
        ["epostadresse", "sist_oppdatert"],
        ["status", "epostadresse"],
    ]
    found, summary = compared(old, new, ignored=Ignored(("epostadresse",), times=True))
    assert [(row["endring"], row["endrede_kolonner"], row["epostadresse"]) for row in found] == [
        ("slettet", ["status"], "c")
    ]
    assert summary.ignored == ("epostadresse", "sist_oppdatert")


def test_columns_of_one_table_only_are_said_and_not_compared() -> None:
    rows = table([("1", "AKTIV", "a@example.no", None, None)])
    columns = compare_columns(rows.schema, rows.drop_columns(["status"]).schema)
    assert (columns.missing, columns.dropped) == ((), ("status",))
    columns = compare_columns(rows.drop_columns(["epostadresse"]).schema, rows.schema)
    assert (columns.missing, columns.dropped) == (("epostadresse",), ())
    found, _ = compared(rows.drop_columns(["epostadresse"]), table([("2", "AKTIV", "b@example.no", None, None)]))
    assert [(row["endring"], row["epostadresse"]) for row in found] == [("borte", None), ("ny", "b@example.no")]


@pytest.mark.parametrize(
    ("change", "ignored", "why"),
    [
        (lambda schema: schema.remove(1), (), "no column personidentifikator"),
        (lambda schema: schema.set(3, pa.field("epostadresse", pa.int64())), (), "another type in each snapshot"),
        (lambda schema: schema, ("epost",), "--ignore names what is no column: epost"),
        (lambda schema: schema, ("personidentifikator",), "compared by it"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: Any, ignored: tuple[str, ...], why: str) -> None:  # noqa: ANN401 - a function
    with pytest.raises(UsageError, match=why):
        compare_columns(SCHEMA, change(SCHEMA), ignored=Ignored(ignored))


def test_a_column_of_another_type_can_be_ignored() -> None:
    retyped = SCHEMA.set(3, pa.field("epostadresse", pa.int64()))
    assert compare_columns(SCHEMA, retyped, ignored=Ignored(("epostadresse",))).missing == ("epostadresse",)


def test_codes_of_identity_numbers_are_in_their_order_and_each_its_own() -> None:
    numbers = sorted(f"{number:011}" for number in np.random.default_rng(1).integers(0, 10**11, 1000))
    codes = key_codes(pa.array(numbers))
    assert (np.diff(codes.astype(object)) > 0).all()


@given(st.lists(KEYS, max_size=20), st.integers(0, 20))
def test_equal_keys_have_equal_codes_wherever_they_are(keys: list[str], start: int) -> None:
    array = pa.array([*keys, *keys], pa.string())
    codes = key_codes(array)
    assert (codes[: len(keys)] == codes[len(keys) :]).all()
    assert (key_codes(array[start:]) == codes[start:]).all()
