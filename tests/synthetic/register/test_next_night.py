"""The next night of a made-up register: the export, what is expected of it, and its pages say the same."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import pyarrow.parquet as pq
import pytest
from change_pages import PATHS, normal, numbers_of, pages_in, persons_of, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from krr_export import convert, diff
from krr_export.errors import InputError, UsageError
from krr_export.schema.registry import load_schema
from krr_export.synthetic import (
    NightOptions,
    NightSummary,
    PageOptions,
    SampleOptions,
    expected_path,
    write_next_night,
    write_sample_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from change_pages import Values

PUBLISHED = Path(__file__).parents[4] / "shared" / "reference" / "xsd"
XML_FORMS = ["soap-16-02", "soap-14-05", "raw-16-02", "raw-14-05"]

needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published schemas are not at hand (../shared/reference/xsd)"
)


def make(directory: Path, *, share: float = 0.3, pages: PageOptions | None = None, **options: Any) -> NightSummary:  # noqa: ANN401 - of as many types as there are options
    """Write a night and the next."""
    options = {"records": 60, **options}
    write_sample_file(directory / "first.xml", SampleOptions(**options))
    schema = options.get("schema", load_schema())
    night = NightOptions(share, seed=options.get("seed", 0) + 1, schema=schema, pages=pages)
    return write_next_night(directory / "first.xml", directory / "second.xml", night)


VERSIONS = st.sampled_from(["14-05", "16-02"]).map(load_schema)
OPTIONS = st.fixed_dictionaries(
    {"records": st.integers(0, 80), "seed": st.integers(0, 1 << 32), "schema": VERSIONS},
    optional={
        "prefix": st.sampled_from(["default", "ns2", "record"]),
        "naive_times": st.booleans(),
        "indent": st.booleans(),
        "comments": st.booleans(),
        "certificates": st.integers(0, 3),
        "change_number": st.integers(100, 1 << 40),
    },
)
SHARES = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
FORMS = st.sampled_from(["rest", *XML_FORMS])


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(options=OPTIONS, share=SHARES, form=FORMS, size=st.integers(1, 30), from_zero=st.booleans())
def test_pages_carry_what_changed_as_it_is_now(
    options: dict[str, Any],
    share: float,
    form: Any,  # noqa: ANN401 - a literal
    size: int,
    from_zero: bool,  # noqa: FBT001 - drawn
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        asked = PageOptions(directory / "pages", form, size, from_zero=from_zero)
        summary = make(directory, share=share, pages=asked, **options)
        old, new = (persons_of(read(directory / f"{night}.xml")) for night in ("first", "second"))
        pages = pages_in(directory / "pages")
        (before, base), (now, latest) = (numbers_of(directory / f"{night}.xml") for night in ("first", "second"))
    carried: dict[str, Values] = {}
    for page in pages:
        assert not carried.keys() & page.persons.keys(), "each person once"
        carried |= page.persons
    assert now - before == timedelta(days=1)
    assert (summary.first, summary.last) == (base, latest) == (base, pages[-1].latest)
    assert pages[0].first == (0 if from_zero else base + pages[0].inclusive)
    assert all(len(page.persons) == size for page in pages[:-1])
    assert len(pages) == summary.pages
    changed = {identifier for identifier, values in new.items() if old.get(identifier) != values}
    assert {*old} <= {*new}
    assert [*new][: len(old)] == [*old], "at their places"
    assert len(new) - len(old) == summary.new
    assert changed <= carried.keys()
    assert {*carried} == {*new} if from_zero else len(carried) == summary.changed
    without = ["/varslingsstatus"] * (options["schema"].name not in form)
    without += ["/beskrivelse"] * (options["schema"].name != "14-05" or "14-05" not in form)
    for identifier, values in carried.items():
        assert normal(values, *without) == normal(new[identifier], *without)
        if values["/status"] == "SLETTET":
            assert not {path for path in values if path.count("/") > 1 or "X509" in path}


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(options=OPTIONS, share=SHARES)
def test_the_program_finds_what_is_expected_and_the_differences_that_pages_carry(
    options: dict[str, Any], share: float
) -> None:
    schema = options["schema"].name
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        make(directory, share=share, pages=PageOptions(directory / "pages"), **options)
        results = [
            convert(directory / f"{night}.xml", directory / "store", schema=schema, guard=False, allow_empty=True)
            for night in ("first", "second")
        ]
        expected = json.loads(expected_path(directory / "second.xml").read_text(encoding="utf-8"))
        diff(directory / "store", output=directory / "changes.parquet")
        rows = pq.read_table(directory / "changes.parquet").to_pylist()
        old, new = (persons_of(read(directory / f"{night}.xml")) for night in ("first", "second"))
        carried = {identifier for page in pages_in(directory / "pages") for identifier in page.persons}
    report = results[1].report
    assert report is not None
    found = {entry.code: {"findings": entry.count, "records": entry.records} for entry in report.findings}
    assert found == expected["totals"]
    assert (report.counts.seen, report.counts.rejected) == (expected["seen"], expected["rejected"]) == (len(new), 0)
    came_back = {identifier for identifier in carried if old.get(identifier) == new[identifier]}
    assert {row["personidentifikator"] for row in rows} == carried - came_back
    assert {row["endring"] for row in rows} <= {"ny", "endret", "slettet"}


@pytest.mark.slow
def test_every_line_of_what_to_expect_is_of_its_record(tmp_path: Path) -> None:
    make(tmp_path, share=0.5, records=400, naive_times=True)
    persons = [*persons_of(read(tmp_path / "second.xml")).values()]
    expected = json.loads(expected_path(tmp_path / "second.xml").read_text(encoding="utf-8"))
    listed = [(entry["record"], entry["code"], entry["field"]) for entry in expected["findings"]]
    due = []
    for number, values in enumerate(persons, 1):
        if values["/status"] == "AKTIV" and not any(path.startswith("/Kontakt") for path in values):
            due.append((number, "active-without-channel", "status"))
        due += [(number, "time-without-offset", path[1:]) for path in values if "@" in path]
    assert listed == due
    assert expected["seen"] == len(persons)


# --- the night


def test_the_same_seed_gives_the_same_night(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make(tmp_path / name, pages=PageOptions(tmp_path / name / "pages"))
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        written.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert written[0] == written[1]
    write_next_night(tmp_path / "one/first.xml", tmp_path / "other.xml", NightOptions(0.3, seed=9))
    assert (tmp_path / "other.xml").read_bytes() != (tmp_path / "one/second.xml").read_bytes()


@pytest.mark.parametrize("style", [{}, {"prefix": "ns2", "indent": False}, {"prefix": "record", "comments": True}])
def test_records_that_do_not_change_stay_byte_for_byte_and_others_look_alike(
    tmp_path: Path, style: dict[str, Any]
) -> None:
    make(tmp_path, share=0.2, records=300, **style)
    record = rb"(?:\n  )?<(?:ns2:)?Person[ >].*?</(?:ns2:)?Person>"
    old, new = (re.findall(record, read(tmp_path / f"{night}.xml"), re.DOTALL) for night in ("first", "second"))
    assert 200 < sum(before == now for before, now in zip(old, new, strict=False)) < 280
    rest = [re.sub(record, b"", read(tmp_path / f"{night}.xml"), flags=re.DOTALL) for night in ("first", "second")]
    numbers = rb' (?:eksportTidspunkt|senesteEndringsNummer)="[^"]*"'
    assert re.sub(numbers, b"", rest[0]) == re.sub(numbers, b"", rest[1])
    marks = (b"\n", b"<!--", b"ns2:", b"xmlns")
    forms = [{tuple(mark in text for mark in marks) for text in texts} for texts in (old, new)]
    assert forms[0] == forms[1]


def test_a_night_has_every_kind_of_change(tmp_path: Path) -> None:
    summary = make(tmp_path, share=1.0, records=1500, pages=PageOptions(tmp_path / "pages"))
    old, new = (persons_of(read(tmp_path / f"{night}.xml")) for night in ("first", "second"))
    both = [(before, new[identifier]) for identifier, before in old.items()]
    mobile, email, mailbox = PATHS["mobiltelefonnummer"], PATHS["epostadresse"], PATHS["postkasseadresse"]
    kinds: dict[str, Callable[[Values, Values], object]] = {
        "deleted": lambda was, now: (was["/status"], now["/status"]) == ("AKTIV", "SLETTET"),
        "registered": lambda was, now: (was["/status"], now["/status"]) == ("IKKE_REGISTRERT", "AKTIV"),
        "reserved": lambda was, now: (was.get("/reservasjon"), now.get("/reservasjon")) == ("NEI", "JA"),
        "unreserved": lambda was, now: (was.get("/reservasjon"), now.get("/reservasjon")) == ("JA", "NEI"),
        "new mobile": lambda was, now: was.get(mobile) != now.get(mobile) is not None,
        "new e-mail": lambda was, now: was.get(email) != now.get(email) is not None,
        "removed e-mail": lambda was, now: now["/status"] == "AKTIV" and email in was and email not in now,
        "verified": lambda was, now: (
            {*was.items()} ^ {*now.items()}
            and {path for path, _ in {*was.items()} ^ {*now.items()}}
            <= {f"{mobile}/@sistVerifisert", f"{email}/@sistVerifisert"}
        ),
        "mailbox opened": lambda was, now: mailbox not in was and mailbox in now,
        "mailbox closed": lambda was, now: now["/status"] == "AKTIV" and mailbox in was and mailbox not in now,
        "provider changed": lambda was, now: (
            mailbox in was
            and mailbox in now
            and was[PATHS["postkasseleverandoeradresse"]] != now[PATHS["postkasseleverandoeradresse"]]
        ),
    }
    assert [kind for kind, holds in kinds.items() if not any(holds(was, now) for was, now in both)] == []
    assert summary.last - summary.first > summary.changed, "some changed more than once"
    causes = {answer.rpartition(" ")[2] for answer in summary.answers}
    assert causes == {
        *("JA", "OK", "RESERVERT", "ALLEREDE_AKTIV", "INGEN_POSTBOKS_FUNNET", "BRUKER_IKKE_FUNNET"),
        *("POSTKASSE_EKSISTERER_ALLEREDE", "UGYLDIG_SERTIFIKAT", "UGYLDIG_PERSONNUMMER", "UGYLDIG_ORGNR"),
    }


def test_nights_follow_on_each_other_without_a_person_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("krr_export.synthetic.register.night.NEW_BIRTHS", (date(2012, 5, 1), date(2012, 5, 1)))
    write_sample_file(tmp_path / "0.xml.gz", SampleOptions(records=100))
    for night in range(5):
        again = NightOptions(1.0, seed=7)
        write_next_night(tmp_path / f"{night}.xml.gz", tmp_path / f"{night + 1}.xml.gz", again)
    persons = persons_of(read(tmp_path / "5.xml.gz"))
    assert len(persons) > 140
    first, last = numbers_of(tmp_path / "0.xml.gz"), numbers_of(tmp_path / "5.xml.gz")
    assert last[0] - first[0] == timedelta(days=5)
    assert last[1] > first[1] + 500


def test_a_quiet_night_has_one_empty_page(tmp_path: Path) -> None:
    summary = make(tmp_path, share=0.0, pages=PageOptions(tmp_path / "pages"))
    [page] = pages_in(tmp_path / "pages")
    assert (page.persons, page.first, page.last) == ({}, summary.first, summary.first)
    assert persons_of(read(tmp_path / "first.xml")) == persons_of(read(tmp_path / "second.xml"))


@needs_published
@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("version", ["14-05", "16-02"])
@pytest.mark.parametrize("form", XML_FORMS)
def test_pages_are_valid_by_the_published_schema(tmp_path: Path, form: Any, version: str, share: float) -> None:  # noqa: ANN401 - a literal
    make(tmp_path, share=share, schema=load_schema(version), pages=PageOptions(tmp_path / "pages", form, 20))
    kind, _, of = form.partition("-")
    schema = etree.XMLSchema(etree.parse(PUBLISHED / f"oppslagstjeneste-ws-{of}.xsd"))
    soap = {"16-02": "http://www.w3.org/2003/05/soap-envelope", "14-05": "http://schemas.xmlsoap.org/soap/envelope/"}
    for page in pages_in(tmp_path / "pages"):
        root = etree.parse(page.path).getroot()
        if kind == "soap":
            assert root.tag == f"{{{soap[of]}}}Envelope"
            [root] = root.iterfind(f"{{{soap[of]}}}Body/*")
        schema.assertValid(root)


def test_certificates_in_json_are_those_of_the_export(tmp_path: Path) -> None:
    make(tmp_path, share=1.0, pages=PageOptions(tmp_path / "pages"))
    texts = [
        person["sertifikat"]
        for path in (tmp_path / "pages").iterdir()
        for person in json.loads(path.read_text(encoding="utf-8"))["list"]
        if "sertifikat" in person
    ]
    assert {text.startswith("-----BEGIN CERTIFICATE-----\n") for text in texts} == {True, False}
    assert all(base64.b64decode(text, validate=True) for text in texts if not text.startswith("-"))


# --- what cannot be


def test_a_faulty_or_foreign_export_is_refused(tmp_path: Path) -> None:
    first, second = tmp_path / "first.xml", tmp_path / "second.xml"

    def night(**options: Any) -> None:  # noqa: ANN401 - of as many types as there are options
        write_next_night(first, second, NightOptions(0.5, **options))

    with pytest.raises(InputError, match=r"first\.xml: .*no such file"):
        night()
    write_sample_file(first, SampleOptions(records=50, fault_share=0.3))
    with pytest.raises(UsageError, match="has planted faults"):
        night()
    write_sample_file(first, SampleOptions(records=50, schema=load_schema("16-02")))
    with pytest.raises(InputError, match=r"first\.xml: record 1 is not valid by 14-05"):
        night()
    write_sample_file(first, SampleOptions(records=50))
    with pytest.raises(UsageError, match="must be later"):
        night(exported=numbers_of(first)[0])
    with pytest.raises(UsageError, match="needs an offset"):
        night(exported=datetime(2026, 3, 1))  # noqa: DTZ001 - the fault
    with pytest.raises(UsageError, match="would soon expire"):
        night(exported=datetime(2031, 3, 1, tzinfo=UTC))
    write_sample_file(first, SampleOptions(records=50, change_number=49))
    with pytest.raises(UsageError, match="more persons than changes"):
        night(pages=PageOptions(tmp_path / "pages", from_zero=True))
    beside = expected_path(first)
    beside.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="is not a sample's list"):
        night()
    beside.unlink()
    with pytest.raises(InputError, match="must be beside"):
        night()
    assert [path.name for path in tmp_path.iterdir()] == ["first.xml"], "nothing is written"


def test_pages_do_not_go_into_a_store(tmp_path: Path) -> None:
    make(tmp_path)
    store = tmp_path / "store"
    convert(tmp_path / "first.xml", store)
    before = command.contents(store)
    with pytest.raises(UsageError, match="lies in the store"):
        make(tmp_path, pages=PageOptions(store / "pages"))
    assert command.contents(store) == before


@pytest.mark.parametrize(("size", "said"), [("1000", "1 page"), ("5", "2 pages")])
def test_the_last_line_counts_the_pages(tmp_path: Path, size: str, said: str) -> None:
    command.call("sample", tmp_path / "a.xml", "--records", "100")
    words = ("--from", tmp_path / "a.xml", "--change", "10%", "--pages", tmp_path / "pages", "--page-size", size)
    ran = command.call("sample", tmp_path / "b.xml", *words)
    assert (ran.code, f", and {said} to {tmp_path}/pages; " in ran.last) == (0, True), ran.last


def test_pages_are_all_there_or_none(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    make(tmp_path, pages=PageOptions(pages))
    assert [page.latest for page in pages_in(pages)]
    before = (tmp_path / "second.xml").read_bytes()
    with pytest.raises(UsageError, match="is not an empty directory"):
        make(tmp_path, share=0.9, pages=PageOptions(pages))
    assert (tmp_path / "second.xml").read_bytes() == before
    with pytest.raises(UsageError, match="1 to 1000"):
        PageOptions(pages, size=1001)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--records", "5", "--from", "a.xml", "--change", "1%"], "--records does not go with --from"),
        (["--from", "a.xml", "--change", "1%", "--naive-times"], "--naive-times does not go with --from"),
        (["--from", "a.xml", "--change", "1%", "--compact"], "--compact does not go with --from"),
        (["--from", "a.xml"], "--change is missing"),
        (["--from", "a.xml", "--change", "1"], "--change 1 is not a percentage"),
        (["--from", "a.xml", "--change", "1%", "--page-size", "9"], "--page-size needs --pages"),
        (["--records", "5", "--change", "1%"], "--change needs --from"),
        (["--records", "5", "--pages", "p"], "--pages needs --from"),
        ([], "--records is missing"),
        (["--from", "b.xml", "--change", "1%"], "OUT is the same file as --from"),
    ],
)
def test_options_that_do_not_go_together(
    krr: Callable[..., command.Ran], tmp_path: Path, arguments: list[str], says: str
) -> None:
    for name in ("a.xml", "b.xml"):
        write_sample_file(tmp_path / name, SampleOptions(records=3))
    paths = [str(tmp_path / word) if word.endswith(".xml") else word for word in arguments]
    before = (tmp_path / "b.xml").read_bytes()
    result = krr("sample", tmp_path / "b.xml", *paths)
    assert result.code == 2
    assert says in result.err.splitlines()[-1]
    assert (tmp_path / "b.xml").read_bytes() == before
