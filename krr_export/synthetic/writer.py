"""Writer of synthetic exports: any size, flat memory, the same bytes for the same options."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from krr_export.schema.record_schema import ROOT_ATTRIBUTES
from krr_export.synthetic.fault_injection import Baseline, ExpectedFinding, ExpectedFindings, FaultInjector
from krr_export.synthetic.persons import DRAWN, Persons
from krr_export.synthetic.tree import Builder
from krr_export.synthetic.values import Make, ValueMakers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from krr_export.synthetic.options import SampleOptions

_BLOCK = 512
"""Records in one write."""

_ADDED_SHARE = 0.8
"""The share of persons with the optional columns that persons are not drawn with; all or none, so that there are few
shapes of records."""


@dataclass(frozen=True)
class Total:
    """How often a code is expected."""

    findings: int
    records: int


@dataclass(frozen=True)
class SampleSummary:
    """What was written, and what a reader must find in it."""

    records: int
    octets: int
    rejected: int
    totals: dict[str, Total]
    """By code of finding."""


def write_sample(
    out: BinaryIO, options: SampleOptions, note: Callable[[ExpectedFinding], object] | None = None
) -> SampleSummary:
    """Write a synthetic export, in UTF-8.

    Args:
        out: receives the bytes.
        options: of the sample.
        note: called with every expected finding, in order of records.

    Raises:
        UsageError: the schema requires a value that cannot be made.
    """
    expected = ExpectedFindings(note)
    sample = _Sample(options, expected)
    octets = out.write(sample.head())
    for first in range(1, options.records + 1, _BLOCK):
        numbers = range(first, min(first + _BLOCK, options.records + 1))
        octets += out.write("".join([sample.record(number) for number in numbers]).encode())
    octets += out.write(sample.tail())
    return summarize(options.records, octets, expected)


def summarize(records: int, octets: int, expected: ExpectedFindings) -> SampleSummary:
    """Return the summary of an export of so many records and bytes, when all its expected findings were added."""
    totals = {code: Total(count, expected.records[code]) for code, count in (+expected.findings).items()}
    return SampleSummary(records, octets, expected.rejected, totals)


def root_attributes(exported: datetime, change_number: int) -> dict[str, str]:
    """Return the attributes of an export's root."""
    values = exported.isoformat(timespec="milliseconds"), str(change_number)
    return dict(zip(ROOT_ATTRIBUTES, values, strict=True))


class _Shape(NamedTuple):
    """Records with the same columns: a format string, and makers of the values that persons are not drawn with."""

    template: str
    makers: tuple[tuple[str, Make], ...]


class _Sample:
    """One export while it is written."""

    def __init__(self, options: SampleOptions, expected: ExpectedFindings) -> None:
        rng = Random(options.seed)  # noqa: S311 - reproducible, and no secret
        self._random = rng.random
        self._options = options
        self._builder = Builder(options.schema, options.prefix, DRAWN, indent=options.indent, comments=options.comments)
        self._persons = Persons(
            rng, exported=options.exported, certificates=options.certificates, naive_times=options.naive_times
        )
        self._makers = ValueMakers(options.schema, rng)
        self._added_columns = [name for name in self._makers.names if name not in DRAWN]
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        plain = not (options.fault_share or options.old_spellings or options.naive_times)
        self._expected, self._baseline = expected, Baseline(options.schema)
        self._injector = None if plain else FaultInjector(options, self._builder, self._persons, expected)

    def head(self) -> bytes:
        attributes = root_attributes(self._options.exported, self._options.change_number)
        return self._builder.head(attributes).encode()

    def tail(self) -> bytes:
        return self._builder.tail().encode()

    def record(self, number: int) -> str:
        person = self._persons.draw()
        columns = (
            (*person, *self._added_columns) if self._added_columns and self._random() < _ADDED_SHARE else tuple(person)
        )
        shape = self._shapes.get(columns) or self._new_shape(columns)
        for name, make in shape.makers:
            person[name] = make()
        faulty = None
        if self._injector is not None:
            faulty = self._injector.inject(number, person, columns)
        else:
            self._expected.add(self._baseline.findings(number, person), synthetic=self._baseline.synthetic)
        return shape.template % person if faulty is None else faulty

    def _new_shape(self, columns: tuple[str, ...]) -> _Shape:
        """Build and cache the shape of records with these columns."""
        used: list[str] = []

        def placeholder(name: str) -> str:
            used.append(name)
            return f"%({name})s"

        template = self._builder.write(self._builder.record(columns, placeholder))
        made = (name for name in used if name not in columns or name in self._added_columns)
        makers = tuple((name, self._makers.maker(name)) for name in made)
        return self._shapes.setdefault(columns, _Shape(template, makers))
