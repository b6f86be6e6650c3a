"""`apply` makes of a snapshot and pages what a full export of that moment would have given; or it makes nothing."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
import register
from hypothesis import given, settings
from hypothesis import strategies as st
from register import Register, State

from krr_export import convert, diff, verify
from krr_export.changes.page_files import PageFile
from krr_export.errors import GuardError, InputError, UsageError
from krr_export.input.http.rest_document import MAX_BYTES
from krr_export.jobs.changes.apply import apply
from krr_export.jobs.changes.apply_from_zero import apply_from_zero
from krr_export.jobs.changes.apply_options import ApplyOptions
from krr_export.jobs.options import ConvertOptions
from krr_export.output.manifest import read_manifest
from krr_export.schema.registry import XSD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import command

    from krr_export.changes.page import Page
    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.schema.record_schema import RecordSchema

CERTIFICATE = "MAsGCSqGSIb3DQEHAg=="
NUMBERS = [f"{day:02}851598730" for day in range(1, 9)]
FORMS = ("rest", "16-02", "14-05", "envelope")
AS_OF = "2014-02-27T12:00:00Z"

STATES = st.builds(
    State,
    st.sampled_from(NUMBERS),
    st.just("AKTIV"),
    st.sampled_from(["JA", "NEI"]),
    st.sampled_from([None, "99999999", "+4799999998"]),
    st.sampled_from([None, "a@example.no", "b&c@example.no"]),
    st.sampled_from([None, "ola#1234"]),
    st.sampled_from([None, CERTIFICATE]),
)
HISTORIES = st.lists(st.one_of(STATES, STATES.map(lambda state: state.deleted)), min_size=1, max_size=30)


def load_options(**more: Any) -> ConvertOptions:  # noqa: ANN401 - those of convert
    return ConvertOptions(**{"guard": False, "rules": False, "profile": False, **more})


def applied(store: Path, files: Path, **options: Any) -> ConvertResult:  # noqa: ANN401 - those of apply
    given_options = {"as_of": AS_OF, "load": load_options(), **options}
    return apply(store, [files], ApplyOptions(**given_options))


def written(directory: Path, files: list[tuple[str, bytes]]) -> Path:
    directory.mkdir(parents=True)
    for name, content in files:
        (directory / name).write_bytes(content)
    return directory


def renamed(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Files under names whose order says nothing of what is in them."""
    return [(f"{place:03}.{name}", content) for place, (name, content) in enumerate(files)]


def rows(snapshot: Path) -> list[tuple[Any, ...]]:
    """All rows but their numbers, as a set."""
    table = pq.ParquetDataset(snapshot / "person").read().drop_columns(["radnummer"])
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)


def first_store(directory: Path, history: Register, until: int, **options: Any) -> Path:  # noqa: ANN401 - those of convert
    export = directory / "first.xml"
    export.write_bytes(history.export(until, 26))
    convert(export, directory / "store", load_options(allow_empty=True, **options))
    return directory / "store"


