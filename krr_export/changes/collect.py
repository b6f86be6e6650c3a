"""The latest state of each person in pages, written as an export, so that it is validated like all other records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from xml.sax.saxutils import quoteattr

from krr_export.schema.record_schema import ROOT_ATTRIBUTES
from krr_export.util.tags import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from krr_export.changes.page import Page
    from krr_export.schema.record_schema import RecordSchema


@dataclass
class Latest:
    """The latest state of each person.

    Attributes:
        persons: elements by identity number, in the order of the pages that they were last in.
        repeated: the number of persons with several different states in one page; the last one counts.
        unused: the number of values in pages that have no column.
    """

    persons: dict[str, bytes] = field(default_factory=dict)
    repeated: int = 0
    unused: int = 0

    def add(self, page: Page) -> None:
        """Add the next page."""
        in_page, repeated = latest_in(page)
        for key, xml in in_page.items():
            self.persons.pop(key, None)
            self.persons[key] = xml
        self.repeated += repeated
        self.unused += page.unused


def keys_of(page: Page) -> list[str]:
    """Return the key of each person in a page; a person without a number becomes a reject, and has a key of its own."""
    return [person.identifier or f"\0{page.range.name}\0{place}" for place, person in enumerate(page.persons)]


def latest_in(page: Page) -> tuple[dict[str, bytes], int]:
    """Return each person's last state in a page, by key, and how many states differ from one before them."""
    states: dict[str, bytes] = {}
    repeated = 0
    for key, person in zip(keys_of(page), page.persons, strict=True):
        repeated += states.get(key, person.xml) != person.xml
        states[key] = person.xml
    return states, repeated


@dataclass(frozen=True)
class Envelope:
    """The markup around the persons in an export that is made of them, in bytes.

    Attributes:
        start: the root's start tag; the persons' namespace is the default one.
        end: its end tag.
        own: the beginning of a person that declares that namespace again.
        short: the beginning without the declaration.
    """

    start: bytes
    end: bytes
    own: bytes
    short: bytes

    @classmethod
    def of(cls, schema: RecordSchema, exported_at: str, change_number: int) -> Self:
        """Return the envelope of an export.

        Args:
            schema: of the export.
            exported_at: its moment, ``xs:dateTime``.
            change_number: its last change number.
        """
        attributes = zip(ROOT_ATTRIBUTES, (exported_at, str(change_number)), strict=True)
        written = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes)
        root, record = f"e:{local_name(schema.root_tag)}", local_name(schema.record.tag)
        declared = f"xmlns={quoteattr(namespace(schema.record.tag))}"
        start = f"<{root} xmlns:e={quoteattr(namespace(schema.root_tag))} {declared} {written}>\n"
        return cls(start.encode(), f"</{root}>\n".encode(), f"<{record} {declared}".encode(), f"<{record}".encode())

    def around(self, persons: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the export of these persons, piece by piece.

        Args:
            persons: elements, each with its own namespaces.
        """
        yield self.start
        for person in persons:
            # Declared once, on the root, it lets the scanner read the records, which is many times as fast.
            yield self.short + person[len(self.own) :] if person.startswith(self.own) else person
            yield b"\n"
        yield self.end
