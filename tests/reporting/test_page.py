"""The page says what the report says, in both languages, in one small file, and nobody else's markup is in it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import unquote

import msgspec
import pages
import pytest
from exports import tiny_xml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from lxml import html

import krr_export
from krr_export.errors import UsageError
from krr_export.findings.detail import Detail, DetailKind, DetailWords, Facet, Requirement, mask
from krr_export.output.manifest import Counts
from krr_export.profiling.summary import MOST_CERTIFICATES, MOST_DOMAINS, MOST_PROVIDERS
from krr_export.reporting.formats import FORMATS, render_report
from krr_export.reporting.history_line import HistoryLine
from krr_export.reporting.page.history_chart import history_chart
from krr_export.reporting.page.history_status import history_status
from krr_export.reporting.page.languages.by_code import language
from krr_export.reporting.page.languages.english import ENGLISH
from krr_export.reporting.page.languages.language import LANGUAGES
from krr_export.reporting.page.languages.norwegian import NORWEGIAN
from krr_export.reporting.page.rendering import MAX_BYTES, render, render_history
from krr_export.reporting.published_nights import history_before
from krr_export.rules.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from command import Ran

    from krr_export.reporting.page.languages.language import Lang

    Krr = Callable[..., Ran]

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "krr_export/reporting/page"
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())
SCRIPT = "<script>alert('x')</script>\"&{{ 7*7 }}{% raw %}"


def text_of(page: str) -> str:
    """What is to be read on a page, without spaces that keep things together."""
    (body,) = html.fromstring(page).xpath("//body")
    return " ".join(str(body.text_content()).replace("\u202f", "").replace("\xa0", " ").split())


def changed(value: Any, change: Callable[[str], str], kept: frozenset[str]) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A report with all its strings and names changed, but those that are no free text."""
    if isinstance(value, dict):
        return {
            key if key in kept or not value_is_named(key) else change(key): one
            if key in kept
            else changed(one, change, kept)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [changed(one, change, kept) for one in value]
    return change(value) if isinstance(value, str) else value


def value_is_named(key: str) -> bool:
    """Whether a key is somebody's name for something: a field, a column, a value of a list."""
    return key in NAMED


NAMED = {"status", "reservasjon", "JA", "NEI", "AKTIV", "SLETTET", "IKKE_REGISTRERT", "Kontaktinformasjon"}
KEPT = frozenset(
    {
        "outcome", "created", "eksport_tidspunkt_utc", "expires", "newest", "updated", "verified", "severity", "guard",
        "tool", "sha256", "publisher_sha256", "publisher_valid_from", "publisher_valid_until", "signature",
        "compression", "max_rejects", "organisation_number", "kind",
    }
)  # fmt: skip
"""What is no free text: in no report that can be read is anything else there."""

DIFFERENCE: pages.Json = {
    "what": "records-dropped", "column": None, "value": None, "before": 100_000, "now": 60_000,
    "limit": "--max-drop 5%", "accept": "--max-drop 40%", "text": "in English",
}  # fmt: skip


def test_the_report_that_the_pages_are_tried_with_is_one_by_the_published_schema() -> None:
    Draft202012Validator(SCHEMA).validate(pages.report())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_same_report_and_history_give_the_same_bytes(lang: Lang) -> None:
    assert pages.page(pages.report(), pages.history(), lang=lang) == pages.page(
        pages.report(), pages.history(), lang=lang
    )


def test_nothing_is_fetched_and_no_script_runs() -> None:
    page = pages.page(pages.report(), pages.history())
    document = html.fromstring(page)
    assert document.xpath("//script | //iframe | //img | //object | //embed | //base | //form | //@onclick") == []
    links = [str(link) for link in document.xpath("//@href | //@src")]
    assert [link for link in links if not link.startswith(("#", "data:,"))] == []
    assert set(re.findall(r"url\(([^)]*)\)", page)) == {"#hatch", "#dots"}
    (policy,) = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_every_link_leads_to_a_place_on_the_page() -> None:
    document = html.fromstring(pages.page(pages.report(), pages.history()))
    places = [str(place) for place in document.xpath("//@id")]
    assert len(places) == len(set(places))
    assert {str(link)[1:] for link in document.xpath("//a/@href")} <= set(places)


@pytest.mark.parametrize(
    ("outcome", "counts", "findings", "status", "kind"),
    [
        ("published", (10, 10, 0), (), "Published", "good"),
        ("published", (10, 10, 0), ("time-ambiguous",), "Published", "attention"),
        ("published", (10, 10, 0), ("time-midnight-24",), "Published", "good"),
        ("published", (10, 9, 1), ("value-type",), "Published with rejects", "attention"),
        ("published", (0, 0, 0), (), "Published", "good"),
        ("partial", (10, 10, 0), (), "Partial", "attention"),
        ("too-many-rejects", (10, 1, 9), ("value-type",), "Not published", "bad"),
        ("empty", (0, 0, 0), (), "Not published", "bad"),
        ("guard", (10, 10, 0), (), "Not published", "bad"),
        ("duplicates", (10, 10, 0), (), "Not published", "bad"),
        ("valid", (10, 10, 0), (), "Valid", "good"),
        ("rejects", (10, 1, 9), ("value-type",), "Not valid", "bad"),
    ],
)
def test_the_headline_comes_first_in_a_sentence_with_its_numbers(
    outcome: str, counts: tuple[int, int, int], findings: tuple[str, ...], status: str, kind: str
) -> None:
    seen, written, rejected = counts
    guard = {"compared_with": None, "differences": [DIFFERENCE] if outcome == "guard" else [], "skipped": None}
    report = pages.report(
        outcome=outcome,
        guard=guard,
        counts={"seen": seen, "written": written, "rejected": rejected},
        findings=[pages.finding(code, 1) for code in findings],
    )
    document = html.fromstring(pages.page(report))
    (shown,) = document.xpath("//*[contains(@class, 'status')]")
    assert (shown.text_content().strip(), shown.get("class")) == (status, f"status {kind}")
    (sentence,) = document.xpath("//h1")
    if "reject" in outcome:
        assert sentence.text_content().startswith("9 of 10 records (90.0%) were rejected")
    actions = [str(item.text_content()) for item in document.xpath("//ol[@class='todo']/li")]
    assert bool(actions) == (kind != "good")


def test_every_outcome_of_the_published_schema_has_its_sentence_in_both_languages() -> None:
    for words in (ENGLISH, NORWEGIAN):
        for outcome in SCHEMA["properties"]["outcome"]["enum"]:
            assert words.lookup(f"outcome.{outcome}") or words.lookup(f"outcome.{outcome}.clean"), outcome


@pytest.mark.parametrize(("nights", "at_the_edge"), [(2, 0), (8, 0), (9, 2), (12, 2)])
def test_the_last_nights_numbers_stand_above_its_marks_where_these_are_far_from_the_edge(
    nights: int, at_the_edge: int
) -> None:
    document = html.fromstring(render_history(pages.history()[-nights:], name="store"))
    (last,) = document.xpath("//circle[contains(@class, 'last')]/@cx")
    labels = document.xpath("//*[@id='nights']//text[contains(@class, 'strong')]/@x")
    assert (labels.count("100%"), labels.count(last)) == (at_the_edge, 2 - at_the_edge)


@pytest.mark.parametrize("outcome", ["empty", "duplicates"])
def test_what_was_only_validated_is_not_said_to_be_unpublished(outcome: str) -> None:
    validated = pages.report(outcome=outcome, guard=None)  # validate has no store, and no guard
    statuses: dict[Lang, str] = {"en": "Not valid", "nb": "Ikke gyldig"}
    for lang, status in statuses.items():
        document = html.fromstring(pages.page(validated, lang=lang))
        assert [shown.text_content() for shown in document.xpath("//*[contains(@class, 'status')]")] == [status]
        assert status in str(document.xpath("string(//title)"))


def test_what_to_do_says_how_many_codes_it_has_no_room_for() -> None:
    codes = [code for code, known in CATALOGUE.items() if known.severity == "reject"]
    patterns: dict[Lang, str] = {"en": r"(\d+) more codes? (?:is|are) below", "nb": r"(\d+) koder? til står nedenfor"}
    for lang, more in patterns.items():
        document = html.fromstring(
            pages.page(pages.report(findings=[pages.finding(code, 1) for code in codes]), lang=lang)
        )
        named = document.xpath("//ol[@class='todo']/li//a/@href")
        (left,) = re.findall(more, str(document.xpath("string(//section[@id='todo'])")))
        assert len(named) + int(left) == len(codes)
    assert "below." not in text_of(pages.page(pages.report(findings=[pages.finding(codes[0], 1)])))


@pytest.mark.parametrize(("limit", "norwegian"), [("0.5%", "0,5\N{NO-BREAK SPACE}%"), ("12", "12")])
def test_the_limit_in_the_headline_is_written_as_the_language_writes_numbers(limit: str, norwegian: str) -> None:
    report = pages.report(outcome="rejects", counts={"seen": 10, "written": 1, "rejected": 9})
    report["limits"] = {**report["limits"], "max_rejects": limit}
    assert f"limit of {limit} allows" in str(html.fromstring(pages.page(report)).xpath("string(//h1)"))
    assert f"grensen på {norwegian} tillater" in str(
        html.fromstring(pages.page(report, lang="nb")).xpath("string(//h1)")
    )


def test_what_the_guard_found_is_said_in_the_pages_language() -> None:
    differences = [
        DIFFERENCE,
        {**DIFFERENCE, "what": "value", "column": "status", "value": "AKTIV", "before": 97.04, "now": 51.6,
         "limit": "--max-shift 5%"},
        {**DIFFERENCE, "what": "change-number", "before": 12, "now": 7, "limit": None},
    ]  # fmt: skip
    report = pages.report(
        outcome="guard", guard={"compared_with": "eksport=x", "differences": differences, "skipped": None}
    )
    english, norwegian = (text_of(pages.page(report, lang=lang)) for lang in LANGUAGES)
    assert "60000 records, 100000 before: too few (--max-drop 5%)." in english
    assert "status is AKTIV on 51.6% of the records, 97.0% before (--max-shift 5%)." in english
    assert "status er AKTIV på 51,6 % av postene, mot 97,0 % før (--max-shift 5%)." in norwegian
    assert "Siste endringsnummer er 7; i den andre eksporten er det 12." in norwegian
    assert "in English" not in english + norwegian


@pytest.mark.parametrize(
    ("accepts", "options"),
    [
        (["--max-drop 11%", "--max-shift 9%", "--max-shift 10%"], "--max-drop 11% --max-shift 10%"),
        (["--max-drop 11%", "--no-guard"], "--no-guard"),
    ],
)
def test_the_page_names_the_options_that_accept_what_differs(accepts: list[str], options: str) -> None:
    differences = [{**DIFFERENCE, "accept": accept} for accept in accepts]
    report = pages.report(
        outcome="guard", guard={"compared_with": "eksport=x", "differences": differences, "skipped": None}
    )
    assert f"If they are, accept them with {options}." in text_of(pages.page(report, lang="en"))
    assert f"Er de det, godta dem med {options}." in text_of(pages.page(report, lang="nb"))


def test_who_sent_it_and_what_was_passed_over_is_said_where_something_is_to_be_done() -> None:
    report = pages.report()
    assert "passed over" not in text_of(pages.page(report))
    report["source"]["delivery"] |= {
        "signature": "not verified",
        "passed_over": [{"set": "20990101T0300", "missing": []}, {"set": "20260227T0300", "missing": ["a.sig"]}],
    }
    page = text_of(pages.page(report))
    assert "A delivery named for the future, 20990101T0300, was passed over. Ask the sender: is a clock wrong?" in page
    assert "The delivery's signature was not verified" in page
    assert "A newer delivery, 20260227T0300, is incomplete and was passed over: fetch it again." in page


def test_what_a_run_without_rules_did_not_look_at_is_said() -> None:
    assert "The run did not look at the values (--no-profile)." in text_of(pages.page(pages.report(profile=None)))
    older = pages.report()
    del older["profile"], older["guard"]
    assert "(--no-profile)" in text_of(pages.page(older)), "reports from before there was a profile"


def test_what_was_left_out_of_the_result_is_not_on_the_page() -> None:
    report = pages.report()
    profile = report["profile"]
    profile["identifier_kinds"], profile["contact_age"], profile["values"] = {}, [], {}
    for name in ("providers", "email_domains", "certificates"):
        profile[name] = []
        profile[f"{name}_pooled"] = {"distinct": None, "records": 9, "exact": False}
    for column in profile["columns"]:
        column |= {"empty": None, "length": None}
    assert "left out of the result: not shown" in text_of(pages.page(report))


def test_an_empty_export_has_a_page() -> None:
    report = pages.report(counts={"seen": 0, "written": 0, "rejected": 0}, findings=[], outcome="empty")
    profile = report["profile"]
    profile["records"] = 0
    for name in ("channels", "identifier_kinds"):
        profile[name] = dict.fromkeys(profile[name], 0)
    profile["values"] = {name: dict.fromkeys(values, 0) for name, values in profile["values"].items()}
    for age in profile["contact_age"]:
        age |= {"records": 0, "undated": 0, "older_than_18_months": 0, "newest": {}, "updated": {}, "verified": {}}
    for name in ("providers", "email_domains", "certificates"):
        profile[name] = []
        profile[f"{name}_pooled"] = {"distinct": 0, "records": 0, "exact": True}
    for column in profile["columns"]:
        column |= {"nulls": 0, "length": None}
    assert "The export holds no records." in text_of(pages.page(report))


# Languages


def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    assert ENGLISH.texts.keys() == NORWEGIAN.texts.keys()
    for key, words in ENGLISH.texts.items():
        gaps = set(re.findall(r"{\w+}", words))
        assert gaps == set(re.findall(r"{\w+}", NORWEGIAN.texts[key])), key
        assert words.count("|") == NORWEGIAN.texts[key].count("|") or key == "age.undated", key
        assert words.count("¦") == NORWEGIAN.texts[key].count("¦"), key


def test_no_word_is_without_use() -> None:
    sources = "".join(path.read_text() for path in PACKAGE.rglob("*") if path.suffix in {".py", ".html"})
    used = sources.replace((PACKAGE / "languages/english.py").read_text(), "").replace(
        (PACKAGE / "languages/norwegian.py").read_text(), ""
    )
    made = ("outcome.", "action.", "guard.", "kind.", "value.", "column.", "signature.", "severity.", "channel.",
            "nights.", "age.", "certificates.", "complete.", "providers.", "domains.", "refused.",
            "history.age.", "reach.notifiable", "reach.reserved", "reach.mobile", "reach.email", "reach.mailbox",
            "of.")  # fmt: skip
    assert [
        key for key in ENGLISH.texts if not key.startswith(made) and not re.search(f"[\"']{re.escape(key)}[\"']", used)
    ] == []


def test_every_code_of_the_catalogue_is_translated() -> None:
    assert [code for code in CATALOGUE if code not in NORWEGIAN.findings] == []
    assert [code for code in NORWEGIAN.findings if code not in CATALOGUE] == []


def test_a_code_without_translation_is_shown_in_english_and_marked_so() -> None:
    finding = pages.finding("value-type", 3) | {"code": "of-tomorrow", "text": "what it is", "fix": "what to do then"}
    document = html.fromstring(pages.page(pages.report(findings=[finding]), lang="nb"))
    assert document.get("lang") == "nb"
    assert {str(e.text_content()) for e in document.xpath("//article//*[@lang='en']")} == {
        "what it is",
        "what to do then",
    }


def test_every_kind_of_detail_and_every_facet_has_its_text_in_both_languages() -> None:
    for words in (ENGLISH.details, NORWEGIAN.details):
        assert {*words.kinds} == {*get_args(DetailKind)}
        assert {*words.limits} == {*get_args(Facet)}
    for english, norwegian in zip(all_texts(ENGLISH.details), all_texts(NORWEGIAN.details), strict=True):
        assert {*re.findall(r"{\w+}", english)} == {*re.findall(r"{\w+}", norwegian)}


def all_texts(words: DetailWords) -> list[str]:
    return [*dict(sorted(words.kinds.items())).values(), *dict(sorted(words.limits.items())).values()]


@pytest.mark.parametrize(
    ("detail", "english", "norwegian"),
    [
        (mask("ola@example.no pluss"), "20 characters, mixed", "20 tegn, blandet"),
        (mask(" ", Requirement("minLength", "8")), "1 character, white space; the XSD requires at least 8",
         "1 tegn, blanke tegn; XSD-en krever minst 8"),
        (mask("kanskje", Requirement("enumeration", "JA, NEI")), "7 characters, letters; the XSD allows JA, NEI",
         "7 tegn, bokstaver; XSD-en tillater JA, NEI"),
        (mask("", Requirement("type", "dateTime")), "empty; the XSD requires xs:dateTime",
         "tom; XSD-en krever xs:dateTime"),
        (Detail("database null"), "the value is \\N", "verdien er \\N"),
        (Detail("octets", 1250), "1250 octets", "1250 oktetter"),
        (Detail("element of an old name", name="Sertifikat"), "written as Sertifikat, the spelling before spring 2014",
         "skrevet som Sertifikat, skrivemåten før våren 2014"),
    ],
)  # fmt: skip
def test_a_detail_is_shown_in_the_pages_language(detail: Detail, english: str, norwegian: str) -> None:
    finding = pages.finding("value-type", 1)
    finding["examples"] = [finding["examples"][0] | {"detail": str(detail), "masked": detail.to_dict()}]
    texts: dict[Lang, str] = {"en": english, "nb": norwegian}
    for lang, text in texts.items():
        document = html.fromstring(pages.page(pages.report(findings=[finding]), lang=lang))
        assert str(document.xpath("string(//article//tbody/tr/td/i)")) == text
        assert document.xpath("//article//tbody//*[@lang]") == []


def test_a_detail_of_a_report_from_before_it_was_kept_in_parts_is_shown_in_english_and_marked_so() -> None:
    finding = pages.finding("value-type", 1)
    del finding["examples"][0]["masked"]
    document = html.fromstring(pages.page(pages.report(findings=[finding]), lang="nb"))
    assert [str(cell.text_content()) for cell in document.xpath("//article//tbody//*[@lang='en']")] == [
        "19 characters, mixed"
    ]


@pytest.mark.parametrize(
    ("part", "whole", "english", "norwegian"),
    [
        (0, 10, "0.0%", "0,0\xa0%"),
        (1, 4_600_000, "<0.1%", "<0,1\xa0%"),
        (1, 3, "33.3%", "33,3\xa0%"),
        (4_599_999, 4_600_000, ">99.9%", ">99,9\xa0%"),
        (10, 10, "100.0%", "100,0\xa0%"),
        (0, 0, "0.0%", "0,0\xa0%"),
    ],
)
def test_none_and_all_are_said_only_where_they_are(part: int, whole: int, english: str, norwegian: str) -> None:
    assert (ENGLISH.share(part, whole), NORWEGIAN.share(part, whole)) == (english, norwegian)


def test_numbers_days_and_changes_are_written_as_the_language_does() -> None:
    assert ENGLISH.number(4_600_000) == "4\u202f600\u202f000"
    assert (ENGLISH.points(0.001), ENGLISH.points(-0.001), ENGLISH.points(-1.25)) == ("±0.00", "±0.00", "\u22121.25")
    summer, last = "2026-06-30T22:30:00Z", "9999-12-31T23:59:59Z"
    assert (ENGLISH.day(summer), NORWEGIAN.day(summer)) == ("1 July 2026", "1. juli 2026")
    assert ENGLISH.day(last) == "31 December 9999"
    assert NORWEGIAN.moment(summer) == "1. juli 2026 kl. 00:30"


# Whatever comes


@pytest.mark.parametrize("lang", LANGUAGES)
def test_markup_in_any_string_of_a_report_is_text(lang: Lang) -> None:
    report = changed(pages.report(), lambda text: f"{text}{SCRIPT}", KEPT)
    lines = [replace(line, snapshot=f"eksport=0{SCRIPT}", damage=SCRIPT) for line in pages.history(3)]
    for page in (pages.page(report, lines, lang=lang), render_history(lines, name=SCRIPT, lang=lang)):
        assert html.fromstring(page).xpath("//script") == []
        assert SCRIPT in str(html.fromstring(page).text_content()), "it is there, as text"
        assert "<script" not in page
    attributes = re.findall(r'\son\w+="', pages.page(report, lines, lang=lang))
    assert attributes == []


def test_the_worst_report_is_a_small_page_that_says_what_it_left_out() -> None:
    page = pages.page(worst("'\U0001f600" * 4000), pages.history(28))
    assert len(page.encode()) <= MAX_BYTES
    assert "more are in report.json." in text_of(page)
    assert len(render_history(long_history(2000), name="n" * 5000).encode()) <= MAX_BYTES


def test_a_report_with_all_codes_and_all_examples_keeps_some_of_each() -> None:
    report = pages.report(findings=[pages.finding(code, 5000) for code in CATALOGUE])
    page = pages.page(report, pages.history(28))
    assert len(page.encode()) <= MAX_BYTES
    document = html.fromstring(page)
    assert len(document.xpath("//article")) == len(CATALOGUE)
    assert all(article.xpath(".//tbody/tr") for article in document.xpath("//article"))


def worst(text: str, many: int = 600) -> pages.Json:
    """A report in which everything is as long and as many as it can be."""
    names = [f"{number}{text}" for number in range(many)]
    example = {"record": 10**9, "line": 10**12, "byte_offset": 10**15, "field": text, "detail": text, "masked": None}
    finding = pages.finding("value-type", 10**8) | {
        "text": text, "fix": text, "fields": dict.fromkeys(names, 9), "examples": [example] * 20,
    }  # fmt: skip
    report = pages.report(findings=[finding | {"code": name} for name in names])
    report["source"]["name"] = report["schema"]["name"] = text
    profile = report["profile"]
    length = {"min": 1, "max": 10**9, "mean": 10.0**8}
    profile["columns"] = [{"name": name, "nulls": 5, "empty": 10**6, "length": length} for name in names]
    profile["values"] = {name: dict.fromkeys(names, 4) for name in names[:60]}
    full = dict.fromkeys(("future", *map(str, range(120)), "120+"), 10**8)
    profile["contact_age"] = [profile["contact_age"][0] | dict.fromkeys(("newest", "updated", "verified"), full)] * 9
    profile["providers"] = [
        {"organisation_number": f"{number:09}", "name": text, "records": 20}
        for number in range(min(many, MOST_PROVIDERS))
    ]
    profile["email_domains"] = [{"domain": name, "records": 20} for name in names[:MOST_DOMAINS]]
    profile["certificates"] = [profile["certificates"][0] | {"subject": name} for name in names[:MOST_CERTIFICATES]]
    return report


def long_history(nights: int) -> list[Any]:
    line = pages.history(1)[0]
    return [replace(line, snapshot=f"eksport={night:08}T000000Z") for night in range(nights)]


@settings(max_examples=5)  # each is several pages of the greatest size
@given(
    text=st.text(max_size=300),
    many=st.integers(1, 80),
    sizes=st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    lang=st.sampled_from(LANGUAGES),
)
def test_any_text_and_any_numbers_give_a_small_page(text: str, many: int, sizes: list[int], lang: Lang) -> None:
    report = worst(text, many)
    for number, finding in enumerate(report["findings"]):
        finding["records"] = finding["count"] = max(1, sizes[number % len(sizes)])
    for age in report["profile"]["contact_age"]:
        age["newest"] = {str(month): size for month, size in enumerate(sizes) if size}
    page = pages.page(report, pages.history(many % 30), lang=lang)
    assert len(page.encode()) <= MAX_BYTES
    assert html.fromstring(page).xpath("//script") == []


def test_a_report_that_was_tampered_with_is_refused_or_rendered_and_never_ends_the_program() -> None:
    odd: list[Any] = [None, True, -1, 0, 2**63, 1.5, "", "x", "2026-13-99T99:99:99Z", [], {}, [None], {"": None}]
    document = pages.report(
        outcome="guard", guard={"compared_with": None, "differences": [DIFFERENCE], "skipped": None}
    )
    text = json.dumps(document)
    rendered = 0
    for place in places(document):
        there = value_at(document, place)
        ended = [f"{there}\n"] if isinstance(there, str) else []
        for value in [*odd, *ended, DELETED]:
            forged = msgspec.json.decode(text)
            put(forged, place, value)
            try:
                report = pages.typed(forged)
            except msgspec.ValidationError:
                continue
            rendered += 1
            for name in FORMATS:
                assert render_report(report, name)
            assert [*report.summary(verbose=True)]
            if rendered % 50 == 0:  # a page takes longer
                assert render(report)
    assert rendered > 300, "what has a value that fits is not refused"
    for key in ("future", "120+", "7"):
        forged = pages.report()
        forged["profile"]["contact_age"][0]["newest"][f"{key}\n"] = 1
        with pytest.raises(msgspec.ValidationError):
            pages.typed(forged)


def test_what_could_not_be_read_back_is_not_written() -> None:
    report = pages.typed(pages.report())
    broken = msgspec.structs.replace(report, counts=Counts(-1, 0, 0))
    with pytest.raises(msgspec.ValidationError):
        broken.to_json()
    assert report.to_json()


def places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places in a document, of lists the first only."""
    if place:
        yield place
    below = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, one in below:
        yield from places(one, (*place, key))


DELETED = object()
"""Instead of a value: the key is not there."""


def value_at(document: pages.Json, place: tuple[Any, ...]) -> object:
    node: Any = document
    for key in place:
        node = node[key]
    return node


def put(document: pages.Json, place: tuple[Any, ...], value: object) -> None:
    node: Any = document
    for key in place[:-1]:
        node = node[key]
    if value is DELETED:
        del node[place[-1]]
    else:
        node[place[-1]] = value


def test_there_is_no_other_language() -> None:
    with pytest.raises(Exception, match="does not speak"):
        language("nn")  # type: ignore[arg-type] # that is the point


# Contrast: WCAG 2.2, 1.4.3 and 1.4.11

TEXT = [
    *((front, back) for front in ("text", "soft", "link") for back in ("paper", "ground")),
    *((front, f"{front}-ground") for front in ("good", "attention", "bad", "info")),
    *((front, "paper") for front in ("bad", "attention")),
]
GRAPHICS = [
    *((front, back) for front in ("mark", "pooled") for back in ("paper", "track")),
    *((front, "paper") for front in ("old", "info", "focus")),
    ("focus", "ground"),
]


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_their_ground(scheme: int) -> None:
    style = (PACKAGE / "templates/style.css").read_text()
    roots = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", roots[scheme]))
    for pairs, least in ((TEXT, 4.5), (GRAPHICS, 3.0)):
        for front, back in pairs:
            light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= least, (front, back)


# Commands


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of two nights, and one that was not published."""
    for day, faulty in ((1, 0), (2, 1), (3, 9)):
        attributes = f'eksportTidspunkt="2026-03-0{day}T04:30:00+01:00" senesteEndringsNummer="{day}"'
        root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {attributes}'
        persons = [tiny_xml.person()] * 9 + [tiny_xml.person("<status>X</status>")] * faulty
        krr_export.convert(
            io.BytesIO(tiny_xml.export(*persons, root=root)), tmp_path / "store", workers=0, max_rejects=1
        )
    return tmp_path / "store"


def test_a_snapshot_holds_its_page_and_the_command_gives_the_same_bytes(krr: Krr, store: Path, tmp_path: Path) -> None:
    for snapshot in ("latest", "eksport=20260301T033000Z", ".failed/eksport=20260303T033000Z"):
        page = (store / snapshot / "report.html").read_text()
        listed = json.loads((store / snapshot / "manifest.json").read_text())["files"]
        assert [one["bytes"] for one in listed if one["path"] == "report.html"] == [len(page.encode())]
        assert krr("report", store / snapshot, "-o", tmp_path / "again.html").code == 0
        assert (tmp_path / "again.html").read_text() == page
        assert krr("report", store / snapshot).out == page
    assert krr("verify", store / "latest").code == 0
    nights = html.fromstring((store / ".failed/eksport=20260303T033000Z/report.html").read_text())
    shown = nights.xpath("//*[@data-series='records']/*[@data-key]")
    assert [one.get("class") for one in shown] == ["dot", "dot", "dot unpublished"]


def test_the_report_command_writes_every_format_and_language(krr: Krr, store: Path, tmp_path: Path) -> None:
    report = json.loads((store / "latest/report.json").read_text())
    assert json.loads(krr("report", store / "latest", "--report-format", "json").out) == report
    beginnings = {"x.json": "{", "x.xml": "<?xml", "x.md": "#", "x.html": "<!doctype html>"}
    for name, beginning in beginnings.items():
        assert krr("report", store / "latest", "-o", tmp_path / name).code == 0
        assert (tmp_path / name).read_text().lstrip().startswith(beginning)
    assert '<html lang="nb">' in krr("report", store / "latest", "--lang", "nb").out
    assert krr("report", store / "latest", "-o", tmp_path / "x.pdf").code == 2
    assert krr("report", store / "latest", "-o", tmp_path / "no/x.html").code == 4


def test_a_report_takes_no_devices_place_and_follows_no_link_to_its_unfinished_self(
    krr: Krr, store: Path, tmp_path: Path
) -> None:
    device = tmp_path / "device.html"
    device.symlink_to("/dev/null")
    assert krr("report", store / "latest", "-o", device).code == 0
    assert device.is_symlink()
    others = tmp_path / "others"
    others.write_text("theirs")
    (tmp_path / ".report.html.unfinished").symlink_to(others)
    assert krr("report", store / "latest", "-o", tmp_path / "report.html").code == 0
    assert others.read_text() == "theirs"
    assert not (tmp_path / "report.html").is_symlink()


def test_a_report_that_is_missing_or_changed_is_not_shown(krr: Krr, store: Path) -> None:
    assert krr("report", store).code == 3
    assert krr("report", store / "nowhere").last.startswith("there is no snapshot at ")
    path = store / "latest/report.json"
    path.write_text(path.read_text().replace('"seen": 10', '"seen": 11'))
    ran = krr("report", store / "latest")
    assert (ran.code, ran.out) == (3, "")
    assert "report.json is damaged" in ran.last


def test_convert_and_validate_write_the_page_in_the_language_asked_for(krr: Krr, tmp_path: Path) -> None:
    faulty = ROOT / "samples/faulty.xml"
    assert krr("validate", faulty, "--report", tmp_path / "r.html", "--lang", "nb").code == 1
    assert "Ikke gyldig" in text_of((tmp_path / "r.html").read_text())
    assert krr("convert", faulty, tmp_path / "store", "--lang", "nb", "--max-rejects", "100%").code == 0
    assert "Publisert med avviste poster" in text_of((tmp_path / "store/latest/report.html").read_text())
    assert krr("convert", faulty, tmp_path / "store", "--lang", "nn").code == 2
    with pytest.raises(UsageError, match="no such language"):
        krr_export.ConvertOptions(lang="nn")  # type: ignore[arg-type] # that is the point


def test_the_history_is_written_as_a_page(krr: Krr, store: Path, tmp_path: Path) -> None:
    assert krr("history", store, "--html", tmp_path / "h.html", "--lang", "nb").code == 0
    page = text_of((tmp_path / "h.html").read_text())
    assert "Avvist Den nyeste eksporten, fra 3. mars 2026, ble avvist: for mange poster avvist" in page
    assert "avvist: for mange poster avvist" in page[page.index("Alle netter") :]
    shutil.rmtree(store / ".failed/eksport=20260303T033000Z")
    assert krr("history", store, "--html", tmp_path / "h.html", "--lang", "nb").code == 0
    page = text_of((tmp_path / "h.html").read_text())
    assert "I orden 2 øyeblikksbilder; det nyeste inneholder 9 poster, 1 avvist." in page
    assert krr("history", store, "--html", tmp_path / "h.html", "--max-age", "1h").code == 0
    assert "Old 2 snapshots; the newest" in text_of((tmp_path / "h.html").read_text())
    assert krr("history", store, "--html", "-").out.startswith("<!doctype html>")
    assert krr("history", store, "--html", "-", "--json").code == 2
    (store / "latest/report.json").write_text("{}")
    assert krr("history", store, "--html", tmp_path / "h.html").code == 1
    assert "1 of 2 snapshots is damaged" in text_of((tmp_path / "h.html").read_text())


def test_each_night_of_the_history_links_to_its_page_from_wherever_the_history_lies(
    krr: Krr, store: Path, tmp_path: Path
) -> None:
    (store / "eksport=20260301T033000Z/report.html").unlink()
    for place in (tmp_path / "h.html", tmp_path / "pages of a & b/h.html"):
        place.parent.mkdir(exist_ok=True)
        assert krr("history", store, "--html", place).code == 0
        links = html.fromstring(place.read_text()).xpath("//table//a/@href")
        linked = [(place.parent / unquote(link)).resolve() for link in links]
        assert linked == [
            store / ".failed/eksport=20260303T033000Z/report.html",
            store / "eksport=20260302T033000Z/report.html",
        ]
    assert "href=" not in krr("history", store, "--html", "-").out.split("<table")[-1]


def test_links_lead_through_directories_whose_names_are_no_text(krr: Krr, store: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    odd.mkdir()
    shutil.move(store, odd / "store")
    assert krr("history", odd / "store", "--html", tmp_path / "h.html").code == 0
    assert 'href="%FF/store/eksport%3D' in (tmp_path / "h.html").read_text()


def test_of_a_night_whose_numbers_are_unknown_the_page_is_linked_too(krr: Krr, store: Path, tmp_path: Path) -> None:
    (store / "eksport=20260302T033000Z/manifest.json").unlink()
    assert krr("history", store, "--html", tmp_path / "h.html").code == 1
    assert "store/eksport%3D20260302T033000Z/report.html" in (tmp_path / "h.html").read_text()


@pytest.mark.parametrize(
    ("hours", "en", "nb"),
    [(0, "10 minutes", "10 minutter"), (1, "1 hour", "1 time"), (71, "71 hours", "71 timer"), (72, "3 days", "3 døgn")],
)
def test_the_age_of_the_newest_export_is_said(hours: int, en: str, nb: str) -> None:
    lines = pages.history(3)
    now = datetime.fromisoformat(lines[-1].exported_at or "") + timedelta(hours=hours, minutes=10)
    said = {"en": f"{en} old when this page was made", "nb": f"{nb} gammel da siden ble laget"}
    for lang in LANGUAGES:
        status = history_status(language(lang), lines, now=now, max_age=timedelta(hours=60))
        assert said[lang] in status.when
        assert status.kind == ("attention" if hours > 60 else "good")


def test_an_export_from_the_future_has_no_age() -> None:
    lines = pages.history(3)
    before = datetime.fromisoformat(lines[0].exported_at or "")
    assert "in the future" in history_status(language("en"), lines, now=before, max_age=None).when


def test_the_axis_of_nights_is_in_proportion_to_their_times() -> None:
    names = ("20260301T000000Z", "20260302T000000Z", "20260302T010000Z", "20260311T000000Z")
    lines = [HistoryLine(f"eksport={name}", records=9, rejects=1) for name in names]
    chart = history_chart(language("en"), lines)
    assert chart is not None
    at = [point.x for point in chart.records]
    assert (at[1] - at[0]) / (at[3] - at[0]) == pytest.approx(1 / 10, abs=1e-4)
    assert (at[2] - at[1]) / (at[3] - at[0]) == pytest.approx(1 / 240, abs=1e-4)
    assert chart.width >= 0.5
    lines = [HistoryLine(f"eksport={name}", records=9, rejects=1) for name in names[:2]]
    chart = history_chart(language("en"), lines)
    assert chart is not None
    assert [point.x for point in chart.records] == [25, 75]


def test_older_snapshots_only_stand_beside_an_export(store: Path) -> None:
    first = html.fromstring((store / "eksport=20260301T033000Z/report.html").read_text())
    assert first.xpath("//*[@data-of='history']") == []
    assert [line.snapshot for line in history_before(store, "eksport=20260302T033000Z", limit=9)] == [
        "eksport=20260301T033000Z"
    ]
    assert history_before(store / "nowhere", "eksport=20260302T033000Z", limit=9) == ()


def test_records_with_warnings_are_counted_once_or_of_an_old_report_at_least_so_many() -> None:
    figure = '<dd class="big" data-of="warned" data-value="1312">1 312</dd>'
    assert figure in pages.page(pages.report()).replace("\N{NO-BREAK SPACE}", " ").replace(
        "\N{NARROW NO-BREAK SPACE}", " "
    )
    old = pages.page(pages.report(warned=None, rejected_or_warned=None))
    assert 'data-of="warned"' not in old
    assert "≥ 41" in old.replace("\N{NO-BREAK SPACE}", " "), "41 and 7, of which it does not say how many are the same"