@settings(max_examples=15)
@given(HISTORIES, st.data())
def test_the_result_is_what_a_full_export_gives(
    tmp_path_factory: pytest.TempPathFactory, states: list[State], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("apply")
    history = Register(states)
    known, until = sorted(data.draw(st.lists(st.integers(0, len(states)), min_size=2, max_size=2)))
    size, form = data.draw(st.integers(1, 6)), data.draw(st.sampled_from(FORMS))
    options: dict[str, Any] = data.draw(st.sampled_from([{}, {"derive": ("all",)}, {"partition_by": ("status",)}]))
    store = first_store(directory, history, known, **options)
    files = data.draw(st.permutations(history.pages(known, until, size, form)))
    pages = written(directory / "pages", renamed(files))
    if known == until:
        return
    older = history.pages(max(0, known - 2), until, size, form)  # overlapping, and what is known
    written(directory / "more", older)
    result = apply(store, [pages, directory / "more"], ApplyOptions(AS_OF, load=load_options(changes=True)))
    assert result.outcome == "published"
    (directory / "last.xml").write_bytes(history.export(until, 27))
    whole = convert(directory / "last.xml", directory / "whole", load_options(**options))
    assert rows(result.path) == rows(whole.path)
    assert read_manifest(result.path).header.seneste_endringsnummer == until
    assert verify(result.path).proven
    compared = diff(whole.path, result.path)
    assert not compared.differ, compared.message
    again = apply(store, [pages, directory / "more"], ApplyOptions(AS_OF, load=load_options()))
    assert again.outcome == "unchanged", "applying twice is applying once"


HISTORY = Register(
    [
        *(State(number, mobile="99999999", mailbox="ola#1234", certificate=CERTIFICATE) for number in NUMBERS[:6]),
        State(NUMBERS[1]).deleted,
        State(NUMBERS[6], email="ny@example.no"),
        State(NUMBERS[2], reserved="JA"),
        State(NUMBERS[3], mobile="99999998", mailbox="ola#1234", certificate=CERTIFICATE),
    ]
)
"""Six persons; then one is deleted, one is new, one opts out and closes all, one has another mobile number."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return first_store(tmp_path, HISTORY, 6)


def test_rows_keep_their_place_and_new_ones_come_last(store: Path, tmp_path: Path) -> None:
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 2, "rest"))
    snapshot = applied(store, pages).path
    table = pq.read_table(snapshot / "person" / "part-00000.parquet").to_pylist()
    assert [(row["radnummer"], row["personidentifikator"]) for row in table] == list(enumerate(NUMBERS[:7], start=1))
    assert snapshot.name == "eksport=20140227T120000Z"
    manifest = read_manifest(snapshot)
    assert manifest.applied
    assert (manifest.applied.persons, manifest.applied.new, manifest.applied.deleted) == (4, 1, 1)
    assert [(page.first, page.last) for page in manifest.applied.pages] == [(6, 8), (8, 10)]
    parent = store / str(manifest.applied.parent)
    assert manifest.applied.parent_manifest_sha256 == (parent / "_SUCCESS").read_text().split()[0]
    assert manifest.applied.unused_values == 4 * 2 + 2, (
        "varslingsstatus and spraak of each, and a validated address or two"
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("missing", range(3))
def test_a_missing_page_is_named_by_its_numbers(store: Path, tmp_path: Path, form: str, missing: int) -> None:
    files = HISTORY.pages(6, 10, 1, form)[:3]
    files = [*files[:missing], *files[missing + 1 :], HISTORY.pages(6, 10, 1, form)[3]]
    pages = written(tmp_path / "pages", files)
    with pytest.raises(InputError, match=rf"changes {missing + 7} to {missing + 7} are missing before"):
        applied(store, pages)
    assert len([*store.glob("eksport=*")]) == 1


@pytest.mark.parametrize("form", FORMS)
def test_pages_up_to_a_number_that_is_not_the_last_are_not_enough(store: Path, tmp_path: Path, form: str) -> None:
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 1, form)[:-1])
    with pytest.raises(InputError, match="complete up to change 9, and the register is at 10 by "):
        applied(store, pages)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", range(4))
def test_a_truncated_page_is_named_and_nothing_is_published(store: Path, tmp_path: Path, form: str, place: int) -> None:
    files = HISTORY.pages(6, 10, 1, form)
    name, content = files[place]
    for end in (0, 1, len(content) // 2, len(content) - 1):
        shutil.rmtree(tmp_path / "pages", ignore_errors=True)
        pages = written(tmp_path / "pages", [*files[:place], (name, content[:end]), *files[place + 1 :]])
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            applied(store, pages)
    assert len([*store.glob("eksport=*")]) == 1


def test_two_pages_of_the_same_numbers_must_be_the_same(store: Path, tmp_path: Path) -> None:
    [(name, content)] = HISTORY.pages(6, 10, 10, "rest")
    other = content.replace(b"99999998", b"99999997")
    with pytest.raises(InputError, match=r"6\.json and other\.json have the same change numbers and are not the same"):
        applied(store, written(tmp_path / "differ", [(name, content), ("other.json", other)]))
    assert applied(store, written(tmp_path / "same", [(name, content), ("other.json", content)])).published


def test_two_pages_of_the_same_numbers_must_be_the_same_also_within_a_file(store: Path, tmp_path: Path) -> None:
    [(name, content)] = HISTORY.pages(6, 10, 10, "rest")
    other = content.replace(b"99999998", b"99999997")
    with pytest.raises(InputError, match=r"page 1 and .* page 2 have the same change numbers and are not the same"):
        applied(store, written(tmp_path / "differ", [(name, content + b"\n" + other)]))
    assert applied(store, written(tmp_path / "same", [(name, content + b"\n" + content)])).published


def test_a_byte_that_differs_in_the_snapshot_before_is_not_carried_on(store: Path, tmp_path: Path) -> None:
    """Arrow notices few of them: what a page of Parquet holds has no check digits of its own."""
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 10, "rest"))
    [base] = store.glob("eksport=*")
    part = base / "person" / "part-00000.parquet"
    content = part.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 40)):
        part.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InputError, match=f"{base.name}/person/part-00000.parquet is missing or damaged"):
            applied(store, pages)
    assert [*store.glob("eksport=*")] == [base]
    part.write_bytes(content)
    assert applied(store, pages).published


def test_all_members_of_a_gzip_file_are_read(store: Path, tmp_path: Path) -> None:
    members = [gzip.compress(content) for _, content in HISTORY.pages(6, 10, 2, "rest")]
    assert len(members) > 1
    with pytest.raises(InputError, match="is damaged"):
        applied(store, written(tmp_path / "damaged", [("all.jsonl.gz", b"".join(members) + b"no gzip")]))
    with pytest.raises(InputError, match="is damaged: a truncated gzip"):
        applied(store, written(tmp_path / "cut", [("all.jsonl.gz", b"".join(members)[:-9])]))
    result = applied(store, written(tmp_path / "whole", [("all.jsonl.gz", b"".join(members) + bytes(512))]))
    made_from = read_manifest(result.path).applied
    assert made_from is not None
    assert len(made_from.pages) == len({page.sha256 for page in made_from.pages}) == len(members)


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_the_name_of_a_page_need_not_be_utf_8(store: Path, tmp_path: Path) -> None:
    [(_, content)] = HISTORY.pages(6, 10, 10, "rest")
    result = applied(store, written(tmp_path / "pages", [(os.fsdecode(b"p\xff.json"), content)]))
    assert result.published
    assert verify(result.path).proven


def test_a_csv_store_of_an_xsd_of_ones_own_keeps_its_values(tmp_path: Path) -> None:
    for path in XSD.glob("*-14-05.xsd"):
        shutil.copy(path, tmp_path)
    xsd = (tmp_path / "kontaktregister-export-14-05.xsd").rename(tmp_path / "own.xsd")
    store = first_store(tmp_path, HISTORY, 6, schema=xsd, format="csv")
    result = applied(store, written(tmp_path / "pages", HISTORY.pages(6, 10, 10, "14-05")), schema=xsd)
    (tmp_path / "built-in").mkdir()
    built_in = first_store(tmp_path / "built-in", HISTORY, 6, format="csv")
    same = applied(built_in, tmp_path / "pages")
    assert (result.path / "person/part-00000.csv").read_bytes() == (same.path / "person/part-00000.csv").read_bytes()


def test_an_empty_page_moves_on(store: Path, tmp_path: Path) -> None:
    """Altinn's job stops at a page without persons, for good."""
    empty = register.written("rest", 6, 8, 10, [])
    rest = register.written("rest", 8, 10, 10, HISTORY.changes[8:])
    result = applied(store, written(tmp_path / "pages", [("a.json", empty), ("b.json", rest)]))
    assert read_manifest(result.path).header.seneste_endringsnummer == 10


def test_nothing_new_is_nothing_to_do(store: Path, tmp_path: Path) -> None:
    for form in FORMS:
        pages = written(tmp_path / form, [("1.page.xml", register.written(form, 6, 6, 6, []))])
        result = applied(store, pages)
        assert result.outcome == "unchanged"
        assert "at change 6 already" in result.message


def test_the_new_series_of_numbers_needs_a_full_load(store: Path, tmp_path: Path) -> None:
    page = register.written("rest", 200_000_001, 200_000_002, 200_000_002, HISTORY.changes[6:7])
    with pytest.raises(GuardError, match="began anew above 200 000 000 on 2023-08-30"):
        applied(store, written(tmp_path / "pages", [("a.json", page)]))


@pytest.mark.parametrize("numbers", [(8, 3, 9), (6, 10, 9), (-1, 7, 7), (6, 2**63, 2**63)])
@pytest.mark.parametrize("form", FORMS)
def test_numbers_out_of_order_or_range_are_refused(
    store: Path, tmp_path: Path, form: str, numbers: tuple[int, int, int]
) -> None:
    known, last, latest = numbers
    page = register.written(form, known - (form != "rest" and known < 0), last, latest, [])
    with pytest.raises(InputError, match=r"a\.page\.xml: (its change numbers are not in order|a change number is)"):
        applied(store, written(tmp_path / "pages", [("a.page.xml", page)]))


def test_rest_pages_may_begin_with_the_number_that_was_asked_for(store: Path, tmp_path: Path) -> None:
    page = register.written("rest", 7, 10, 10, HISTORY.changes[6:])
    pages = written(tmp_path / "pages", [("a.json", page)])
    with pytest.raises(InputError, match="--rest-inclusive"):
        applied(store, pages)
    assert applied(store, pages, rest_inclusive=True).published


def test_a_person_twice_in_a_page_has_the_last_state(store: Path, tmp_path: Path) -> None:
    """Altinn takes the newest e-mail time, so that the removal of an address is lost."""
    persons = [State(NUMBERS[0], email="a@example.no"), State(NUMBERS[0]), State(NUMBERS[1]), State(NUMBERS[1])]
    for form in FORMS:
        shutil.rmtree(store)
        first_store(tmp_path, HISTORY, 6)
        result = applied(store, written(tmp_path / form, [("a.page.xml", register.written(form, 6, 8, 8, persons))]))
        row = pq.read_table(result.path / "person" / "part-00000.parquet").to_pylist()[0]
        assert (row["epostadresse"], row["mobiltelefonnummer"]) == (None, None)
        assert result.report
        assert result.report.applied
        assert (result.report.applied.repeated, result.report.applied.persons) == (1, 2)


def test_a_person_with_two_rows_has_one_afterwards(tmp_path: Path) -> None:
    export = HISTORY.export(6, 26).replace(NUMBERS[4].encode(), NUMBERS[0].encode())
    (tmp_path / "double.xml").write_bytes(export)
    convert(tmp_path / "double.xml", tmp_path / "store", load_options())
    page = register.written("rest", 6, 7, 7, [State(NUMBERS[0], mobile="90000000")])
    result = applied(tmp_path / "store", written(tmp_path / "pages", [("a.json", page)]))
    table = pq.read_table(result.path / "person" / "part-00000.parquet").to_pylist()
    assert [row["personidentifikator"] for row in table] == [NUMBERS[0], *NUMBERS[1:4], NUMBERS[5]]
    assert table[0]["mobiltelefonnummer"] == "90000000"
    assert result.report
    assert result.report.applied
    assert result.report.applied.removed == 1


def many(count: int, **values: Any) -> list[State]:  # noqa: ANN401 - fields of State
    return [State(f"{number:05}598730", **values) for number in range(count)]


def test_pages_that_were_not_asked_for_mailboxes_do_not_erase_them(tmp_path: Path) -> None:
    before = many(300, mobile="99999999", mailbox="ola#1234", certificate=CERTIFICATE)
    after = many(150, mobile="90000000")
    history = Register([*before, *after[:-1], before[149].deleted])
    store = first_store(tmp_path, history, 300)
    pages = written(tmp_path / "pages", history.pages(300, 450, 1000, "rest"))
    with pytest.raises(GuardError, match="none of 149 active persons in the pages has anything of digitalpost"):
        applied(store, pages)
    result = applied(store, pages, carried=("kontaktinformasjon",))
    table = pq.read_table(result.path / "person" / "part-00000.parquet").to_pylist()
    assert {row["mobiltelefonnummer"] for row in table[:149]} == {"90000000"}
    assert {row["postkasseadresse"] for row in table[:149]} == {"ola#1234"}
    assert (table[149]["postkasseadresse"], table[149]["x509_sertifikat"]) == (None, None), "who is deleted has nothing"
    manifest = read_manifest(result.path)
    assert manifest.applied
    assert manifest.applied.stale == {"digitalpost": 300, "sertifikat": 300}
    erased = applied(
        store, pages, carried=("kontaktinformasjon", "digitalpost", "sertifikat"), as_of="2014-02-28T12:00:00Z"
    )
    assert erased.outcome == "unchanged"


def test_a_refused_person_stops_all_unless_it_is_allowed(store: Path, tmp_path: Path) -> None:
    page = register.written(
        "rest", 6, 8, 8, [State(NUMBERS[0], status="LEVENDE"), State(NUMBERS[1], mobile="90000000")]
    )
    pages = written(tmp_path / "pages", [("a.json", page)])
    refused = applied(store, pages)
    assert (refused.outcome, refused.exit_code) == ("too-many-rejects", 1)
    assert pq.read_table(refused.path / "rejects").num_rows == 1
    allowed = applied(store, pages, load=load_options(max_rejects=1))
    table = pq.read_table(allowed.path / "person" / "part-00000.parquet").to_pylist()
    assert [row["mobiltelefonnummer"] for row in table[:2]] == ["99999999", "90000000"]
    assert allowed.report
    assert (allowed.report.counts.seen, allowed.report.counts.rejected) == (7, 1)


def test_a_store_of_pseudonyms_takes_changes_by_its_own_key(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode() * 32)
        (tmp_path / name).chmod(0o600)
    hidden = {"pseudonymise": ("personidentifikator", "epostadresse"), "pseudonym_key": tmp_path / "a"}
    store = first_store(tmp_path, HISTORY, 6, **hidden)
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 3, "rest"))
    with pytest.raises(UsageError, match="the store holds pseudonyms"):
        applied(store, pages)
    with pytest.raises(UsageError, match="made with another key"):
        applied(store, pages, pseudonym_key=tmp_path / "b")
    result = applied(store, pages, pseudonym_key=tmp_path / "a")
    (tmp_path / "last.xml").write_bytes(HISTORY.export(10, 27))
    whole = convert(tmp_path / "last.xml", tmp_path / "whole", load_options(**hidden))
    assert rows(result.path) == rows(whole.path)


