"""A page of the register's REST service, as JSON: its persons become elements of the record schema."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from lxml import etree

from krr_export.changes.page import Page, PagePerson, PageRange
from krr_export.changes.person_element import person_element
from krr_export.domain.rest_service import GROUP_FIELDS, PERSON_FIELDS
from krr_export.domain.vocabulary import CERTIFICATE, IDENTIFIER, UPDATED, VERIFIED
from krr_export.errors import InputError
from krr_export.input.http.rest_document import AGAIN, decode, read_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from krr_export.schema.record_schema import RecordSchema

_SHORT_OFFSET = re.compile(r"(T[0-9:.]+[+-][0-9]{2})$", re.ASCII)
"""The end of a time whose offset has no minutes, which xs:dateTime does not know."""
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*", re.ASCII)


def read_rest_pages(name: str, content: bytes, sha256: str, schema: RecordSchema) -> Iterator[Page]:
    """Yield the pages of a file: one, or several after each other, as in JSON Lines.

    Args:
        name: of the file, for messages.
        content: JSON in UTF-8.
        sha256: of the content: the digest of its page, if it holds but one.
        schema: of the records that the persons become.

    Raises:
        InputError: it is not JSON, has a key twice, a number that is none, or is anything else than pages.
    """
    documents = [*decode(name, content)]
    if len(documents) == 1:
        yield _page(name, documents[0][0], sha256, schema)
        return
    for place, (document, text) in enumerate(documents, start=1):
        yield _page(f"{name} page {place}", document, hashlib.sha256(text.encode()).hexdigest(), schema)


def _page(name: str, document: object, sha256: str, schema: RecordSchema) -> Page:
    page = read_page(name, document)
    persons, unused = [], 0
    for place, entry in enumerate(page.persons, start=1):
        person, left = _person(f"{name}, person {place}", entry, schema)
        persons.append(person)
        unused += left
    return Page(PageRange(name, "rest", page.first, page.last, page.latest, sha256), tuple(persons), unused)


def _person(name: str, entry: object, schema: RecordSchema) -> tuple[PagePerson, int]:
    """Return a person, and how many values have no column."""
    if not isinstance(entry, dict):
        raise InputError(f"{name}: it is no object", AGAIN)
    values, unused = _values(name, entry, PERSON_FIELDS, (*GROUP_FIELDS,))
    for group, columns in GROUP_FIELDS.items():
        inner = entry.get(group)
        if inner is None:
            continue
        if not isinstance(inner, dict):
            raise InputError(f"{name}: {group} is no object", AGAIN)
        more, left = _values(f"{name}, {group}", inner, columns)
        values |= more
        unused += left
    try:
        element = person_element(values, schema)
    except ValueError:
        raise InputError(f"{name}: a value has a character that XML does not allow", "ask the register") from None
    return PagePerson(
        values.get(IDENTIFIER, "").strip(), etree.tostring(element, encoding="UTF-8", xml_declaration=False)
    ), unused


def _values(
    name: str, entry: dict[str, Any], columns: Mapping[str, str], groups: tuple[str, ...] = ()
) -> tuple[dict[str, str], int]:
    """Return the values by column, without absent ones; and how many present ones have no column."""
    values: dict[str, str] = {}
    unused = 0
    for key, value in entry.items():
        if key in groups or value is None or value == "":
            continue
        column = columns.get(key)
        if column is None:
            unused += 1
        elif not isinstance(value, str):
            raise InputError(f"{name}: {key} is no text", AGAIN)
        else:
            values[column] = _as_in_export(column, value)
    return values, unused


def _as_in_export(column: str, value: str) -> str:
    """Return a value as the export writes it."""
    if column in {*UPDATED.values(), *VERIFIED.values()}:
        return _SHORT_OFFSET.sub(r"\1:00", value)
    if column == CERTIFICATE and (pem := _PEM.fullmatch(value)):
        return "".join(pem[1].split())
    return value
