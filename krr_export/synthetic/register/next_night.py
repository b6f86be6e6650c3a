"""The next night's export of a made-up register, made from the export before; and the same night as pages."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import UsageError
from krr_export.output.outputs import atomic_write
from krr_export.schema.registry import load_schema
from krr_export.synthetic.fault_injection import (
    NAIVE_TIME,
    NO_CHANNEL,
    SYNTHETIC,
    Baseline,
    ExpectedFinding,
    ExpectedFindings,
    naive_time_findings,
    time_labels,
)
from krr_export.synthetic.files import ExpectedFile, expected_path, open_sample_file, read_expected_findings
from krr_export.synthetic.register.base_export import PersonReader, open_document
from krr_export.synthetic.register.night import Night
from krr_export.synthetic.register.pages import PageOptions, PageWriter, open_pages
from krr_export.synthetic.register.survey import survey
from krr_export.synthetic.writer import root_attributes, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from krr_export.parsing.block import Block
    from krr_export.parsing.blocks import Document
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.synthetic.persons import Person
    from krr_export.synthetic.register.survey import Survey
    from krr_export.synthetic.writer import SampleSummary

_OSLO = ZoneInfo("Europe/Oslo")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class NightOptions:
    """Options of the next night.

    Attributes:
        share: of persons who may change, from 0 to 1.
        seed: of the night.
        schema: of the export before, and of the next.
        exported: the time of the next export, with an offset; by default a day after the one before.
        pages: how to write the night as pages, if at all.
    """

    share: float
    seed: int = 0
    schema: RecordSchema = field(default_factory=load_schema)
    exported: datetime | None = None
    pages: PageOptions | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError("the share of persons who change must lie between 0 and 1")
        if self.exported is not None and self.exported.tzinfo is None:
            raise UsageError("the time of the export needs an offset", "such as 2026-02-26T12:22:25+01:00")


@dataclass(frozen=True)
class NightSummary:
    """What was written of a night.

    Attributes:
        sample: the export, and what a reader must find in it.
        changed: the number of persons who changed, new ones included.
        new: the number of new persons.
        first: the number before the first change.
        last: the number of the last change; if nothing changed, the same.
        answers: how often an operation of the mailbox providers got an answer.
        pages: the number of pages.
    """

    sample: SampleSummary
    changed: int
    new: int
    first: int
    last: int
    answers: Mapping[str, int]
    pages: int


def write_next_night(base: Path, out: Path, options: NightOptions) -> NightSummary:
    """Write the next night's export of a made-up register, with its expected findings, and pages if asked for.

    The records of persons who do not change stay byte for byte, at their places; new ones follow at the end.

    Args:
        base: an export that ``sample`` wrote without faults, with its expected findings beside it.
        out: the next export.
        options: of the night.

    Raises:
        UsageError: the export before has faults, or the options do not fit it.
        InputError: it is not an export of this schema that ``sample`` wrote.
        OSError: something cannot be written.
    """
    return _NextExport(base, options, *draw_night(base, options)).write(out)


def draw_night(base: Path, options: NightOptions) -> tuple[Survey, Night, datetime]:
    """Draw the night that follows on an export: the same for the same export and options.

    Returns:
        What is known of the export, the night, and its end, which is the time of the next export.

    Raises:
        UsageError: the export before has faults, or the options do not fit it.
        InputError: it is not an export of this schema that ``sample`` wrote.
    """
    with open_document(base, options.schema):
        _refuse_faults(base)  # with what lies beside it
    found = survey(base, options.schema, options.share, options.seed)
    exported = options.exported or found.header.exported_at.astimezone(_OSLO) + _DAY
    if exported <= found.header.exported_at:
        raise UsageError("the next export must be later than the one before", "give a later --exported")
    found.check_certificates(exported)
    rng = Random(f"night of {options.seed}")  # noqa: S311 - reproducible, and no secret
    return found, Night(found, rng, exported, options.share), exported


def _refuse_faults(base: Path) -> None:
    if any(entry.fault not in {NO_CHANNEL, NAIVE_TIME} for entry in read_expected_findings(base)):
        raise UsageError(
            f"{base.name} has planted faults, which the next night would not know", "make it without --faults"
        )


class _NextExport:
    """The next export while it is written."""

    def __init__(self, base: Path, options: NightOptions, found: Survey, night: Night, exported: datetime) -> None:
        self._base, self._options, self._found, self._night = base, options, found, night
        self._exported, self._register = exported, night.register
        self._builder = found.layout.builder(options.schema)
        self._places = {person[IDENTIFIER]: place for place, person in found.chosen.items()}
        numbers = self._register.last_changes
        added = [identifier for identifier in numbers if identifier not in self._places]
        self._places |= {identifier: place for place, identifier in enumerate(added, found.records + 1)}
        self._changed = {self._places[identifier]: self._register.persons[identifier] for identifier in numbers}
        self._added = range(found.records + 1, found.records + len(added) + 1)

    def write(self, path: Path) -> NightSummary:
        """Write the export, what is beside it, and the pages."""
        pages: PageWriter | None = None
        with ExitStack() as stack:
            if self._options.pages:
                pages = stack.enter_context(open_pages(self._options.pages, self._limits(), self._exported))
            out = stack.enter_context(open_sample_file(path))
            beside = stack.enter_context(atomic_write(expected_path(path)))
            text = stack.enter_context(io.TextIOWrapper(beside, encoding="utf-8", newline="\n"))
            octets = self._write_export(out, pages if self._from_zero else None)
            if pages:
                for identifier, number in self._register.last_changes.items():
                    pages.add(self._register.persons[identifier], number)
                pages.close()
            listed = ExpectedFile(text)
            summary = self._summarize(octets, self._expect(listed), pages)
            listed.close(summary.sample, night=_as_json(summary))
        return summary

    @property
    def _from_zero(self) -> bool:
        return self._options.pages is not None and self._options.pages.from_zero

    def _limits(self) -> range:
        """Return the change numbers that the pages begin after and end with."""
        first = 0 if self._from_zero else self._found.header.seneste_endringsnummer
        return range(first, self._register.change_number)

    def _write_export(self, out: BinaryIO, pages: PageWriter | None) -> int:
        """Write the export; add the persons who did not change to the pages, if given."""
        head = self._builder.head(root_attributes(self._exported, self._register.change_number))
        octets = out.write(head.encode())
        with open_document(self._base, self._options.schema) as document:
            unchanged = _UnchangedPages(document, self._options.schema, self._found, pages) if pages else None
            between = b""
            for block in document.blocks():
                pieces, between = self._rewrite(block, between)
                octets += out.write(b"".join(pieces))
                if unchanged:
                    unchanged.add(block, self._changed)
        for place in self._added:
            octets += out.write(self._written(self._changed[place]).encode())
        return octets + out.write(self._builder.tail().encode())

    def _rewrite(self, block: Block, between: bytes) -> tuple[list[bytes], bytes]:
        """Return the bytes of a block with its changed records as they are now, and what follows its last record.

        Args:
            block: of the export before.
            between: what stood after the last record of the block before it.
        """
        pieces, at = [between], 0
        spans = block.spans.tolist()
        for place in (place for place in block.ordinals if place in self._changed):
            start, end = spans[place - block.first]
            pieces += [block.buffer[at:start], self._written(self._changed[place]).lstrip().encode()]
            at = end
        last = spans[-1][1] if spans else 0
        pieces.append(block.buffer[at:last])
        return pieces, block.buffer[last : block.size] if spans else between + block.data

    def _written(self, person: Person) -> str:
        return self._builder.write(self._builder.record(person, person.__getitem__))

    def _expect(self, listed: ExpectedFile) -> ExpectedFindings:
        """List the expected findings: of persons who did not change, those of the export before."""
        expected, with_findings = ExpectedFindings(listed.note), 0
        kept = (entry for entry in read_expected_findings(self._base) if entry.record not in self._changed)
        for _, entries in groupby(merge(kept, self._fresh(), key=attrgetter("record")), attrgetter("record")):
            expected.add([*entries], synthetic=True)
            with_findings += 1
        rest = self._records - with_findings
        expected.findings[SYNTHETIC] += rest
        expected.records[SYNTHETIC] += rest
        return expected

    def _fresh(self) -> Iterator[ExpectedFinding]:
        """Yield the expected findings of the persons who changed."""
        schema = self._options.schema
        baseline, labels = Baseline(schema), time_labels(schema) if self._found.naive_times else {}
        for place in sorted(self._changed):
            yield from baseline.findings(place, self._changed[place])
            yield from naive_time_findings(place, self._changed[place], labels)

    @property
    def _records(self) -> int:
        return self._found.records + len(self._added)

    def _summarize(self, octets: int, expected: ExpectedFindings, pages: PageWriter | None) -> NightSummary:
        return NightSummary(
            summarize(self._records, octets, expected),
            changed=len(self._changed),
            new=len(self._added),
            first=self._found.header.seneste_endringsnummer,
            last=self._register.change_number,
            answers=self._night.answers,
            pages=pages.written if pages else 0,
        )


class _UnchangedPages:
    """Adds persons who did not change to pages, with made-up numbers of changes long ago."""

    def __init__(self, document: Document, schema: RecordSchema, found: Survey, pages: PageWriter) -> None:
        self._reader, self._pages = PersonReader(document, schema), pages
        self._found = found
        check_numbers(found)

    def add(self, block: Block, changed: Mapping[int, Person]) -> None:
        """Add the unchanged persons of a block."""
        for place, person in self._reader.read(block).items():
            if place not in changed:
                self._pages.add(person, made_up_number(self._found, place))


def check_numbers(found: Survey) -> None:
    """Check that each person of an export can have had a change of its own.

    Raises:
        UsageError: it has more persons than changes.
    """
    if found.header.seneste_endringsnummer < found.records:
        raise UsageError(
            "the export has more persons than changes, so there are no pages from zero",
            "make it with a higher --change-number",
        )


def made_up_number(found: Survey, place: int) -> int:
    """Return the made-up number of the last change of a person who did not change since, by the record's ordinal."""
    return place * found.header.seneste_endringsnummer // found.records


def _as_json(summary: NightSummary) -> dict[str, object]:
    """Return what is known of a night, for the list of what to expect."""
    return {
        "changed": summary.changed,
        "new": summary.new,
        "fraEndringsNummer": summary.first + 1,
        "tilEndringsNummer": summary.last,
        "answers": dict(sorted(summary.answers.items())),
    }