def test_columns_that_are_left_out_stay_so_and_what_needs_them_is_refused(tmp_path: Path) -> None:
    store = first_store(tmp_path, HISTORY, 6, drop=("epostadresse", "x509_sertifikat"))
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 3, "16-02"))
    result = applied(store, pages)
    (tmp_path / "last.xml").write_bytes(HISTORY.export(10, 27))
    whole = convert(tmp_path / "last.xml", tmp_path / "whole", load_options(drop=("epostadresse", "x509_sertifikat")))
    assert rows(result.path) == rows(whole.path)
    shutil.rmtree(store)
    first_store(tmp_path, HISTORY, 6, drop=("epostadresse_sist_oppdatert",), derive=("varslingsstatus",))
    with pytest.raises(UsageError, match=r"varslingsstatus cannot be derived anew.*epostadresse_sist_oppdatert"):
        applied(store, pages)
    shutil.rmtree(store)
    first_store(tmp_path, HISTORY, 6, rules=True, strict=("identifier-check-digits",), max_rejects="100%")
    with pytest.raises(UsageError, match="--strict"):
        applied(store, pages)


def test_rules_profile_and_guard_look_at_the_whole_result(tmp_path: Path) -> None:
    before = many(300, mobile="99999999")
    history = Register([*before, *(State(state.number).deleted for state in before[:200])])
    store = first_store(tmp_path, history, 300, rules=True, profile=True)
    pages = written(tmp_path / "pages", history.pages(300, 500, 1000, "14-05"))
    load = ConvertOptions()
    guarded = applied(store, pages, load=load)
    assert guarded.outcome == "guard"
    assert guarded.report
    assert guarded.report.profile
    assert guarded.report.profile.values["status"] == {"AKTIV": 100, "SLETTET": 200, "IKKE_REGISTRERT": 0}
    assert "identifier-check-digits" in {finding.code for finding in guarded.report.findings}
    assert applied(store, pages, load=ConvertOptions(guard=False)).published


