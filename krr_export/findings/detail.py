"""What is wrong with a value or an element, *masked*: kinds, lengths and what the XSD requires; never a value.

A detail holds none of a value's characters, and no name that the sender chose. It is kept in parts, from which its text
is made in any language.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from krr_export.util.stored_json import Count, Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

DetailKind = Literal[
    "empty",
    "white space",
    "digits",
    "letters",
    "letters and digits",
    "mixed",
    "mixed, some not ASCII",
    "octets",
    "time",
    "value",
    "database null",
    "element missing",
    "element misplaced",
    "element unknown",
    "element of another namespace",
    "element of an old name",
    "element in nothing",
    "element in text",
    "text among elements",
    "attribute missing",
    "attribute unknown",
    "attribute of XML Schema",
    "refused",
]
"""The characters of a value, or what it is; or what is wrong with an element or an attribute."""

Facet = Literal["length", "minLength", "maxLength", "enumeration", "type", "other"]
"""The constraint that failed: a facet of the XSD, a type, or any other."""


class Requirement(Stored, frozen=True):
    """What the XSD requires of a value.

    Attributes:
        facet: the facet of the XSD that the value does not have; type: its type.
        value: of the facet, or the name of the type; empty for other.
    """

    facet: Facet
    value: str


class Detail(Stored, frozen=True):
    """What is wrong, masked, in parts.

    Attributes:
        kind: the characters of a value; or what is wrong with an element or an attribute.
        length: of the value: in characters, of binary values in octets; null if there is none.
        limit: what the XSD requires of the value; null if it is not the XSD that refuses it.
        name: the old name of an element; the attribute of XML Schema (xsi:nil, xsi:type); null for any other kind.
    """

    kind: DetailKind
    length: Count | None = None
    limit: Requirement | None = None
    name: str | None = None

    def __str__(self) -> str:
        """Return the text in English."""
        return describe(self, ENGLISH_DETAILS)


@dataclass(frozen=True)
class DetailWords:
    """The texts of details in one language.

    Attributes:
        kinds: by kind; ``{n}`` is the length, ``{name}`` a name, and ``one|many`` is selected by the length.
        limits: by facet; ``{value}`` is the facet's.
    """

    kinds: Mapping[DetailKind, str]
    limits: Mapping[Facet, str]


_ATTRIBUTE = "an attribute that the XSD does not have here"

ENGLISH_DETAILS = DetailWords(
    kinds={
        "empty": "empty",
        "white space": "{n} character, white space|{n} characters, white space",
        "digits": "{n} character, digits|{n} characters, digits",
        "letters": "{n} character, letters|{n} characters, letters",
        "letters and digits": "{n} character, letters and digits|{n} characters, letters and digits",
        "mixed": "{n} character, mixed|{n} characters, mixed",
        "mixed, some not ASCII": "{n} character, mixed, some not ASCII|{n} characters, mixed, some not ASCII",
        "octets": "{n} octet|{n} octets",
        "time": "a time",
        "value": "a value",
        "database null": r"the value is \N",
        "element missing": "the element is missing",
        "element misplaced": "the element is repeated, or not in its place",
        "element unknown": "an element that the XSD does not know",
        "element of another namespace": "the element is in another namespace",
        "element of an old name": "written as {name}, the spelling before spring 2014",
        "element in nothing": "an element where the XSD has nothing",
        "element in text": "an element where the XSD has only text",
        "text among elements": "text where the XSD has only elements",
        "attribute missing": "the attribute is missing",
        "attribute unknown": _ATTRIBUTE,
        "attribute of XML Schema": f"{{name}}, {_ATTRIBUTE}",
        "refused": "refused by the XSD",
    },
    limits={
        "length": "the XSD requires {value} characters",
        "minLength": "the XSD requires at least {value}",
        "maxLength": "the XSD allows {value}",
        "enumeration": "the XSD allows {value}",
        "type": "the XSD requires xs:{value}",
        "other": "the XSD requires something else",
    },
)


def describe(detail: Detail, words: DetailWords) -> str:
    """Return a detail's text in a language."""
    one, _, many = words.kinds[detail.kind].partition("|")
    text = (many if many and detail.length != 1 else one).format(n=detail.length, name=detail.name)
    if detail.limit is None:
        return text
    return f"{text}; {words.limits[detail.limit.facet].format(value=detail.limit.value)}"


def mask(value: str, limit: Requirement | None = None) -> Detail:
    """Return the kind and length of a value, such as ``11 characters, digits``; never any of its characters."""
    return Detail(_kind(value), len(value), limit)


def _kind(value: str) -> DetailKind:
    if not value:
        return "empty"
    kinds: dict[DetailKind, str] = {
        "digits": string.digits,
        "letters": string.ascii_letters,
        "letters and digits": string.ascii_letters + string.digits,
        "white space": string.whitespace,
    }
    for kind, characters in kinds.items():
        if not value.strip(characters):
            return kind
    return "mixed" if value.isascii() else "mixed, some not ASCII"
