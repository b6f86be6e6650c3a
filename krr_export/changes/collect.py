"""The latest state of each person in pages, as an export of their own: so they are judged like all other records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from krr_export.schema.record_schema import ROOT_ATTRIBUTES, local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.changes.page import Page
    from krr_export.schema.record_schema import RecordSchema


@dataclass
class Latest:
    """The latest state of each person.

    Attributes:
        persons: Elements by identity number, in the order of the pages that they were last in.
        repeated: Persons of which one page had several different states: the last one counts.
        unused: Values of pages that no column holds.
    """

    persons: dict[str, bytes] = field(default_factory=dict)
    repeated: int = 0
    unused: int = 0

    def add(self, page: Page) -> None:
        """Add a page that follows those before."""
        in_page: dict[str, bytes] = {}
        for person in page.persons:
            # Persons without a number are rejects, each for itself.
            key = person.identifier or f"\0{page.range.name}\0{len(in_page)}"
            self.repeated += in_page.get(key, person.xml) != person.xml
            in_page[key] = person.xml
        for key, xml in in_page.items():
            self.persons.pop(key, None)
            self.persons[key] = xml
        self.unused += page.unused


def export_of(persons: Iterable[bytes], schema: RecordSchema, exported_at: str, change_number: int) -> bytes:
    """Return an export of these persons.

    Args:
        persons: Elements, each with its own namespaces.
        schema: Of the export.
        exported_at: Its moment, ``xs:dateTime``.
        change_number: Its last change number.
    """
    attributes = zip(ROOT_ATTRIBUTES, (exported_at, str(change_number)), strict=True)
    written = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes)
    name = f"e:{local_name(schema.root_tag)}"
    start = f"<{name} xmlns:e={quoteattr(namespace(schema.root_tag))} {written}>\n"
    return b"".join((start.encode(), *(person + b"\n" for person in persons), f"</{name}>\n".encode()))
