"""A profile is the same however the export was divided, whoever read it, and in bounded memory."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from conversions import cut_into
from exports import certificates
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import EXPORTED, SCHEMA, Json, pieces, profiled, rows, sample, told

from krr_export import convert, load_schema, validate
from krr_export.parsing.batch_view import BatchView
from krr_export.profiling import distinct
from krr_export.profiling.certificates import LONGEST_KEPT
from krr_export.profiling.profiler import Profiler
from krr_export.profiling.summarize import summarize
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return sample(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def told_of_persons(persons: pa.Table) -> Json:
    return told(*persons.to_batches())


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5000), max_size=40))
def test_however_the_export_is_divided_the_profile_is_the_same(
    persons: pa.Table, told_of_persons: Json, cuts: list[int]
) -> None:
    assert told(*pieces(persons, cuts)) == told_of_persons


@cache
def der(number: int) -> bytes:
    """A certificate; every fourth is none."""
    return certificates.made(O=f"Provider {number}") if number % 4 else b"%d" % number


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 400), max_size=30),
    st.lists(st.integers(0, 60).map(lambda number: number**2 % 41), min_size=400, max_size=400),
)
def test_beyond_what_is_counted_two_by_two_it_is_the_same_too(cuts: list[int], drawn: list[int]) -> None:
    batch = rows(
        400,
        epostadresse=[f"ola@domain{number}.no" for number in drawn],
        postkasseleverandoer_adresse=[f"{984661185 + number}" for number in drawn],
        x509_sertifikat=[der(number) for number in drawn],
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(distinct, "MOST_VALUES", 12)
        patched.setattr("krr_export.profiling.certificates.MOST_KEPT", 5)
        whole = told(*pieces(pa.Table.from_batches([batch]), range(1, 400, 19)))
        assert told(*pieces(pa.Table.from_batches([batch]), cuts or [200])) == whole
    first = list(dict.fromkeys(drawn))[:12]
    records = {number: drawn.count(number) for number in first}
    shown = {f"domain{number}.no": count for number, count in records.items() if count >= 20}
    assert {entry["domain"]: entry["records"] for entry in whole["email_domains"]} == shown
    assert whole["email_domains_pooled"]["exact"] is (len(set(drawn)) <= 12)
    assert whole["email_domains_pooled"]["records"] == 400 - sum(shown.values())


@settings(max_examples=30)
@given(cuts=st.sets(st.integers(1, 4999), min_size=1, max_size=3))
def test_profiles_add_up_in_any_grouping(persons: pa.Table, told_of_persons: Json, cuts: set[int]) -> None:
    profiler = Profiler(SCHEMA, EXPORTED)
    first, *others = (profiler.profile_batch(BatchView(piece)) for piece in pieces(persons, cuts))
    from_left = first
    for other in others:
        from_left = from_left + other
    from_right = others[-1]
    for other in [*others[-2::-1], first]:
        from_right = other + from_right
    assert summarize(from_left).to_dict() == summarize(from_right).to_dict() == told_of_persons
    assert first.records == pieces(persons, cuts)[0].num_rows  # it is what it was


def test_a_hundred_thousand_values_are_counted_two_by_two_and_no_more() -> None:
    def batch(start: int) -> pa.RecordBatch:
        return rows(30_000, epostadresse=[f"ola@domain{number}.no" for number in range(start, start + 30_000)])

    profile = profiled(*(batch(start) for start in (0, 30_000, 60_000, 70_000)))
    assert summarize(profile).to_dict()["email_domains_pooled"] == {
        "distinct": 100_000,
        "records": 120_000,
        "exact": True,
    }
    profile.add(profiled(batch(90_000)))
    assert summarize(profile).to_dict()["email_domains_pooled"] == {
        "distinct": 100_000,
        "records": 150_000,
        "exact": False,
    }
    assert len(profile.domains.records) == 100_000


def test_no_more_certificates_are_kept_than_could_be_shown() -> None:
    def batch(start: int) -> pa.RecordBatch:
        numbers = range(start, start + 80)
        return rows(160, x509_sertifikat=[b"certificate %d" % number for number in numbers for _ in range(2)])

    profile = profiled(*(batch(start) for start in (0, 40, 120)))
    assert len(profile.certificates.kept) == 50
    # Those on most records: 40 of them came twice.
    assert {b"certificate %d" % number for number in range(40, 80)} <= set(profile.certificates.kept.values())


def test_profiles_of_different_schemas_are_not_added() -> None:
    other = load_schema("16-02")
    with pytest.raises(ValueError, match="different schemas"):
        profiled(rows(1)).add(Profiler(other, EXPORTED).profile_batch(BatchView(rows(1, other.arrow))))


@pytest.mark.parametrize("certificates", [6, 0])
def test_whoever_reads_an_export_in_whatever_blocks_tells_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: int
) -> None:
    path = tmp_path / "export.xml"
    write_sample_file(path, SampleOptions(1200, seed=5, fault_share=0.05, certificates=certificates))

    def profile(**options: Any) -> Json:  # noqa: ANN401 - ConvertOptions checks them
        report = validate(path, max_rejects="100%", **options).to_dict()
        assert report["profile"]["records"] == report["counts"]["written"]
        found: Json = report["profile"]
        return found

    whole = profile(workers=0)
    cut_into(monkeypatch, 50_000)
    assert [profile(workers=0), profile(workers=2), profile(workers=0, reader="iterparse")] == [whole] * 3
    result = convert(path, tmp_path / "store", workers=2, max_rejects="100%", derive="all")
    assert json.loads((result.path / "report.json").read_text())["profile"] == whole


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40), max_size=12), st.lists(st.integers(0, 30), min_size=40, max_size=40))
def test_values_that_are_long_together_are_not_all_kept_either(cuts: list[int], drawn: list[int]) -> None:
    batch = rows(40, epostadresse=[f"ola@{'d' * number}.no" for number in drawn])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(distinct, "MOST_TOGETHER", 100)
        profile = profiled(*pieces(pa.Table.from_batches([batch]), cuts or [20]))
        two_by_two = profiled(*pieces(pa.Table.from_batches([batch]), range(1, 40, 2)))
    assert profile.domains == two_by_two.domains
    assert sum(map(len, profile.domains.records)) == profile.domains.length <= 100
    assert profile.domains.total == 40


def test_a_certificate_as_long_as_a_record_is_counted_but_not_kept() -> None:
    long = b"x" * (LONGEST_KEPT + 1)
    profile = profiled(rows(2, x509_sertifikat=[long, long[1:]]))
    assert list(profile.certificates.kept.values()) == [long[1:]]
    assert profile.certificates.distinct.total == 2
