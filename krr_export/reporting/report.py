"""The report of a run: content and findings of the export, as written to `report.json` and read back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Meta

from krr_export.changes.summary import ChangeSummary
from krr_export.findings.codes import SEVERITIES, Severity
from krr_export.findings.finding import MAX_EXAMPLES, Example
from krr_export.input.delivery import provenance
from krr_export.input.delivery.provenance import Provenance
from krr_export.output.manifest import Applied, Counts, ExportHeader, SchemaVersion
from krr_export.profiling.summary import ProfileSummary, describe
from krr_export.reporting.guard import Guard
from krr_export.reporting.page.frame import framed
from krr_export.rules.catalogue import CATALOGUE, DUPLICATE, severity_of
from krr_export.util.formatting import number, records, short_repr
from krr_export.util.stored_json import Count, Document, NonNegativeFloat, PositiveInt, Sha256, Stored, UtcTime

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from krr_export.findings.finding import Notice
    from krr_export.reporting.guard import Difference

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"

FIND_DUPLICATES = (
    "to see which, convert without --strict into another store:"
    " GROUP BY personidentifikator HAVING count(*) > 1; ask the sender"
)
"""The hint if duplicates refuse the export: an unpublished result cannot be queried."""

_SHOWN_EXAMPLES = 3


Outcome: TypeAlias = Literal[
    "published", "partial", "too-many-rejects", "empty", "duplicates", "guard", "valid", "rejects"
]


class Tool(Stored, frozen=True):
    """The program that made the report.

    Attributes:
        name: of the program.
        version: the version of krr-export.
    """

    name: Literal["krr-export"]
    version: str


class ReportSource(Stored, frozen=True):
    """The export as it was delivered.

    Attributes:
        name: the name of the file, without directories; stdin or stream if there is no file.
        size: bytes as delivered, compressed and encrypted; null if a stream was not read to its end.
        sha256: of the bytes as delivered; null if they were not read to their end.
        compression: of the export, inside the encryption.
        encoding: the encoding of the document.
        offsets_count_in_utf8: whether byte offsets count in the document transcoded to UTF-8 instead of the delivered
            one.
        delivery: the origin of an encrypted delivery; null for any other source.
    """

    name: str
    size: Count | None
    sha256: Sha256 | None
    compression: Literal["none", "gzip"]
    encoding: str
    offsets_count_in_utf8: bool
    delivery: Provenance | None = None


class RunLimits(Stored, frozen=True):
    """The options that decide about the outcome.

    Attributes:
        max_rejects: --max-rejects: a number, or a percentage.
        allow_empty: --allow-empty.
        limit: --limit; null for none.
        strict: --strict: the rules whose breach rejects a record; their findings have the severity reject.
    """

    max_rejects: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(e-[0-9]+)?%?$(?!\n)")]
    allow_empty: bool
    limit: PositiveInt | None
    strict: tuple[str, ...] = ()


class ReportedFinding(Stored, frozen=True):
    """One code of the catalogue of findings, how often it was found, and where.

    Attributes:
        code: stable name: pipelines may depend on it.
        severity: reject: the record is kept out of the table person. warning: a value was changed, or is doubtful.
            info: a count worth knowing.
        text: the meaning of the code.
        fix: what to do.
        count: number of findings, of which a record may have several; also if fewer examples are shown.
        records: records with at least one.
        fields: findings by the field's path; the empty name is the record as a whole. They add up to count.
        examples: the first ones, in the order of the records; none if places are not remembered (identifier-duplicate).
    """

    code: Annotated[str, Meta(extra_json_schema={"enum": list(CATALOGUE)})]
    severity: Severity
    text: str
    fix: str
    count: PositiveInt
    records: PositiveInt
    fields: dict[str, PositiveInt]
    examples: Annotated[tuple[Example, ...], Meta(max_length=MAX_EXAMPLES)]


class Performance(Stored, frozen=True):
    """The resources that the run used.

    Attributes:
        seconds: from the first byte to the last file.
        bytes_read: of the source, as delivered.
        peak_memory_bytes: the largest resident set of the process.
        workers: the requested number of threads beside the main one.
        records_per_second: records seen a second.
        megabytes_per_second: million bytes of the source a second, as delivered.
    """

    seconds: NonNegativeFloat
    bytes_read: Count
    peak_memory_bytes: Count
    workers: Count
    records_per_second: NonNegativeFloat
    megabytes_per_second: NonNegativeFloat

    @classmethod
    def measured(cls, seconds: float, seen: int, bytes_read: int, memory: int, workers: int) -> Performance:
        """Return the performance of a run, with its rates."""
        whole = max(seconds, 1e-9)
        records, megabytes = round(seen / whole, 1), round(bytes_read / 1e6 / whole, 1)
        return cls(round(seconds, 3), bytes_read, memory, workers, records, megabytes)


class Report(Document, frozen=True, kw_only=True, tag_field="report_version", tag=1):
    """The report of a run: what krr-export found in one export. It contains no personal value.

    Attributes:
        tool: the program that made the report.
        outcome: of convert: published; partial (--limit); too-many-rejects, empty, duplicates (of identity numbers,
            which --strict forbids) and guard (it differs too much from the snapshot before it), if nothing was
            published. Of validate: valid; rejects (more than --max-rejects), empty or duplicates.
        created: when the report was made, in UTC.
        source: the export as it was delivered.
        header: what the export says of itself.
        schema: the record schema that the export was read with.
        limits: the options that decide about the outcome.
        counts: records.
        warned: records with at least one warning, those that a rule of --strict rejects included; null in reports of
            the first versions, as the next.
        rejected_or_warned: records that are rejected, have a warning, or both.
        read_by: records by the reader that read them; they add up to seen.
        findings: what was found, by code, the reasons for rejects first; each code once.
        profile: the content of the accepted records, before anything is left out or replaced; null with --no-profile.
        performance: the resources that the run used.
        guard: the comparison with the store's other snapshots; null for validate, which has no store.
        changes: what changed since the snapshot before it; null without --changes, for the first snapshot of a store,
            and if nothing was published.
        applied: how the snapshot was made from pages of the change feed; null if it was made from an export.
    """

    tool: Tool
    outcome: Outcome
    created: UtcTime
    source: ReportSource
    header: ExportHeader
    schema: SchemaVersion
    limits: RunLimits
    counts: Counts
    warned: Count | None = None
    rejected_or_warned: Count | None = None
    read_by: dict[str, Count]
    findings: tuple[ReportedFinding, ...]
    profile: ProfileSummary | None = None
    performance: Performance
    guard: Guard | None = None
    changes: ChangeSummary | None = None
    applied: Applied | None = None

    def __post_init__(self) -> None:
        datetime.fromisoformat(self.created)
        if self.outcome == "guard" and not self.differences:
            raise ValueError("the outcome is guard, without differences")

    def __repr__(self) -> str:
        return short_repr(self, outcome=self.outcome, made=self.header.eksport_tidspunkt_utc, **self.short_counts())

    def _repr_html_(self) -> str:
        """Show the page in a notebook."""
        from krr_export.reporting.page import rendering  # noqa: PLC0415 - it imports this module: pages are of reports

        return framed(rendering.render(self), self.outcome)

    def short_counts(self) -> dict[str, int]:
        """Return the numbers that a ``repr`` shows."""
        return {"records": self.counts.written, "rejects": self.counts.rejected, "findings": len(self.findings)}

    @property
    def notifiable(self) -> int | None:
        """Persons who may be notified; ``None`` if the report does not say."""
        return self.profile.notifiable if self.profile else None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The differences that the guard found; none without a guard."""
        return self.guard.differences if self.guard else ()

    def summary(self, *, verbose: bool = False) -> Iterator[str]:
        """Yield the report as a few lines of text; ``verbose`` adds what to do and the first examples."""
        yield (
            f"export    {self.source.name}: {_megabytes(self.performance.bytes_read)}, {self.source.encoding}"
            f"{', gzip' if self.source.compression == 'gzip' else ''}, schema {self.schema.name}"
        )
        yield from provenance.describe(self.source.delivery, datetime.fromisoformat(self.created))
        if self.applied is not None:
            yield f"applied   {_pages(self.applied)}"
        yield (f"made      {self.header.eksport_tidspunkt}, change number {self.header.seneste_endringsnummer}")
        yield (
            f"records   {number(self.counts.seen)} seen, {number(self.counts.written)} accepted,"
            f" {number(self.counts.rejected)} rejected"
        )
        sorted_findings = self.sorted_findings()
        for finding, code, found in zip(sorted_findings, *_align(sorted_findings), strict=True):
            yield f"{finding.severity:9} {code} {found}; {finding.text}"
            if verbose:
                yield f"          what to do: {finding.fix}"
                yield from (_format_example(example) for example in finding.examples[:_SHOWN_EXAMPLES])
        if self.profile is not None:
            yield from describe(self.profile)
        if self.guard is not None:
            yield from self.guard.summary()
        if self.changes is not None:
            yield from self.changes.lines()
        used = self.performance
        yield (
            f"took      {used.seconds:.1f} s, {number(int(used.records_per_second))} records/s,"
            f" {used.megabytes_per_second:.0f} MB/s, {_megabytes(used.peak_memory_bytes)} of memory"
        )

    def sorted_findings(self) -> list[ReportedFinding]:
        """Return the findings by severity, the most severe first, then by number of records, the largest first."""
        return sorted(self.findings, key=lambda one: (SEVERITIES.index(one.severity), -one.records))

    def main_reason(self) -> str:
        """Return the most frequent reason for rejects, and what to do about it."""
        reasons = [finding for finding in self.findings if finding.severity == "reject"]
        main = max(reasons, key=lambda finding: finding.records)
        return f"most often {main.code} ({number(main.records)}): {main.fix}"

    def duplicates_reason(self) -> str:
        """Return why ``--strict`` refuses identity numbers that occur more than once."""
        [count] = [finding.records for finding in self.findings if finding.code == DUPLICATE]
        return f"{records(count)} with an identity number that came before, which --strict {DUPLICATE} does not allow"

    def verdict(self) -> str:
        """Return the result of ``validate`` in one line."""
        return f"{self._outcome_text()}{provenance.describe_warnings(self.source.delivery)}"

    def _outcome_text(self) -> str:
        seen, rejected = number(self.counts.seen), number(self.counts.rejected)
        name = self.source.name
        match self.outcome:
            case "valid":
                return f"valid: {name} holds {records(self.counts.seen)}, {rejected} rejected"
            case "empty":
                return f"not valid: {name} holds no records; give --allow-empty if that is right"
            case "duplicates":
                return f"not valid: {self.duplicates_reason()}; {FIND_DUPLICATES}"
        return (
            f"not valid: {rejected} of {seen} records in {name} rejected, more than"
            f" --max-rejects {self.limits.max_rejects} allows; {self.main_reason()}"
        )


