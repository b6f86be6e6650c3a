"""The JSON of the REST service, read strictly: no repeated key, no NaN or infinity, little nesting."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krr_export.domain.rest_service import NUMBER_FIELDS
from krr_export.errors import InputError
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 64 << 20
"""The largest page: a full one, of 1000 persons each with a certificate, has some 3 MB."""
AGAIN = "fetch the page again; a file of it has to be deleted first"
PERSONS = "list"
"""The field of a page's persons."""
MAX_PERSONS = 100_000
"""In a page: the register gives 1000."""
_MAX_DEPTH = 4
_BYTES_OF_AN_OBJECT = 16
"""The least average size of an object; the smallest person has three times as much. Of empty objects, a small file
could hold enough to fill the memory."""
_FEW_OBJECTS = 1000
_SPACE = re.compile(r"\s*")


class _UnacceptableError(ValueError):
    """JSON that no page may contain."""


@dataclass(frozen=True)
class PageDocument:
    """A page, as it stands there.

    Attributes:
        first: the number that was asked for.
        last: the last change in the page.
        latest: the register's last change when the page was made.
        persons: the entries of its persons, unchecked.
    """

    first: int
    last: int
    latest: int
    persons: list[Any]


def decode(name: str, content: bytes) -> Iterator[tuple[Any, str]]:
    """Yield the documents of a file, each with its text: one, or several after each other, as in JSON Lines.

    Args:
        name: of the file, for messages.
        content: JSON in UTF-8.

    Raises:
        InputError: it is not JSON, or has a repeated key, NaN or infinity, deep nesting, or mostly empty objects or
            lists.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)
    text, start = "", 0
    try:
        if content.count(b"{") + content.count(b"[") > _FEW_OBJECTS + len(content) // _BYTES_OF_AN_OBJECT:
            raise _UnacceptableError
        text = content.decode("utf-8-sig")
        start = _end_of_space(text, 0)
        while start < len(text):
            document, end = decoder.raw_decode(text, start)
            if _depth(document) > _MAX_DEPTH:
                raise _UnacceptableError
            yield document, text[start:end]
            start = _end_of_space(text, end)
    except (ValueError, RecursionError) as error:  # its own message may quote a value
        line = error.lineno if isinstance(error, json.JSONDecodeError) else text.count("\n", 0, start) + 1
        what = "has a key twice, a number that is none, many levels, or little but empty objects or lists"
        raise InputError(f"{name}, line {line}, is not the JSON of a page, or {what}", AGAIN) from None


def _end_of_space(text: str, start: int) -> int:
    """Return the end of the white space that begins at ``start``."""
    found = _SPACE.match(text, start)
    return found.end() if found else start


def read_page(name: str, document: object) -> PageDocument:
    """Return the parts of a page.

    Raises:
        InputError: the document is no page.
    """
    persons = document.get(PERSONS) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(persons, list):
        raise InputError(
            f"{name} is no page of changes", f"a page is an object with {PERSONS}, {', '.join(NUMBER_FIELDS)}"
        )
    if len(persons) > MAX_PERSONS:
        raise InputError(f"{name} has more than {number(MAX_PERSONS)} persons", "is it a page of the register?")
    first, last, latest = (_number(name, document, key) for key in NUMBER_FIELDS)
    return PageDocument(first, last, latest, persons)


def _number(name: str, document: dict[str, Any], key: str) -> int:
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{name}: {key} is missing or no whole number", AGAIN)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _UnacceptableError
    return found


def _refuse(_constant: str) -> object:
    raise _UnacceptableError


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return max(map(_depth, value), default=0) if isinstance(value, list) else 0