@pytest.mark.parametrize("as_of", ["2014-02-26T12:00:00Z", "2014-02-26T11:59:59Z", "2199-01-01T00:00:00Z"])
def test_the_moment_is_later_than_the_snapshot_s_and_not_in_the_future(store: Path, tmp_path: Path, as_of: str) -> None:
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 3, "rest"))
    with pytest.raises(GuardError):
        applied(store, pages, as_of=as_of)


PAGE = register.written("rest", 6, 7, 7, [State(NUMBERS[0], email="hemmelig@example.no")])
SOAP = register.written("envelope", 6, 7, 7, [State(NUMBERS[0], email="hemmelig@example.no")])
DEEP = (
    b'{"list":[' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b'],"fraEndringsId":6,"tilEndringsId":7,"sisteEndringsId":7}'
)
FAULT = b"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender
</s:Value></s:Code><s:Reason><s:Text>hemmelig@example.no</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"""
ENCRYPTED = b"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>
<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/></s:Body></s:Envelope>"""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (PAGE.replace(b'"list"', b'"list": [], "list"'), "has a key twice"),
        (PAGE.replace(b'"nb"', b"NaN"), "a number that is none"),
        (PAGE.replace(b'"nb"', b'{"a":{"b":{"c":1}}}'), "many levels"),
        (DEEP, "many levels"),
        (PAGE.replace(b'"hemmelig@example.no"', b"17"), "epostadresse is no text"),
        (PAGE.replace(b'"hemmelig@example.no"', b'"\\u0000"'), "a character that XML does not allow"),
        (PAGE.replace(b'"tilEndringsId": 7', b'"tilEndringsId": "7"'), "tilEndringsId is missing or no whole number"),
        (PAGE.replace(b'"tilEndringsId": 7', b'"tilEndringsId": true'), "tilEndringsId is missing or no whole number"),
        (PAGE.replace(b'"list"', b'"liste"'), "no page of changes"),
        (b'{"errors": [{"title": "hemmelig@example.no"}]}', "no page of changes"),
        (b"[]", "no page of changes"),
        (b"\x00\x01", "no page of changes"),
        (FAULT, r"is a fault \(Sender\) instead of an answer"),
        (ENCRYPTED, "is encrypted"),
        (SOAP.replace(b"HentEndringerRespons", b"HentPersonerRespons"), "no page of changes"),
        (
            SOAP.replace(b'tilEndringsNummer="7"', b'tilEndringsNummer="1_000"'),
            "tilEndringsNummer is missing or no whole",
        ),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + SOAP.partition(b"\n")[2], "has a DOCTYPE"),
        (SOAP.replace(b"</s:Body>", b"<b/></s:Body>"), "no page of changes"),
        (b" " * (MAX_BYTES + 1), "larger than a page can be"),
    ],
)
def test_bad_pages_are_refused_in_one_line_without_a_value(
    store: Path, tmp_path: Path, krr: Callable[..., command.Ran], content: bytes, why: str
) -> None:
    pages = written(tmp_path / "pages", [("a.json", content)])
    with pytest.raises(InputError, match=why):
        applied(store, pages)
    ran = krr("apply", store, pages, "--as-of", AS_OF, "--no-guard")
    assert ran.code == 3
    assert "hemmelig" not in ran.err + ran.out
    assert len([*store.glob("eksport=*")]) == 1


