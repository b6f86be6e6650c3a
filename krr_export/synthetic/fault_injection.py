"""Which records of a sample are faulty, in which way, and the account of it: made from the plan, by no reader."""

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
from krr_export.synthetic.rule_violations import MAILBOX_COLUMNS, RuleFault, rule_faults
from krr_export.synthetic.values import Makers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from krr_export.schema.record_schema import RecordSchema
    from krr_export.synthetic.options import SampleOptions
    from krr_export.synthetic.tree import Builder, Node

_BULKY = CERTIFICATE
"""Left out of faulty records unless the fault concerns it: samples of every fault stay small."""

_NULL_EVERY = 8
r"""In a feed of early 2014, one in so many records with contact data has ``\N`` rather than the old names: only one of
the two, since inside an element that is not known nothing is judged."""


SYNTHETIC = "identifier-synthetic"
"""What the rules say of every person here. It is not listed for each, but counted."""


class Planted(NamedTuple):
    """Something to be found."""

    record: int
    """Its number in the export, from 1."""
    code: str
    field: str | None
    """The label of the field or element, as in ``findings.Finding``."""
    fault: str
    """The kind of fault, in a word or two."""


@dataclass
class ExpectedFindings:
    """Counts what was planted, and passes it on."""

    note: Callable[[Planted], object] | None
    findings: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    """By code, how many records have it."""
    rejected: int = 0

    def add(self, planted: list[Planted], *, synthetic: bool) -> None:
        """Enter all that is to be found in one record.

        Args:
            planted: what is listed.
            synthetic: whether an identity number is to be found synthetic.
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
    """What the rules say of persons as they are drawn, by how they are drawn.

    Args:
        schema: what a record holds; a rule says nothing where it lacks a column.
    """

    def __init__(self, schema: RecordSchema) -> None:
        labels = {field.name: field.label for field in schema.fields}
        self.synthetic = IDENTIFIER in labels
        self._status = labels.get(STATUS) if labels.keys() >= {MOBILE, EMAIL} else None

    def of(self, number: int, person: Person) -> list[Planted]:
        """What is to be found in the record of this number, but for its identity number."""
        if self._status is None or MOBILE in person or EMAIL in person or person[STATUS] != ACTIVE:
            return []
        return [Planted(number, "active-without-channel", self._status, "no-channel")]


class Planter:
    """Makes records faulty, and enters what it did in the ledger.

    Faults have a source of chance of their own, so that they leave the other records as they would be without.
    """

    def __init__(self, options: SampleOptions, builder: Builder, persons: Persons, ledger: ExpectedFindings) -> None:
        schema = options.schema
        rng = Random(f"faults of {options.seed}")  # noqa: S311 - reproducible, and no secret
        self._random = rng.random
        self._options, self._builder, self._persons, self._ledger = options, builder, persons, ledger
        self._makers = Makers(schema, rng)
        self._columns = frozenset({field.name for field in schema.fields} & (DRAWN | set(self._makers.names)))
        self._bulky = next((field.path for field in schema.fields if field.name == _BULKY), ())
        whole = self._node(persons.complete({}), self._columns)
        # X509Certificate came after the others had gone.
        self._old_names = [fault for fault in old_names(schema) if fault.name != "X509Certificate"]
        self._nulls = [fault for fault in database_nulls(schema) if fault.path[-1].startswith("@")]
        faults = [fault for fault in faults_for(schema) if fault.applies(whole)]
        breaches = rule_faults(schema, rng, options.exported, lambda _: self._earlier)
        self._faults = cycle(filter(None, chain.from_iterable(zip_longest(faults, breaches))))
        self._earlier: str | None = None
        self._natural = Baseline(schema)
        times = (field for field in schema.fields if field.base == "dateTime" and field.name in DRAWN)
        self._naive = {field.name: field.label for field in times if options.naive_times}
        self._dated = 0

    def edited(self, number: int, person: Person, columns: Collection[str]) -> str | None:
        """The record as XML where it is faulty; ``None`` where it is to be written as it is.

        Args:
            number: the record's, from 1.
            person: at least the values of ``columns``.
            columns: names of the columns that the record has.
        """
        if self._random() < self._options.fault_share:
            return self._faulty(number, person)
        node = self._node(person, columns) if self._options.old_spellings else None
        faults = self._of_2014(node) if node else []
        self._enter(number, person, columns, faults)
        if not faults or node is None:
            return None
        for fault in faults:
            fault.edit(node)
        return self._builder.write(node)

    def _faulty(self, number: int, person: Person) -> str:
        """The record as XML with the next fault that it can have, and everything that the fault needs."""
        whole = self._persons.complete(person)
        for fault in self._faults:
            if isinstance(fault, RuleFault):
                edited = fault.edited(whole)
                if edited is None:
                    continue
                columns = fault.columns(self._columns)
                self._enter(number, edited, columns, [fault])
                return self._builder.write(self._node(edited, columns))
            columns = self._columns - self._unneeded(fault)
            node = self._node(whole, columns)
            self._enter(number, whole, columns, [fault])
            fault.edit(node)
            return self._builder.write(node)
        raise AssertionError("there is always a next fault")

    def _unneeded(self, fault: Fault) -> frozenset[str]:
        """Columns that a record can do without: the bulky one, and what would be wrong without it in a valid record."""
        if fault.concerns(self._bulky):
            return frozenset()
        return frozenset({_BULKY}) if fault.rejects else MAILBOX_COLUMNS

    def _enter(
        self, number: int, person: Person, columns: Collection[str], faults: Sequence[Fault | RuleFault]
    ) -> None:
        """Enter a record in the ledger, with all that is to be found in it."""
        planted = [Planted(number, code, fault.field, fault.name) for fault in faults for code in fault.codes]
        if any(fault.rejects for fault in faults):
            self._ledger.add(planted, synthetic=False)
            return
        if not any(isinstance(fault, RuleFault) and fault.identify for fault in faults):
            self._earlier = person[IDENTIFIER]
        planted += [*self._natural.of(number, person), *self._naive_times(number, faults, columns)]
        is_synthetic = all(fault.is_synthetic for fault in faults if isinstance(fault, RuleFault))
        self._ledger.add(planted, synthetic=is_synthetic and self._natural.synthetic)

    def _node(self, person: Person, columns: Collection[str]) -> Node:
        return self._builder.record(columns, lambda name: person.get(name) or self._makers.of(name)())

    def _of_2014(self, record: Node) -> list[Fault]:
        """What the feed of early 2014 made of this record."""
        nulls = [fault for fault in self._nulls if fault.applies(record)]
        self._dated += bool(nulls)
        if nulls and self._dated % _NULL_EVERY == 0:
            return nulls[:1]
        return [fault for fault in self._old_names if fault.applies(record)]

    def _naive_times(
        self, number: int, faults: Sequence[Fault | RuleFault], columns: Collection[str]
    ) -> Iterator[Planted]:
        edited = {fault.field for fault in faults}
        for name, label in self._naive.items():
            if name in columns and label not in edited:
                yield Planted(number, "time-without-offset", label, "naive-time")
