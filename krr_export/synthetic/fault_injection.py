"""Injection of faults into records of a sample, and the expected findings: from the plan, without any reader."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, cycle, zip_longest
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from krr_export.domain.vocabulary import ACTIVE, CERTIFICATE, EMAIL, IDENTIFIER, MOBILE, STATUS
from krr_export.rules.catalogue import CATALOGUE
from krr_export.synthetic.faults import Fault, database_nulls, faults_for, old_names
from krr_export.synthetic.persons import DRAWN, Person, Persons
from krr_export.synthetic.rule_violations import MAILBOX_COLUMNS, RuleViolation, rule_violations
from krr_export.synthetic.values import ValueMakers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from krr_export.schema.record_schema import RecordSchema
    from krr_export.synthetic.options import SampleOptions
    from krr_export.synthetic.tree import Builder, Node

_BULKY_COLUMN = CERTIFICATE
"""Omitted from faulty records unless the fault concerns it: samples of every fault stay small."""

_NULL_EVERY = 8
r"""In an export of early 2014, one in so many records with contact data has ``\N`` instead of old names: never both,
since nothing inside an unknown element is judged."""


NO_CHANNEL, NAIVE_TIME = "no-channel", "naive-time"
"""What is expected of records without a planted fault too, as kinds of fault."""

SYNTHETIC = "identifier-synthetic"
"""The finding of every person of a sample. It is only counted, not listed."""


class ExpectedFinding(NamedTuple):
    """A finding that a reader must report."""

    record: int
    """The record's number in the export, from 1."""
    code: str
    field: str | None
    """The label of the field or element, as in ``findings.Finding``."""
    fault: str
    """The kind of fault, in one or two words."""


@dataclass
class ExpectedFindings:
    """Counts the expected findings, and passes them on."""

    note: Callable[[ExpectedFinding], object] | None
    findings: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    """By code, how many records have it."""
    rejected: int = 0

    def add(self, planted: list[ExpectedFinding], *, synthetic: bool) -> None:
        """Add all expected findings of one record.

        Args:
            planted: the findings to list.
            synthetic: whether the finding `SYNTHETIC` is expected.
        """
        self.findings[SYNTHETIC] += synthetic
        self.records[SYNTHETIC] += synthetic
        codes = {entry.code for entry in planted}
        self.findings.update(entry.code for entry in planted)
        self.records.update(codes)
        self.rejected += any(CATALOGUE[code].severity == "reject" for code in codes)
        if self.note is not None:
            for entry in planted:
                self.note(entry)


class Baseline:
    """The expected findings of persons without a fault.

    Args:
        schema: of a record; a rule whose column is missing has no findings.
    """

    def __init__(self, schema: RecordSchema) -> None:
        labels = {field.name: field.label for field in schema.fields}
        self.synthetic = IDENTIFIER in labels
        self._status = labels.get(STATUS) if labels.keys() >= {MOBILE, EMAIL} else None

    def findings(self, number: int, person: Person) -> list[ExpectedFinding]:
        """Return the expected findings of the record with this number, except that of its identity number."""
        if self._status is None or MOBILE in person or EMAIL in person or person[STATUS] != ACTIVE:
            return []
        return [ExpectedFinding(number, "active-without-channel", self._status, NO_CHANNEL)]


