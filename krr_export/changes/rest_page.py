"""A page of the register's REST service, as JSON: its persons become elements of the record schema."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from lxml import etree

from krr_export.changes.page import Page, PagePerson, PageRange
from krr_export.changes.person_element import person_element
from krr_export.domain.rest_service import GROUP_FIELDS, NUMBER_FIELDS, PERSON_FIELDS
from krr_export.domain.vocabulary import CERTIFICATE, IDENTIFIER, UPDATED, VERIFIED
from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from krr_export.schema.record_schema import RecordSchema

_MAX_DEPTH = 4
_SPACE = re.compile(r"\s*")
_SHORT_OFFSET = re.compile(r"(T[0-9:.]+[+-][0-9]{2})$", re.ASCII)
"""The end of a time whose offset has no minutes, which xs:dateTime does not know."""
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*", re.ASCII)
_AGAIN = "fetch the page again"


class _UnacceptableError(ValueError):
    """JSON that no page may contain."""


def read_rest_pages(name: str, content: bytes, sha256: str, schema: RecordSchema) -> Iterator[Page]:
    """Yield the pages of a file: one, or several after each other, as in JSON Lines.

    Args:
        name: Of the file, for messages.
        content: JSON in UTF-8.
        sha256: Of the file as it lies there: the digest of its page, if it holds but one.
        schema: Of the records that the persons become.

    Raises:
        InputError: It is not JSON, has a key twice, a number that is none, or is anything else than pages.
    """
    documents = [*_decode(name, content)]
    if len(documents) == 1:
        yield _page(name, documents[0][0], sha256, schema)
        return
    for place, (document, text) in enumerate(documents, start=1):
        yield _page(f"{name} page {place}", document, hashlib.sha256(text.encode()).hexdigest(), schema)


def _decode(name: str, content: bytes) -> Iterator[tuple[Any, str]]:
    """Yield each document, and its text."""
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)
    try:
        text = content.decode("utf-8-sig")
        start = _end_of_space(text, 0)
        while start < len(text):
            document, end = decoder.raw_decode(text, start)
            if _depth(document) > _MAX_DEPTH:
                raise _UnacceptableError
            yield document, text[start:end]
            start = _end_of_space(text, end)
    except (ValueError, RecursionError):  # its own message may quote a value
        raise InputError(
            f"{name} is not the JSON of a page, or has a key twice, a number that is none, or many levels", _AGAIN
        ) from None


def _end_of_space(text: str, start: int) -> int:
    """Return where the white space ends that begins at ``start``."""
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _UnacceptableError
    return found


def _refuse(_constant: str) -> object:
    raise _UnacceptableError


def _page(name: str, document: object, sha256: str, schema: RecordSchema) -> Page:
    if not isinstance(document, dict) or not isinstance(document.get("list"), list):
        raise InputError(f"{name} is no page of changes", f"a page is an object with list, {', '.join(NUMBER_FIELDS)}")
    first, last, latest = (_number(name, document, key) for key in NUMBER_FIELDS)
    persons, unused = [], 0
    for place, entry in enumerate(document["list"], start=1):
        person, left = _person(f"{name}, person {place}", entry, schema)
        persons.append(person)
        unused += left
    return Page(PageRange(name, "rest", first, last, latest, sha256), tuple(persons), unused)


def _number(name: str, document: dict[str, Any], key: str) -> int:
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{name}: {key} is missing or no whole number", _AGAIN)
    return value


def _person(name: str, entry: object, schema: RecordSchema) -> tuple[PagePerson, int]:
    """Return a person, and how many values have no column."""
    if not isinstance(entry, dict):
        raise InputError(f"{name}: it is no object", _AGAIN)
    values, unused = _values(name, entry, PERSON_FIELDS, (*GROUP_FIELDS,))
    for group, columns in GROUP_FIELDS.items():
        inner = entry.get(group)
        if inner is None:
            continue
        if not isinstance(inner, dict):
            raise InputError(f"{name}: {group} is no object", _AGAIN)
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
            raise InputError(f"{name}: {key} is no text", _AGAIN)
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


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return max(map(_depth, value), default=0) if isinstance(value, list) else 0
