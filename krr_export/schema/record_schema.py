"""The record schema: the structure of one record, which comes from the XSD and nowhere else.

The XSD is flattened into columns: every leaf element and every attribute becomes one column, in document order. The
tree of elements is kept beside the columns, for code that reads or writes records (readers, sample generator).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import pyarrow as pa

from krr_export.schema.faults import compile_xsd
from krr_export.util.tags import local_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

BUILT_IN = ("14-05", "16-02")
"""The schema versions that the package carries."""

ROOT_ATTRIBUTES = ("eksportTidspunkt", "senesteEndringsNummer")
"""Attributes of every export's root: when it was made, and the register's last change number in it."""

Privacy: TypeAlias = Literal["none", "personal", "identifying"]
"""Whether a column is personal data, and whether one of its values may tell who the person is."""

DESCRIPTION, PERSONAL, IDENTIFYING, PSEUDONYMISED = "description", "personal", "identifying", "pseudonymised"
"""Keys of the metadata of Arrow fields: what the column says, in words, and three marks, ``true`` or ``false``."""


@dataclass(frozen=True)
class Facets:
    """The constraints that the XSD puts on a value; lengths count characters (octets for binary types)."""

    white_space: str = "preserve"
    enumeration: tuple[str, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    others: tuple[str, ...] = ()
    """Names of further facets (pattern, maxInclusive, …), and ``union`` or ``list``: only an XSD engine checks them."""


@dataclass(frozen=True)
class Field:
    """A column of a table, and the leaf element or attribute that it comes from."""

    name: str
    arrow_type: pa.DataType
    documentation: str
    required: bool = True
    path: tuple[str, ...] = ()
    """Local names below the record; an attribute's begins with ``@``. Empty for a column that is not of the XSD."""
    base: str = ""
    """The local name of the built-in XSD type that the leaf's type derives from; empty if it is not of the XSD."""
    facets: Facets = Facets()
    partitionable: bool = False
    """Whether the column has few distinct values, which identify no person: then a value may be part of a path."""
    privacy: Privacy = "identifying"

    @property
    def personal(self) -> bool:
        """Whether it says something of a person: that is personal data, whatever it says (GDPR, article 4 (1))."""
        return self.privacy != "none"

    @property
    def identifying(self) -> bool:
        """Whether one value may be enough to tell who the person is."""
        return self.privacy == "identifying"

    @property
    def arrow(self) -> pa.Field:
        """The Arrow field, which carries description and marks in its metadata."""
        marks = {PERSONAL: self.personal, IDENTIFYING: self.identifying}
        metadata = {DESCRIPTION: self.documentation, **{key: str(mark).lower() for key, mark in marks.items()}}
        return pa.field(self.name, self.arrow_type, nullable=not self.required, metadata=metadata)

    @property
    def label(self) -> str:
        """The field's name in messages, such as ``Kontaktinformasjon/Epostadresse/@sistOppdatert``."""
        return "/".join(self.path)


ORDINAL_FIELD = Field(
    "radnummer",
    pa.int64(),
    "The record's ordinal in the export, from 1; not of the XSD.",
    privacy="none",
)
ORDINAL = ORDINAL_FIELD.arrow
"""The first column: the record's ordinal in the export, from 1."""


def privacy_of(arrow_type: pa.DataType, *, partitionable: bool) -> Privacy:
    """Return how personal a column of persons is: all identify but times, and what has few distinct values."""
    return "personal" if partitionable or pa.types.is_temporal(arrow_type) else "identifying"


def mark_pseudonymised(field: pa.Field) -> pa.Field:
    """Return the field with metadata that say that its values are pseudonyms: still personal data."""
    return field.with_metadata({**(field.metadata or {}), PSEUDONYMISED: "true"})


@dataclass(frozen=True)
class Table:
    """A table of a snapshot: its name, which is that of its directory, and what it and its columns are.

    Attributes:
        name: also of its directory.
        description: what a row is, in a sentence or two.
        fields: the columns.
        key: the column whose values are unique and never null, if there is one.
        expected_unique: columns whose values should be unique, and are not always.
    """

    name: str
    description: str
    fields: tuple[Field, ...]
    key: str | None = None
    expected_unique: tuple[str, ...] = ()

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema."""
        return pa.schema([field.arrow for field in self.fields])


class Attribute(NamedTuple):
    """An attribute of an element, and its column."""

    name: str
    column: int
    required: bool


@dataclass(frozen=True)
class Element:
    """An element of the record's tree. Columns are given as indices into ``RecordSchema.fields``."""

    tag: str
    """Clark notation, ``{namespace}local``."""
    required: bool
    column: int | None
    """The column of its text; ``None`` for an element that contains elements."""
    attributes: tuple[Attribute, ...]
    children: tuple[Element, ...]
    in_sequence: bool
    """Whether the children, if any, are in exactly this order (``xs:sequence``; not ``choice`` or ``all``)."""

    @property
    def local_name(self) -> str:
        """The tag without its namespace."""
        return local_name(self.tag)

    def walk(self) -> Iterator[Element]:
        """Yield this element and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class RecordSchema:
    """The structure of an export and of its records, as one XSD defines it."""

    name: str
    """``14-05``, ``16-02``, or the file's stem."""
    sha256: str
    """The digest of the schema documents involved, imports included."""
    root_tag: str
    record: Element
    fields: tuple[Field, ...]
    root_xsd: str
    """Path of the XSD that declares the root."""
    record_xsd: str
    """Path of the XSD that declares the record; usually the same."""

    def __repr__(self) -> str:
        return f"<RecordSchema {self.name}, {len(self.fields)} columns>"

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of the table ``person``: ``radnummer``, then the columns in XSD order."""
        return pa.schema([ORDINAL, *(field.arrow for field in self.fields)])

    @property
    def depth(self) -> int:
        """The depth of a valid record in elements, itself included."""
        return _depth(self.record)

    def partitionable(self) -> list[str]:
        """Return the names of the columns that ``--partition-by`` accepts."""
        return [f.name for f in self.fields if f.partitionable]

    def root_validator(self) -> etree.XMLSchema:
        """Compile the XSD that validates the root element and its attributes."""
        return compile_xsd(self.root_xsd)

    def record_validator(self) -> etree.XMLSchema:
        """Compile the XSD that validates a record on its own."""
        return compile_xsd(self.record_xsd)


def column_name(*names: str) -> str:
    """Convert the register's own term to snake_case: ``X509Sertifikat`` → ``x509_sertifikat``."""
    words = (re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name) for name in names)
    return re.sub(r"\W", "_", "_".join(words)).lower()


def _depth(element: Element) -> int:
    return 1 + max((_depth(child) for child in element.children), default=0)