def test_the_command_says_what_was_applied(store: Path, tmp_path: Path, krr: Callable[..., command.Ran]) -> None:
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 2, "envelope"))
    ran = krr(
        "apply",
        store,
        pages,
        "--as-of",
        AS_OF,
        "--no-guard",
        "--changes",
        "--json",
        "--carried",
        "kontaktinformasjon,digitalpost,sertifikat",
    )
    assert ran.code == 0, ran.err
    assert "2 pages to eksport=20140226T120000Z, from change 6 on: 4 persons, 1 new, 1 deleted" in ran.err
    assert ran.result["report"]["changes"]["new"] == 1
    assert krr("verify", store / "latest").code == 0
    assert json.loads(krr("history", store, "--json").out)[-1]["records"] == 7
    assert krr("apply", store, tmp_path / "nowhere", "--as-of", AS_OF).code == 3
    assert krr("apply", tmp_path / "nowhere", pages, "--as-of", AS_OF).code == 3
    assert krr("apply", store, pages, "--as-of", AS_OF, "--carried", "alt").code == 2
    for empty in ("", "kontaktinformasjon,", " "):
        ran = krr("apply", store, pages, "--as-of", AS_OF, "--carried", empty)
        assert (ran.code, ran.last) == (2, "--carried has an empty name; is a variable not set?")
    assert krr("apply", store, pages).code == 2