def reported_finding(notice: Notice, strict: Collection[str]) -> ReportedFinding:
    """Return a notice as a finding of the report.

    Args:
        notice: of one code.
        strict: the rules whose breach rejects a record.
    """
    code = CATALOGUE[notice.code]
    return ReportedFinding(
        code=notice.code,
        severity=severity_of(notice.code, strict),
        text=code.text,
        fix=code.fix,
        count=notice.count,
        records=notice.records,
        fields=dict(sorted(notice.fields.items())),
        examples=notice.examples,
    )


def _pages(applied: Applied) -> str:
    pages = "1 page" if len(applied.pages) == 1 else f"{number(len(applied.pages))} pages"
    persons = f"{number(applied.persons)} persons"
    if applied.parent is None:
        return f"{pages} from the first change on: {persons}"
    what = f"{persons}, {number(applied.new)} new, {number(applied.deleted or 0)} deleted"
    return f"{pages} to {applied.parent}, from change {number(applied.parent_change_number)} on: {what}"


def _align(findings: list[ReportedFinding]) -> tuple[list[str], list[str]]:
    """Return the codes, and how often and in how many records each was found, in columns."""
    codes = [f"{finding.code}:" for finding in findings]
    counts = [number(finding.count) for finding in findings]
    affected = [records(finding.records) for finding in findings]
    widths = [max(map(len, column), default=0) for column in (codes, counts, affected)]
    found = [f"{count:>{widths[1]}} in {of:>{widths[2]}}" for count, of in zip(counts, affected, strict=True)]
    return [code.ljust(widths[0]) for code in codes], found


def _format_example(example: Example) -> str:
    where = f"record {number(example.record)}, line {example.line}, byte {example.byte_offset}"
    return f"          {where}: {': '.join(filter(None, (example.field, example.detail)))}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
