"""Writes synthetic exports: any size, flat memory, the same bytes for the same options."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from isal import igzip_threaded

from krr_export.errors import UsageError
from krr_export.sample.persons import DRAWN, Persons
from krr_export.sample.tree import INDENT, Builder, Node, Prefix, choose_names
from krr_export.sample.values import Make, no_value, value_maker
from krr_export.schema import RecordSchema, load_schema

if TYPE_CHECKING:
    from pathlib import Path

EXPORTED = datetime(2026, 2, 26, 12, 22, 25, tzinfo=timezone(timedelta(hours=1)))
"""The time of the export, unless another is given: a sample must not depend on the day it was made."""

_BLOCK = 512
"""Records a write."""

_ADDED = 0.8
"""The share of persons that have the optional columns that persons are not drawn with; all of them or none, so that
the shapes of record stay few."""


@dataclass(frozen=True)
class SampleOptions:
    """What the synthetic export is to be like."""

    records: int
    seed: int = 0
    schema: RecordSchema = field(default_factory=load_schema)
    prefix: Prefix = "default"
    naive_times: bool = False
    """Contact data's times without offset. The export's own time keeps it."""
    certificates: int = 6
    """How many differ; 0: one for each mailbox, the worst case."""
    indent: bool = True
    """Line ends and indentation, as real exports have them; otherwise no white space between elements at all."""
    comments: bool = False
    """A comment in every record, the worst case for readers that would rather not parse."""
    exported: datetime = EXPORTED
    """With an offset."""
    change_number: int = 41_234_567

    def __post_init__(self) -> None:
        if self.records < 0 or self.certificates < 0:
            raise UsageError("the numbers of records and of certificates cannot be negative")
        if self.exported.tzinfo is None:
            raise UsageError("the time of the export needs an offset")


@dataclass(frozen=True)
class SampleSummary:
    """What was written."""

    records: int
    octets: int


def write_sample(out: BinaryIO, options: SampleOptions) -> SampleSummary:
    """Write a synthetic export, in UTF-8.

    Raises:
        UsageError: the schema requires a value that cannot be made.
    """
    sample = _Sample(options)
    octets = out.write(sample.head())
    for first in range(1, options.records + 1, _BLOCK):
        count = min(_BLOCK, options.records + 1 - first)
        octets += out.write("".join([sample.record() for _ in range(count)]).encode())
    octets += out.write(sample.tail())
    return SampleSummary(options.records, octets)


def open_sample_file(path: Path) -> BinaryIO:
    """Open a file to write a sample to, compressed where its name ends in ``.gz``, with no time in the gzip header."""
    if path.suffix == ".gz":
        return cast("BinaryIO", igzip_threaded.open(path, "wb", threads=1))
    return path.open("wb")


class _Shape(NamedTuple):
    """How records with the same columns are written: a format, and what makes the values no person is drawn with."""

    template: str
    makers: tuple[tuple[str, Make], ...]


class _Sample:
    """One export in the making."""

    def __init__(self, options: SampleOptions) -> None:
        self.options = options
        self.schema = options.schema
        self.names = choose_names(options.schema, options.prefix)
        self.builder = Builder(options.schema, self.names, DRAWN)
        self.indent = "\n" + INDENT if options.indent else ""
        rng = Random(options.seed)  # noqa: S311 - reproducible, and no secret
        self.random = rng.random
        self.persons = Persons(
            rng, exported=options.exported, certificates=options.certificates, naive_times=options.naive_times
        )
        self.makers = {field.name: value_maker(field, rng) for field in self.schema.fields}
        self.added = [name for name, maker in self.makers.items() if maker and name not in DRAWN]
        self.shapes: dict[tuple[str, ...], _Shape] = {}

    def head(self) -> bytes:
        root = self.names.of(self.schema.root_tag)
        attributes = self.names.on_root | {
            "eksportTidspunkt": self.options.exported.isoformat(timespec="milliseconds"),
            "senesteEndringsNummer": str(self.options.change_number),
        }
        line_end = "\n" if self.options.indent else ""
        start = "".join([f"<{root}", *(f' {name}="{value}"' for name, value in attributes.items()), ">"])
        return f'<?xml version="1.0" encoding="UTF-8"?>{line_end}{start}'.encode()

    def tail(self) -> bytes:
        line_end = "\n" if self.options.indent else ""
        return f"{line_end}</{self.names.of(self.schema.root_tag)}>{line_end}".encode()

    def record(self) -> str:
        person = self.persons.draw()
        columns = (*person, *self.added) if self.added and self.random() < _ADDED else tuple(person)
        shape = self.shapes.get(columns) or self.new_shape(columns)
        for name, make in shape.makers:
            person[name] = make()
        return shape.template % person

    def new_shape(self, columns: tuple[str, ...]) -> _Shape:
        """The shape of records with these columns, which is kept for the next."""
        used: dict[str, None] = {}
        node = self.builder.record(columns, lambda name: used.setdefault(name) or f"%({name})s")
        made = [name for name in used if name not in columns or name in self.added]
        shape = self.shapes[columns] = _Shape(self.write(node), tuple((name, self.maker(name)) for name in made))
        return shape

    def maker(self, name: str) -> Make:
        if (make := self.makers[name]) is None:
            raise no_value(next(field for field in self.schema.fields if field.name == name))
        return make

    def write(self, node: Node) -> str:
        xml = node.write(self.indent)
        if self.options.comments:
            start, end = xml.partition(">")[::2]
            return f"{start}>{self.indent and self.indent + INDENT}<!-- syntetisk person -->{end}"
        return xml