class FaultInjector:
    """Makes records faulty, and adds their expected findings.

    Faults have their own random numbers, so that the other records stay the same.
    """

    def __init__(self, options: SampleOptions, builder: Builder, persons: Persons, expected: ExpectedFindings) -> None:
        schema = options.schema
        rng = Random(f"faults of {options.seed}")  # noqa: S311 - reproducible, and no secret
        self._random = rng.random
        self._options, self._builder, self._persons, self._expected = options, builder, persons, expected
        self._makers = ValueMakers(schema, rng)
        self._columns = frozenset({field.name for field in schema.fields} & (DRAWN | set(self._makers.names)))
        self._bulky_path = next((field.path for field in schema.fields if field.name == _BULKY_COLUMN), ())
        whole = self._node(persons.complete({}), self._columns)
        # X509Certificate was introduced when the other old names were gone.
        self._old_names = [fault for fault in old_names(schema) if fault.name != "X509Certificate"]
        self._nulls = [fault for fault in database_nulls(schema) if fault.path[-1].startswith("@")]
        faults = [fault for fault in faults_for(schema) if fault.applies(whole)]
        violations = rule_violations(schema, rng, options.exported, lambda _: self._earlier)
        self._faults = cycle(filter(None, chain.from_iterable(zip_longest(faults, violations))))
        self._earlier: str | None = None
        self._baseline = Baseline(schema)
        self._naive = time_labels(schema) if options.naive_times else {}
        self._null_candidates = 0

    def inject(self, number: int, person: Person, columns: Collection[str]) -> str | None:
        """Return the record as XML if it gets a fault; ``None`` if it is written unchanged.

        Args:
            number: the record's, from 1.
            person: at least the values of ``columns``.
            columns: names of the record's columns.
        """
        if self._random() < self._options.fault_share:
            return self._with_next_fault(number, person)
        node = self._node(person, columns) if self._options.old_spellings else None
        faults = self._faults_of_2014(node) if node else []
        self._expect(number, person, columns, faults)
        if not faults or node is None:
            return None
        for fault in faults:
            fault.edit(node)
        return self._builder.write(node)

    def _with_next_fault(self, number: int, person: Person) -> str:
        """Return the record as XML with the next possible fault, and with all columns that the fault needs."""
        whole = self._persons.complete(person)
        for fault in self._faults:
            if isinstance(fault, RuleViolation):
                edited = fault.apply(whole)
                if edited is None:
                    continue
                columns = fault.columns(self._columns)
                self._expect(number, edited, columns, [fault])
                return self._builder.write(self._node(edited, columns))
            columns = self._columns - self._columns_to_omit(fault)
            node = self._node(whole, columns)
            self._expect(number, whole, columns, [fault])
            fault.edit(node)
            return self._builder.write(node)
        raise AssertionError("there is always a next fault")

    def _columns_to_omit(self, fault: Fault) -> frozenset[str]:
        """Return the columns to omit: the bulky one; in a valid record also those that would be wrong without it."""
        if fault.concerns(self._bulky_path):
            return frozenset()
        return frozenset({_BULKY_COLUMN}) if fault.rejects else MAILBOX_COLUMNS

    def _expect(
        self, number: int, person: Person, columns: Collection[str], faults: Sequence[Fault | RuleViolation]
    ) -> None:
        """Add all expected findings of a record."""
        planted = [ExpectedFinding(number, code, fault.field, fault.name) for fault in faults for code in fault.codes]
        if any(fault.rejects for fault in faults):
            self._expected.add(planted, synthetic=False)
            return
        if not any(isinstance(fault, RuleViolation) and fault.identify for fault in faults):
            self._earlier = person[IDENTIFIER]
        edited = {fault.field for fault in faults}
        naive = [entry for entry in naive_time_findings(number, columns, self._naive) if entry.field not in edited]
        planted += [*self._baseline.findings(number, person), *naive]
        is_synthetic = all(fault.is_synthetic for fault in faults if isinstance(fault, RuleViolation))
        self._expected.add(planted, synthetic=is_synthetic and self._baseline.synthetic)

    def _node(self, person: Person, columns: Collection[str]) -> Node:
        return self._builder.record(columns, lambda name: person.get(name) or self._makers.maker(name)())

    def _faults_of_2014(self, record: Node) -> list[Fault]:
        """Return the faults of this record in an export of early 2014."""
        nulls = [fault for fault in self._nulls if fault.applies(record)]
        self._null_candidates += bool(nulls)
        if nulls and self._null_candidates % _NULL_EVERY == 0:
            return nulls[:1]
        return [fault for fault in self._old_names if fault.applies(record)]


def time_labels(schema: RecordSchema) -> dict[str, str]:
    """Return the labels of the columns of times that persons are drawn with, by the columns' names."""
    times = (field for field in schema.fields if field.base == "dateTime" and field.name in DRAWN)
    return {field.name: field.label for field in times}


def naive_time_findings(number: int, columns: Collection[str], labels: Mapping[str, str]) -> Iterator[ExpectedFinding]:
    """Yield the expected findings of a record with times without an offset.

    Args:
        number: the record's.
        columns: names of the columns that it has.
        labels: from `time_labels`.
    """
    for name, label in labels.items():
        if name in columns:
            yield ExpectedFinding(number, "time-without-offset", label, NAIVE_TIME)
