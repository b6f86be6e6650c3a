"""Which records of a sample are faulty, in which way, and the account of it: made from the plan, by no reader."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from krr_export.findings import CATALOGUE
from krr_export.sample.faults import Fault, database_nulls, faults_for, old_names
from krr_export.sample.persons import DRAWN, Person, Persons
from krr_export.sample.values import Makers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from krr_export.sample.options import SampleOptions
    from krr_export.sample.tree import Builder, Node

_BULKY = "x509_sertifikat"
"""Left out of faulty records unless the fault concerns it: samples of every fault stay small."""

_NULL_EVERY = 8
r"""In a feed of early 2014, one in so many records with contact data has ``\N`` rather than the old names: only one of
the two, since inside an element that is not known nothing is judged."""


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
class Ledger:
    """Counts what was planted, and passes it on."""

    note: Callable[[Planted], object] | None
    findings: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    """By code, how many records have it."""
    rejected: int = 0

    def add(self, planted: list[Planted]) -> None:
        """Enter all that was planted in one record."""
        codes = {entry.code for entry in planted}
        self.findings.update(entry.code for entry in planted)
        self.records.update(codes)
        self.rejected += any(CATALOGUE[code].severity == "reject" for code in codes)
        if self.note is not None:
            for entry in planted:
                self.note(entry)


class Planter:
    """Makes records faulty, and enters what it did in the ledger.

    Faults have a source of chance of their own, so that they leave the other records as they would be without.
    """

    def __init__(self, options: SampleOptions, builder: Builder, persons: Persons, ledger: Ledger) -> None:
        schema = options.schema
        rng = Random(f"faults of {options.seed}")  # noqa: S311 - reproducible, and no secret
        self._random = rng.random
        self._options, self._builder, self._persons, self._ledger = options, builder, persons, ledger
        self._makers = Makers(schema, rng)
        self._columns = {field.name for field in schema.fields} & (DRAWN | set(self._makers.names))
        self._bulky = next((field.path for field in schema.fields if field.name == _BULKY), ())
        whole = self._node(persons.complete({}), self._columns)
        # X509Certificate came after the others had gone.
        self._old_names = [fault for fault in old_names(schema) if fault.name != "X509Certificate"]
        self._nulls = [fault for fault in database_nulls(schema) if fault.path[-1].startswith("@")]
        self._faults = cycle(fault for fault in faults_for(schema) if fault.applies(whole))
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
        node: Node | None = None
        faults: list[Fault] = []
        if self._random() < self._options.fault_share:
            faults = [next(self._faults)]
            columns = self._columns if faults[0].concerns(self._bulky) else self._columns - {_BULKY}
            node = self._node(self._persons.complete(person), columns)
        elif self._options.old_spellings:
            node = self._node(person, columns)
            faults = self._of_2014(node)
        elif not self._naive:
            return None
        self._ledger.add([*self._planted(number, faults), *self._naive_times(number, faults, columns)])
        if node is None:
            return None
        for fault in faults:
            fault.edit(node)
        return self._builder.write(node)

    def _node(self, person: Person, columns: Collection[str]) -> Node:
        return self._builder.record(columns, lambda name: person.get(name) or self._makers.of(name)())

    def _of_2014(self, record: Node) -> list[Fault]:
        """What the feed of early 2014 made of this record."""
        nulls = [fault for fault in self._nulls if fault.applies(record)]
        self._dated += bool(nulls)
        if nulls and self._dated % _NULL_EVERY == 0:
            return nulls[:1]
        return [fault for fault in self._old_names if fault.applies(record)]

    def _planted(self, number: int, faults: list[Fault]) -> list[Planted]:
        return [Planted(number, code, fault.field, fault.name) for fault in faults for code in fault.codes]

    def _naive_times(self, number: int, faults: list[Fault], columns: Collection[str]) -> list[Planted]:
        """Times without offset are said nothing of in a record that is refused."""
        if any(fault.rejects for fault in faults):
            return []
        edited = {fault.field for fault in faults}
        labels = (label for name, label in self._naive.items() if name in columns and label not in edited)
        return [Planted(number, "time-without-offset", label, "naive-time") for label in labels]
