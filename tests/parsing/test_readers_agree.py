"""The fast reader gives exactly what the reference gives: rows, rejects, notices, errors, however a block is cut."""

from __future__ import annotations

import re
from functools import cache
from io import BytesIO
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest
from agreement import STRICT, WHOLE, delivered, disagreements, outcome, pick_out, pieces_of
from conversions import cut_into
from exports.mutants import Mutant, fewer, mutants
from exports.odd_exports import BYTES, CHARACTERS, CONSTRUCTS, MALFORMED, Author
from exports.tiny_xml import IDENTIFIER, contact, export, person
from fuzz import CASES, first_difference, trials
from hypothesis import given, settings
from hypothesis import strategies as st

from krr_export.rules.catalogue import DUPLICATE
from krr_export.schema.registry import load_schema
from krr_export.synthetic import ExpectedFinding, SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from krr_export.schema.record_schema import RecordSchema

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_once")]

VERSIONS = ("14-05", "16-02")
picking_out = pytest.mark.usefixtures("picked_out")


@pytest.fixture
def picked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd records are picked out however many they are, so that the pattern takes what it can, also in small blocks."""
    pick_out(monkeypatch)


# Mutants


STYLES: dict[str, Callable[[bytes], bytes]] = {
    "as they are": lambda document: document,
    "prefixed": lambda document: re.sub(rb"<(/?)(?=\w+[\s/>])", rb"<\1ns2:", document).replace(
        b"xmlns=", b"xmlns:ns2="
    ),
    "without white space": lambda document: re.sub(rb"\s*\n\s*", b"", document),
    "with line ends of two": lambda document: document.replace(b"\n", b"\r\n"),
    "with a byte order mark": lambda document: b"\xef\xbb\xbf" + document,
    "with single quotes": lambda document: document.replace(b'"', b"'"),
}

_TOGETHER = 64
"""Mutants read as one document: setting up a reader takes longer than reading three records."""


@picking_out
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("version", VERSIONS)
def test_on_all_mutants(version: str, style: str) -> None:
    every = fewer(version, mutants(version))
    if style != "as they are":
        every = every[list(STYLES).index(style) :: 12]
    assert disagreeing(every, load_schema(version), STYLES[style]) == []


def disagreeing(every: Sequence[Mutant], schema: RecordSchema, style: Callable[[bytes], bytes]) -> list[str]:
    """The names of mutants that the readers do not agree on."""
    usual = every[0].document
    head, tail = usual[: usual.index(b">") + 1], usual[usual.rindex(b"</") :]
    alike = [each for each in every if each.document.startswith(head) and each.document.endswith(tail)]
    together = set(alike)
    others = [each for each in every if each not in together]

    def names(some: Sequence[Mutant]) -> list[str]:
        content = b"\n".join(each.document[len(head) : -len(tail)] for each in some)
        document = style(head + content + tail if len(some) > 1 else some[0].document)
        fast, reference = (outcome(document, schema, reader) for reader in ("auto", "iterparse"))
        differs = fast.differs_from(reference)
        if len(some) == 1 or (reference.error is None and not differs):
            return [f"{each.name}: {differs}" for each in some if differs]
        # One error hides what comes after it.
        middle = len(some) // 2
        return names(some[:middle]) + names(some[middle:]) or [f"{each.name}, together" for each in some if differs]

    groups = [alike[at : at + _TOGETHER] for at in range(0, len(alike), _TOGETHER)]
    return [name for group in [*groups, *([other] for other in others)] for name in names(group)]


# Odd exports


@given(st.randoms(), st.sampled_from([0.001, 0.01, 0.03]), st.sampled_from(VERSIONS))
@settings(max_examples=40)
def test_on_odd_exports(random: Random, oddity: float, version: str) -> None:
    schema = load_version(version)
    document = Author(random, schema, oddity).export()
    with pytest.MonkeyPatch.context() as patch:
        pick_out(patch, random.choice([0.25, 1.0]))
        assert disagreements(document, schema) == []
        length = random.choice([40, 300, 1000])
        assert disagreements(pieces_of(document, length), schema, length) == []


@given(st.randoms(), st.sampled_from([0.0, 0.001, 0.01, 0.03]))
@settings(max_examples=25)
def test_on_odd_exports_however_they_are_cut(random: Random, oddity: float) -> None:
    schema = load_version("14-05")
    document = Author(random, schema, oddity).export()
    whole = outcome(document, schema, "iterparse")
    with pytest.MonkeyPatch.context() as patch:
        pick_out(patch)
        cut_into(patch, random.choice([50, 300, 1000, 3000]))
        fast, reference = (delivered(document, schema, reader) for reader in ("auto", "iterparse"))
    assert fast.differs_from(reference) == []
    # Of several errors in a document, which comes first depends on the blocks, and so does what came before it.
    assert (fast.error is None) == (whole.error is None)
    assert whole.error is not None or fast.differs_from(whole) == []


@cache
def load_version(version: str) -> RecordSchema:
    return load_schema(version)


PLACES = {
    "between records": (b"\n<Person>", b"\n%s<Person>"),
    "after the last record": (b"\n</et:", b"%s\n</et:"),
    "in a record": (b"<Kontaktinformasjon>", b"%s<Kontaktinformasjon>"),
    "in a tag": (b"<Kontaktinformasjon>", b"<Kontaktinformasjon%s>"),
    "in an end tag": (b"</Person>", b"</Person%s>"),
    "in a text": (b">beskrivelse<", b">beskri%svelse<"),
    "in a counted text": (b">ola@example.no<", b">ola@%sexample.no<"),
    "for one of eleven characters": (IDENTIFIER[:5].encode(), IDENTIFIER[:4].encode() + b"%s"),
    "in a listed text": (b">AKTIV<", b">AK%sTIV<"),
    "in an attribute": (b'T12:08:00Z"', b'T12:08:00Z%s"'),
    "in a certificate": (b">AAAA<", b">AA%sAA<"),
}
TOKENS = [*(token.encode() for token in (*CHARACTERS, *CONSTRUCTS, *MALFORMED)), *BYTES]


@picking_out
@pytest.mark.parametrize("place", PLACES)
def test_on_every_odd_thing_in_every_place(place: str, schema: RecordSchema) -> None:
    details = (
        "<status>AKTIV</status><beskrivelse>beskrivelse</beskrivelse>",
        contact(attributes='sistOppdatert="2014-02-25T12:08:00Z"'),
        "<X509Sertifikat>AAAA</X509Sertifikat>",
    )
    document = export(person(), person(*details), person(*details))
    old, new = PLACES[place]
    assert outcome(document, schema, "auto").read_by == {"scanner": 3}
    differing = [token for token in TOKENS if disagreements(document.replace(old, new % token), schema)]
    assert differing == []


ODD = (
    person(contact("ola&#64;example.no"), contact()),
    person("<!-- </Person> -->", contact(attributes="sistOppdatert='2014-02-28T12:08:00'")),
    person("<status><![CDATA[<Person>]]>AKTIV</status>"),
    person("<status>AKTIV</status><!-- c -->", identifier="blåbærgrøt1"),
    "<!-- <Person> --><Person><personidentifikator>1</personidentifikator></Person >",
    person("<X509Sertifikat>AA\nAA</X509Sertifikat>", "<?p </Person>?>"),
)


@picking_out
def test_on_records_cut_at_every_byte(schema: RecordSchema) -> None:
    apart = "\r\n".join([person(contact()), *ODD[:3], person()])
    document = export(apart, *ODD[3:], person(), between="")
    whole = outcome(document, schema, "iterparse")
    assert whole.error is None
    begins = document.index(b"<Person>")
    differing = [
        at
        for at in range(begins, len(document))
        if outcome([document[:at], document[at:]], schema, "auto", 1).differs_from(whole)
    ]
    assert differing == []


def test_two_records_of_one_xml_id_are_refused_like_one(schema: RecordSchema) -> None:
    same = person().replace("<Person>", '<Person xml:id="a">')
    read = outcome(export(same, person(), same), schema, "iterparse")
    assert (read.error, len(read.rejects), read.table.num_rows) == (None, 2, 1)


def test_an_undeclared_entity_is_named_on_its_line_however_long_the_block(schema: RecordSchema) -> None:
    document = export(person("<beskrivelse>&x;</beskrivelse>"), *[person(contact())] * 1000)
    error = outcome(document, schema, "iterparse").error
    assert error is not None
    assert error[1].endswith("line 3: an entity is not declared")


def test_the_line_of_a_stranger_with_the_name_of_a_record_is_its_own(schema: RecordSchema) -> None:
    stranger = person().replace("<Person>", '<Person xmlns="urn:example:foreign">')
    error = outcome(export(person(), stranger, person()), schema, "iterparse").error
    assert error is not None
    assert error[1].startswith("line 4: an element other than Person")


@pytest.mark.parametrize("case", sorted(CASES.glob("*.xml")), ids=lambda case: case.stem)
@pytest.mark.parametrize("share", [0.25, 1.0])
@pytest.mark.parametrize("size", [WHOLE, 1000, 100, 1])
def test_on_documents_that_they_once_disagreed_on(
    case: Path, share: float, size: int, schema: RecordSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick_out(monkeypatch, share)
    assert disagreements(pieces_of(case.read_bytes(), size), schema, size) == []


def test_on_a_short_fuzz_run(schema: RecordSchema) -> None:
    few = islice(trials(Random(1), schema), 100)  # noqa: S311 - reproducible
    assert first_difference(few, schema) is None


# Samples


@pytest.mark.parametrize(
    "changes",
    [
        {"fault_share": 0.02},
        {"fault_share": 0.02, "prefix": "ns2", "naive_times": True},
        {"fault_share": 0.1, "indent": False},
        {"fault_share": 0.5, "certificates": 0},
        {"fault_share": 0.05, "comments": True},
        {"old_spellings": True},
    ],
    ids=", ".join,
)
@pytest.mark.parametrize("version", VERSIONS)
def test_on_samples_and_both_find_what_was_planted(
    version: str, changes: dict[str, float | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = load_schema(version)
    planted: list[ExpectedFinding] = []
    out = BytesIO()
    options = SampleOptions(600, seed=7, schema=schema, **changes)  # type: ignore[arg-type]  # of several types
    summary = write_sample(out, options, planted.append)
    cut_into(monkeypatch, 20_000)
    fast, reference = (delivered(out.getvalue(), schema, reader) for reader in ("auto", "iterparse"))
    assert fast.differs_from(reference) == []
    refused = summary.rejected + len({entry.record for entry in planted if entry.code in STRICT})
    assert (len(fast.rejects), fast.table.num_rows) == (refused, 600 - refused)
    assert {notice.code: notice.records for notice in fast.notices} == {
        code: total.records
        for code, total in summary.totals.items()
        if code != DUPLICATE  # no block knows of others
    }
    found = {(reject.ordinal, finding.code) for reject in fast.rejects for finding in reject.findings}
    rejected = {reject.ordinal for reject in fast.rejects}
    assert found <= {(entry.record, entry.code) for entry in planted if entry.record in rejected}
