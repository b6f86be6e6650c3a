"""Writes synthetic exports: any size, flat memory, the same bytes for the same options."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from krr_export.synthetic.fault_injection import Baseline, ExpectedFindings, Planted, Planter
from krr_export.synthetic.persons import DRAWN, Persons
from krr_export.synthetic.tree import Builder
from krr_export.synthetic.values import Make, Makers

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.synthetic.options import SampleOptions

_BLOCK = 512
"""Records a write."""

_ADDED = 0.8
"""The share of persons that have the optional columns that persons are not drawn with; all of them or none, so that
the shapes of record stay few."""


@dataclass(frozen=True)
class Total:
    """How often a code was planted."""

    findings: int
    records: int


@dataclass(frozen=True)
class SampleSummary:
    """What was written, and what a reader must find in it."""

    records: int
    octets: int
    rejected: int
    totals: dict[str, Total]
    """By code."""


def write_sample(
    out: BinaryIO, options: SampleOptions, note: Callable[[Planted], object] | None = None
) -> SampleSummary:
    """Write a synthetic export, in UTF-8.

    Args:
        out: takes the bytes.
        options: what the export is to be like.
        note: called with everything that was planted, in order of records.

    Raises:
        UsageError: the schema requires a value that cannot be made.
    """
    ledger = ExpectedFindings(note)
    sample = _Sample(options, ledger)
    octets = out.write(sample.head())
    for first in range(1, options.records + 1, _BLOCK):
        numbers = range(first, min(first + _BLOCK, options.records + 1))
        octets += out.write("".join([sample.record(number) for number in numbers]).encode())
    octets += out.write(sample.tail())
    totals = {code: Total(count, ledger.records[code]) for code, count in (+ledger.findings).items()}
    return SampleSummary(options.records, octets, ledger.rejected, totals)


class _Shape(NamedTuple):
    """How records with the same columns are written: a format, and what makes the values no person is drawn with."""

    template: str
    makers: tuple[tuple[str, Make], ...]


class _Sample:
    """One export in the making."""

    def __init__(self, options: SampleOptions, ledger: ExpectedFindings) -> None:
        rng = Random(options.seed)  # noqa: S311 - reproducible, and no secret
        self._random = rng.random
        self._options = options
        self._builder = Builder(options.schema, options.prefix, DRAWN, indent=options.indent, comments=options.comments)
        self._persons = Persons(
            rng, exported=options.exported, certificates=options.certificates, naive_times=options.naive_times
        )
        self._makers = Makers(options.schema, rng)
        self._added = [name for name in self._makers.names if name not in DRAWN]
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        plain = not (options.fault_share or options.old_spellings or options.naive_times)
        self._ledger, self._natural = ledger, Baseline(options.schema)
        self._planter = None if plain else Planter(options, self._builder, self._persons, ledger)

    def head(self) -> bytes:
        attributes = {
            "eksportTidspunkt": self._options.exported.isoformat(timespec="milliseconds"),
            "senesteEndringsNummer": str(self._options.change_number),
        }
        return self._builder.head(attributes).encode()

    def tail(self) -> bytes:
        return self._builder.tail().encode()

    def record(self, number: int) -> str:
        person = self._persons.draw()
        columns = (*person, *self._added) if self._added and self._random() < _ADDED else tuple(person)
        shape = self._shapes.get(columns) or self._new_shape(columns)
        for name, make in shape.makers:
            person[name] = make()
        edited = None
        if self._planter is not None:
            edited = self._planter.edited(number, person, columns)
        else:
            self._ledger.add(self._natural.of(number, person), synthetic=self._natural.synthetic)
        return shape.template % person if edited is None else edited

    def _new_shape(self, columns: tuple[str, ...]) -> _Shape:
        """The shape of records with these columns, kept for the next."""
        used: list[str] = []

        def placeholder(name: str) -> str:
            used.append(name)
            return f"%({name})s"

        template = self._builder.write(self._builder.record(columns, placeholder))
        made = (name for name in used if name not in columns or name in self._added)
        makers = tuple((name, self._makers.of(name)) for name in made)
        return self._shapes.setdefault(columns, _Shape(template, makers))
