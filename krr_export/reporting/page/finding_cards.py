"""The findings: a card for each code with meaning, what to do and masked examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.findings.codes import PARTITION_OTHER
from krr_export.findings.detail import describe
from krr_export.reporting.page.content_limits import clean
from krr_export.reporting.page.headline import finding_text
from krr_export.rules.catalogue import CATALOGUE

if TYPE_CHECKING:
    from krr_export.findings.finding import Example
    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.report import Report, ReportedFinding

_REJECTS_QUERY = "SELECT * FROM read_parquet('rejects/*.parquet') WHERE list_contains(codes, 'CODE')"
_FINDINGS_QUERY = "SELECT * FROM read_parquet('findings/*.parquet') WHERE code = 'CODE'"


@dataclass(frozen=True)
class ExampleRow:
    """An example of a finding."""

    record: str
    line: str
    offset: str
    field: str
    detail: str
    lang: str
    """The language of the detail; empty if it is the page's."""


@dataclass(frozen=True)
class Card:
    """The card of one code.

    Attributes:
        code: its stable name, which is also the card's anchor.
        severity: ``reject``, ``warning`` or ``info``.
        severity_word: the severity in the page's language.
        text, fix: the meaning, and what to do.
        lang: the language of both; empty if it is the page's.
        records, share: the number of records with it, and their share of the export.
        count: the number of findings, as a sentence; empty if each record has one.
        fields: name, number of findings, and that number formatted; the most frequent first.
        more_fields: the number of fields left out, as a sentence.
        examples: the first ones.
        summary: the caption of the examples: how many of how many.
        query: SQL for DuckDB that lists the records, from the report's directory; empty if there are no tables.
    """

    code: str
    severity: str
    severity_word: str
    text: str
    fix: str
    lang: str
    records: int
    records_shown: str
    share: str
    count: str
    fields: tuple[tuple[str, int, str], ...]
    more_fields: str
    examples: tuple[ExampleRow, ...]
    summary: str
    query: str


def finding_cards(words: Language, report: Report, limits: ContentLimits) -> tuple[Card, ...]:
    """Return a card for each code, the most severe first."""
    return tuple(_card(words, one, report, limits) for one in report.sorted_findings()[: limits.groups])


def _card(words: Language, finding: ReportedFinding, report: Report, limits: ContentLimits) -> Card:
    text, fix, lang = finding_text(words, finding, limits)
    fields = sorted(finding.fields.items(), key=lambda field: (-field[1], field[0]))
    shown = [
        (clean(name, limits.characters), count, words.number(count)) for name, count in fields[: limits.rows // 10]
    ]
    examples = finding.examples[: limits.examples]
    key = "examples" if len(examples) == finding.count else "examples.some"
    return Card(
        code=clean(finding.code, limits.characters),
        severity=finding.severity,
        severity_word=words.say(f"severity.{finding.severity}"),
        text=text,
        fix=fix,
        lang=lang,
        records=finding.records,
        records_shown=words.say("records.n", n=finding.records),
        share=words.share(finding.records, report.counts.seen),
        count=words.say("findings.n", n=finding.count) if finding.count != finding.records else "",
        fields=tuple(shown),
        more_fields=words.say("rows.left", n=len(fields) - len(shown)) if len(fields) > len(shown) else "",
        examples=tuple(_example(words, one, limits) for one in examples),
        summary=words.say(key, n=len(examples), all=finding.count) if examples else words.say("where"),
        query=_query(finding) if report.guard is not None else "",  # validate, which has none, writes no tables
    )


def _query(finding: ReportedFinding) -> str:
    # A report may be forged, and a query is copied: no other word gets into one.
    if finding.code not in CATALOGUE or finding.code == PARTITION_OTHER:  # which is of files, not of records
        return ""
    query = _REJECTS_QUERY if finding.severity == "reject" else _FINDINGS_QUERY
    return query.replace("CODE", finding.code)


def _example(words: Language, example: Example, limits: ContentLimits) -> ExampleRow:
    translated = example.masked is not None or words.code == "en"
    detail = example.detail if example.masked is None else describe(example.masked, words.details)
    return ExampleRow(
        record=words.number(example.record),
        line=words.say("example.line", n=example.line),
        offset=words.say("example.offset", n=example.byte_offset),
        field=clean(example.field or "", limits.characters),
        detail=clean(detail, limits.characters),
        lang="" if translated else "en",
    )
