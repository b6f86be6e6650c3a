"""The kinds of fault of a sample: each with its code in the catalogue of findings, and its edit.

All are derived from the record schema, so that another schema gets those that apply to it. One fault edits one record
in one place, and the expected code does not depend on the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from typing import TYPE_CHECKING

from krr_export.findings.finding import DATABASE_NULL, KNOWN_OLD_NAMES
from krr_export.rules.catalogue import CATALOGUE
from krr_export.synthetic import edits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.schema.record_schema import Element, Field, RecordSchema
    from krr_export.synthetic.edits import Edit, Path
    from krr_export.synthetic.tree import Node


@dataclass(frozen=True)
class Fault:
    """One kind of fault, at one place of the record."""

    name: str
    """In one or two words, such as ``out-of-order``."""
    codes: tuple[str, ...]
    """Names in ``rules.catalogue.CATALOGUE``: exactly the expected findings."""
    path: Path
    """Of the field or element concerned, as in ``schema.Field.path``; empty for the record itself."""
    edit: Edit
    other: Path | None = None
    """Of another element that the record must have."""

    @property
    def field(self) -> str | None:
        """The label of the field or element, as in ``findings.Finding``."""
        return "/".join(self.path) or None

    @property
    def rejects(self) -> bool:
        """Whether the record is rejected."""
        return any(CATALOGUE[code].severity == "reject" for code in self.codes)

    def concerns(self, path: Path) -> bool:
        """Return whether the fault needs this field or element."""
        return path in (self.path, self.other)

    def applies(self, record: Node) -> bool:
        """Return whether the record has the fields or elements that the fault needs."""
        if self.path and self.path[-1].startswith("@"):
            node = edits.find(record, self.path[:-1])
            return node is not None and edits.attribute_name(node, self.path[-1][1:]) in node.attributes
        return all(edits.find(record, path) is not None for path in (self.path, self.other) if path is not None)


def faults_for(schema: RecordSchema) -> tuple[Fault, ...]:
    """Return every fault that records of this schema can have, one of each kind before the second of any."""
    kinds = [list(kind(schema)) for kind in _KINDS]
    longest = max(len(faults) for faults in kinds)
    return tuple(faults[n] for n in range(longest) for faults in kinds if n < len(faults))


def old_names(schema: RecordSchema) -> Iterator[Fault]:
    """Yield faults with the element names in force before 2014."""
    for old, current in KNOWN_OLD_NAMES.items():
        for path, _ in _elements(schema):
            if path[-1:] == (current,):
                edit = edits.wrap_as_key_info(path, old) if old == "Sertifikat" else edits.rename(path, old)
                yield _fault(old, "old-element-name", path, edit)


def database_nulls(schema: RecordSchema) -> Iterator[Fault]:
    r"""Yield ``\N`` in fields whose type is not a string: in others another code could be right too."""
    for field in schema.fields:
        if field.base in _NOT_OF_TYPE:
            yield _field_fault("database-null", "database-null", field, DATABASE_NULL)


def _unknown_elements(schema: RecordSchema) -> Iterator[Fault]:
    for path, _ in _groups(schema):
        yield _fault("unknown-element", "element-unexpected", path, edits.append(path, "Ukjent"))


def _repeated_elements(schema: RecordSchema) -> Iterator[Fault]:
    for path, group in _groups(schema):
        leaves = [child for child in group.children if child.column is not None]
        # A repeated required element could also be reported as a missing next element, unless it is the last.
        chosen = [leaf for leaf in leaves if not leaf.required][:1] or leaves[-1:]
        for leaf in chosen:
            below = (*path, leaf.local_name)
            yield _fault("repeated", "element-unexpected", below, edits.repeat(below))


def _swapped_elements(schema: RecordSchema) -> Iterator[Fault]:
    for path, group in _groups(schema):
        pairs = (pair for pair in pairwise(group.children) if not pair[0].required and not pair[1].required)
        for pair in islice(pairs, 1 if group.in_sequence else 0):
            first, second = ((*path, child.local_name) for child in pair)
            yield Fault("out-of-order", ("element-unexpected",), first, edits.swap_with_next(first), second)


def _foreign_elements(schema: RecordSchema) -> Iterator[Fault]:
    for path, group in _groups(schema):
        optional = [child for child in group.children if not child.required]
        leaves = [child for child in optional if not child.children]
        for child in (*leaves[:1], *(child for child in optional if child.children)):
            below = (*path, child.local_name)
            edit = edits.move_to_other_namespace(below)
            yield _fault("other-namespace", "element-namespace", below, edit)


def _missing_elements(schema: RecordSchema) -> Iterator[Fault]:
    for path, group in _groups(schema):
        for child in group.children:
            if child.required:
                below = (*path, child.local_name)
                yield _fault("missing", "element-missing", below, edits.remove(below))


def _unknown_attributes(schema: RecordSchema) -> Iterator[Fault]:
    """Yield faults on the record, on a grouping element, on a leaf with attributes, and on one without."""
    record, *below = _elements(schema)
    groups = [path for path, element in below if element.children]
    rich = [path for path, element in below if element.attributes]
    plain = [path for path, element in below if element.column is not None and not element.attributes]
    for path in (record[0], *groups[:1], *rich[:1], *plain[:1]):
        edit = edits.set_attribute(path, "ukjent", "x")
        yield _fault("unknown-attribute", "attribute-unexpected", path, edit)


def _missing_attributes(schema: RecordSchema) -> Iterator[Fault]:
    for path, element in _elements(schema):
        for attribute in element.attributes:
            if attribute.required:
                field = schema.fields[attribute.column]
                edit = edits.remove_attribute(path, field.path[-1][1:])
                yield _fault("missing", "attribute-missing", field.path, edit)


def _texts(schema: RecordSchema) -> Iterator[Fault]:
    for path, _ in _groups(schema):
        yield _fault("text", "text-unexpected", path, edits.set_text(path, "tekst"))


def _lengths(schema: RecordSchema) -> Iterator[Fault]:
    for field, low, high in _bounded_fields(schema):
        if low == high and low:
            yield _field_fault("one-short", "value-length", field, "1" * (low - 1))


def _too_short(schema: RecordSchema) -> Iterator[Fault]:
    for field, low, high in _bounded_fields(schema):
        if low != high and low:
            yield _field_fault("one-short", "value-too-short", field, "1" * (low - 1))


def _too_long(schema: RecordSchema) -> Iterator[Fault]:
    for field, low, high in _bounded_fields(schema):
        if low != high and high is not None:
            yield _field_fault("one-long", "value-too-long", field, "1" * (high + 1))


def _not_in_list(schema: RecordSchema) -> Iterator[Fault]:
    for field in schema.fields:
        if field.facets.enumeration:
            yield _field_fault("not-in-list", "value-not-in-list", field, "KANSKJE")


def _wrong_types(schema: RecordSchema) -> Iterator[Fault]:
    for field in schema.fields:
        if field.base in _NOT_OF_TYPE:
            yield _field_fault("wrong-type", "value-type", field, _NOT_OF_TYPE[field.base])


def _base64_junk(schema: RecordSchema) -> Iterator[Fault]:
    for field in schema.fields:
        if field.base == "base64Binary":
            # Invalid, but libxml2 accepts it: base64 must be decoded strictly.
            yield _field_fault(JUNK_AFTER_GROUP, "value-type", field, "AAAA*")


def _times(schema: RecordSchema) -> Iterator[Fault]:
    """Yield valid times that a table cannot represent exactly, over the time columns in turn."""
    columns = [field for field in schema.fields if field.base == "dateTime"]
    for (name, (codes, value)), field in zip(_INEXACT_TIMES.items(), cycle(columns), strict=False):
        yield _field_fault(name, codes, field, value)


def _dates(schema: RecordSchema) -> Iterator[Fault]:
    columns = [field for field in schema.fields if field.base == "date" and not field.facets.others]
    for (name, (codes, value)), field in zip(_INEXACT_DATES.items(), cycle(columns), strict=False):
        yield _field_fault(name, codes, field, value)


_KINDS = (
    old_names,
    database_nulls,
    _unknown_elements,
    _repeated_elements,
    _swapped_elements,
    _foreign_elements,
    _missing_elements,
    _unknown_attributes,
    _missing_attributes,
    _texts,
    _lengths,
    _too_short,
    _too_long,
    _not_in_list,
    _wrong_types,
    _base64_junk,
    _times,
    _dates,
)
"""All kinds; add a new one here."""

JUNK_AFTER_GROUP = "junk-after-group"

_NOT_OF_TYPE = {
    "dateTime": "25.02.2014 13:08:00",
    "date": "25.02.2014",
    "time": "13.08",
    "boolean": "ja",
    "decimal": "1,5",
    "float": "1,5",
    "double": "1,5",
    "base64Binary": "AAA",
    "hexBinary": "0",
} | dict.fromkeys(
    ("byte", "short", "int", "long", "unsignedByte", "unsignedShort", "unsignedInt", "unsignedLong", "integer"), "1_000"
)
"""By type, a value that people write and the XSD does not allow."""

_INEXACT_TIMES = {
    "october-fold": (("time-ambiguous", "time-without-offset"), "2013-10-27T02:30:00"),
    "march-gap": (("time-skipped", "time-without-offset"), "2014-03-30T02:30:00"),
    "midnight-24": (("time-midnight-24",), "2014-02-25T24:00:00+01:00"),
    "nanoseconds": (("time-fraction-cut",), "2014-02-25T13:08:00.123456789+01:00"),
    "year-12014": (("time-out-of-range",), "12014-02-25T13:08:00+01:00"),
}
_INEXACT_DATES = {
    "year-12014": (("time-out-of-range",), "12014-02-25"),
    "date-offset": (("date-offset-dropped",), "2014-02-25+01:00"),
}


def _fault(name: str, code: str, path: Path, edit: Edit) -> Fault:
    return Fault(name, (code,), path, edit)


def _field_fault(name: str, codes: str | tuple[str, ...], field: Field, value: str) -> Fault:
    *above, leaf = field.path
    text = edits.set_text(field.path, value)
    edit = edits.set_attribute(tuple(above), leaf[1:], value) if leaf.startswith("@") else text
    return Fault(name, (codes,) if isinstance(codes, str) else codes, field.path, edit)


def _bounded_fields(schema: RecordSchema) -> Iterator[tuple[Field, int | None, int | None]]:
    """Yield fields whose length is in characters, with the bounds."""
    for field in schema.fields:
        facets = field.facets
        if not facets.enumeration and not facets.others and field.base not in {"base64Binary", "hexBinary"}:
            yield field, facets.min_length, facets.max_length


def _elements(schema: RecordSchema) -> Iterator[tuple[Path, Element]]:
    """Yield each element with its path, the record itself first."""

    def below(path: Path, element: Element) -> Iterator[tuple[Path, Element]]:
        yield path, element
        for child in element.children:
            yield from below((*path, child.local_name), child)

    return below((), schema.record)


def _groups(schema: RecordSchema) -> Iterator[tuple[Path, Element]]:
    return ((path, element) for path, element in _elements(schema) if element.children)