@pytest.mark.parametrize("by", ["environment", "file"])
def test_what_is_set_for_conversions_does_not_concern_pages_and_what_is_given_is_refused(
    store: Path, tmp_path: Path, krr: Callable[..., command.Ran], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    pages = written(tmp_path / "pages", HISTORY.pages(6, 10, 2, "rest"))
    before: list[str | Path] = []
    if by == "environment":
        monkeypatch.setenv("KRR_EXPORT_FORMAT", "csv")
        monkeypatch.setenv("KRR_EXPORT_COMPRESSION", "snappy")
        monkeypatch.setenv("KRR_EXPORT_PSEUDONYMISE", "personidentifikator")
    else:
        before = ["--config", tmp_path / "krr.toml"]
        (tmp_path / "krr.toml").write_text(
            'format = "csv"\npseudonymise = ["personidentifikator"]\n[apply]\ncompression = "snappy"\n'
        )
    refused = krr(*before, "apply", store, pages, "--as-of", AS_OF, "--no-guard", "--format", "csv")
    assert (refused.code, "--format is as in the snapshot" in refused.last) == (2, True)
    ran = krr(*before, "apply", store, pages, "--as-of", AS_OF, "--no-guard")
    assert ran.code == 0, ran.err
    assert (store / "latest/person/part-00000.parquet").exists()


def test_verify_tells_of_the_snapshots_that_one_was_made_from(
    store: Path, tmp_path: Path, krr: Callable[..., command.Ran]
) -> None:
    applied(store, written(tmp_path / "1", HISTORY.pages(6, 8, 5, "rest")))
    last = applied(store, written(tmp_path / "2", HISTORY.pages(8, 10, 5, "16-02")), as_of="2014-02-28T12:00:00Z").path
    first, second = "eksport=20140226T120000Z", "eksport=20140227T120000Z"
    assert verify(last).chain == (
        f"{last.name}: change 10, made from {second}, which is that very one",
        f"{second}: change 8, made from {first}, which is that very one",
    )
    (tmp_path / "other.xml").write_bytes(HISTORY.export(5, 26))
    assert convert(tmp_path / "other.xml", store, load_options(replace=True)).outcome == "published"
    chain = krr("verify", last, "--json").result["chain"]
    assert chain[1] == f"{second}: change 8, made from {first}, which was replaced since"
    assert krr("prune", store, "--keep", "2").code == 0
    chain = krr("verify", last, "--json").result["chain"]
    assert chain[1] == f"{second}: change 8, made from {first}, which is not there any more"
    assert verify(last).proven


def test_the_differences_applied_as_changes_give_the_later_snapshot(tmp_path: Path) -> None:
    known, until = HISTORY.export(6, 26), HISTORY.export(10, 27)
    for name, export in (("a", known), ("b", until)):
        (tmp_path / f"{name}.xml").write_bytes(export)
    old = convert(tmp_path / "a.xml", tmp_path / "old", load_options()).path
    new = convert(tmp_path / "b.xml", tmp_path / "new", load_options()).path
    diff(old, new, output=tmp_path / "changes.jsonl")
    changes = map(json.loads, (tmp_path / "changes.jsonl").read_text().splitlines())
    states = [
        State(
            row["personidentifikator"],
            row["status"],
            row["reservasjon"],
            row["mobiltelefonnummer"],
            row["epostadresse"],
            row["postkasseadresse"],
            row["x509_sertifikat"],
        )
        for row in changes
        if row["endring"] != "borte"
    ]
    page = register.written("14-05", 6, 10, 10, states)
    result = applied(tmp_path / "old", written(tmp_path / "pages", [("a.xml", page)]))
    assert rows(result.path) == rows(new)


# From zero


@settings(max_examples=12)
@given(HISTORIES, st.integers(1, 6), st.sampled_from(FORMS), st.data())
def test_all_pages_from_zero_are_a_full_export(
    tmp_path_factory: pytest.TempPathFactory, states: list[State], size: int, form: str, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("zero")
    history = Register(states)
    files = data.draw(st.permutations(history.pages(0, len(states), size, form)))
    pages = written(directory / "pages", renamed(files))
    options = ApplyOptions(AS_OF, load=load_options(derive="all"))
    result = apply_from_zero(directory / "store", [pages], options)
    (directory / "whole.xml").write_bytes(history.export(len(states), 27))
    whole = convert(directory / "whole.xml", directory / "whole", load_options(derive="all"))
    assert rows(result.path) == rows(whole.path)
    manifest = read_manifest(result.path)
    assert manifest.applied
    assert manifest.applied.persons == len(history.states(len(states)))
    assert apply_from_zero(directory / "store", [pages], options).outcome == "unchanged"


def test_a_walk_during_which_persons_changed_has_their_last_state(tmp_path: Path) -> None:
    """Pages that were made while the register moved on have persons twice, in different states."""
    first = register.written("rest", 0, 2, 2, HISTORY.changes[:2])
    second = register.written("rest", 2, 4, 4, [HISTORY.changes[2], HISTORY.changes[0].deleted])
    pages = written(tmp_path / "pages", [("b.json", first), ("a.json", second)])
    result = apply_from_zero(tmp_path / "store", [pages], ApplyOptions(AS_OF, load=load_options()))
    table = pq.read_table(result.path / "person" / "part-00000.parquet").to_pylist()
    assert [(row["personidentifikator"], row["status"]) for row in table] == [
        (NUMBERS[1], "AKTIV"),
        (NUMBERS[2], "AKTIV"),
        (NUMBERS[0], "SLETTET"),
    ]


def test_a_file_that_changes_between_its_two_readings_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = written(tmp_path / "pages", HISTORY.pages(0, 10, 10, "rest"))
    real = PageFile.pages
    read: list[str] = []

    def changing(file: PageFile, schema: RecordSchema) -> Iterator[Page]:
        read.append(file.path.name)
        if len(read) > 1:
            file.path.write_bytes(file.path.read_bytes() + b" ")
        yield from real(file, schema)

    monkeypatch.setattr(PageFile, "pages", changing)
    with pytest.raises(InputError, match=r"0\.json changed while it was read"):
        apply_from_zero(tmp_path / "store", [pages], ApplyOptions(AS_OF, load=load_options()))
    assert not [*(tmp_path / "store").glob("eksport=*")]


def test_from_zero_needs_the_first_page_and_some(tmp_path: Path, krr: Callable[..., command.Ran]) -> None:
    pages = written(tmp_path / "pages", HISTORY.pages(2, 10, 3, "rest"))
    ran = krr("apply", tmp_path / "store", pages, "--as-of", AS_OF, "--from-zero")
    assert ran.code == 3
    assert "changes 1 to 2 are missing before 2.json" in ran.last
    assert not (tmp_path / "store").exists()
    empty = written(tmp_path / "empty", [("a.json", register.written("rest", 0, 0, 0, []))])
    assert krr("apply", tmp_path / "store", empty, "--as-of", AS_OF, "--from-zero").code == 3
    whole = written(tmp_path / "whole", HISTORY.pages(0, 10, 3, "14-05"))
    ran = krr("apply", tmp_path / "store", whole, "--as-of", AS_OF, "--from-zero", "--format", "csv")
    assert ran.code == 0, ran.err
    assert "from the first change on: 7 persons" in ran.err
    assert [path.suffix for path in (tmp_path / "store").glob("latest/person/*")] == [".csv"]
    later = written(tmp_path / "later", [("a.json", register.written("rest", 10, 11, 11, [State(NUMBERS[7])]))])
    as_of = ("--as-of", "2014-02-28T12:00:00Z", "--no-guard")
    assert krr("apply", tmp_path / "store", later, *as_of, "--format", "csv").code == 2
    ran = krr("apply", tmp_path / "store", later, *as_of)
    assert ran.code == 0, ran.err
    assert [path.suffix for path in (tmp_path / "store").glob("latest/person/*")] == [".csv"]
