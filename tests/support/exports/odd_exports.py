"""Exports written in every way that XML allows and in some that it does not: valid and invalid, usual and odd.

All chance comes from the `Random` that is given, so that hypothesis can drive it, or a seed.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypeVar

from krr_export.util.tags import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from krr_export.schema.record_schema import Element, Field, RecordSchema

T = TypeVar("T")

ROOT_ATTRIBUTES = 'eksportTidspunkt="2014-02-26T12:22:25+01:00" senesteEndringsNummer="1724"'

CHARACTERS = (
    *("\t", "\n", "\r", "\r\n", " ", "\u00a0", "\u0085", "\u2028", "\ufeff", "\x7f", "\u0080", "\u009f"),
    *("æ", "e\u0301", "中", "\uffee", "\ufffd", "😀", "\U0010ffff", "\U0001fffe", "'", '"', ">", "/", "=", "\\"),
    *("&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#65;", "&#x41;", "&#10;", "&#13;", "&#9;", "&#x1F600;"),
)
"""Well-formed, more or less anywhere in a text."""

CONSTRUCTS = (
    *("<!-- c -->", "<!---->", "<!-- <Person> -->", "<!-- </Person> -->", "<!-- <Person></Person> -->"),
    *("<?p i?>", "<?p?>", "<?p </Person>?>", "<?p <Person>?>", "<?xml-stylesheet href=''?>"),
    *("<![CDATA[x]]>", "<![CDATA[]]>", "<![CDATA[ ]]>", "<![CDATA[</Person>]]>", "<![CDATA[<Person>]]>"),
)

MALFORMED = (
    *("\x00", "\x01", "\x0b", "\x0c", "\x1f", "\ufffe", "\uffff", "]]>", "&", "&x;", "&#0;", "&#xFFFF;", "&#xD800;"),
    *("<", "<!", "<!--", "<!-- -- -->", "<![CDATA[", "<?", "<?xml version='1.0'?>", "</", "<>", "<x", "<x:y/>"),
    *("<!DOCTYPE Person>", "<!ENTITY a 'b'>", "</Person>", "<Person>", "</personidentifikator>", '"', "='"),
)

BYTES = (
    *(b"\x80", b"\xc0\x80", b"\xc3", b"\xed\xa0\x80", b"\xef\xbf\xbe", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xff"),
    *(b"\xef\xbb\xbf", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8", b"\x00", b"\x1a"),
)
"""As no text can be written; also such as no UTF-8 is."""

MOMENTS = (
    *("1972-02-29", "2000-02-29", "2014-02-29", "1900-02-29", "2014-02-30", "2014-04-30", "2014-04-31", "2014-12-31"),
    *("-0001-01-01", "0001-01-01", "0999-12-31", "1000-01-01", "1899-12-31", "2999-12-31", "3000-01-01", "9999-12-31"),
    *("12014-02-25", "2014-2-25", "2014-00-10", "2014-13-10", "2014-10-26", "2014-03-30", "2014-02-25"),
)
CLOCKS = (
    *("00:00:00", "02:30:00", "12:08:00", "23:59:59", "24:00:00", "24:00:01", "23:60:00", "23:59:60", "12:08", "1:2:3"),
    *(f"12:08:00.{'123456789'[:digits]}" for digits in range(10)),
)
OFFSETS = (
    *("", "Z", "z", "+00:00", "-00:00", "+01:00", "+09:59", "-09:59", "+10:00", "-10:00", "+14:00", "-14:00"),
    *("+14:01", "-14:01", "+09:60", "+1:00", "+0100", "+01", " Z", "+01:00:00", "CET"),
)
BASE64 = (
    *("AAAA", "AA==", "AAA=", "AB==", "AAB=", "A===", "=", "AAAA*", "AAAA=", "AA=A", "AA AA", "AA==AAAA", "-_-_"),
    *("AAAA\nAAAA", "\nAAAA\n", "AAAA\r\nAAAA", "A A A A", "AA= =", "AAAAæ"),
)


class Author:
    """Writes records and exports.

    Args:
        random: all chance.
        schema: what a record holds.
        oddity: how often something is done in an unusual way, from 0 to 1, at each occasion.
    """

    def __init__(self, random: Random, schema: RecordSchema, oddity: float = 0.03) -> None:
        self._random = random
        self._schema = schema
        self._oddity = oddity
        self._prefix = ""
        self._line_end = "\n"

    def export(self, most: int = 12) -> bytes:
        """An export of up to so many records."""
        self._line_end = self._pick("\n", "\r\n", "\r", "", "\n\n\t")
        root, declared = self._root()
        self._prefix = self._pick(*declared)
        records = [self.record(declared) for _ in range(self._random.randint(0, most))]
        between = [self._line_end + (self._oddly() if self._odd() else "") for _ in records]
        body = "".join(part for pair in zip(between, records, strict=True) for part in pair)
        end = self._line_end + (self._oddly() if self._odd() else "")
        beginning = self._pick("", '<?xml version="1.0" encoding="UTF-8"?>' + self._line_end, "\ufeff")
        after = self._pick("", "\n", *CONSTRUCTS) if self._odd() else ""
        document = f"{beginning}<{root}>{body}{end}</{root.split(maxsplit=1)[0]}>{after}".encode()
        return self._broken(document) if self._odd() else document

    def record(self, declared: Sequence[str]) -> str:
        """A record, in one of the prefixes that the root declares."""
        usual = self._prefix
        if self._odd():
            self._prefix = self._pick(*declared, "u:", "")
        element = self._element(self._schema.record)
        if self._odd():
            uri = namespace(self._schema.record.tag)
            element = element.replace("Person", f'Person xmlns{":" * bool(self._prefix)}{self._prefix[:-1]}="{uri}"', 1)
        self._prefix = usual
        return element

    def _root(self) -> tuple[str, list[str]]:
        """The root's start tag without brackets, and the prefixes that it declares for records."""
        declared = self._pick([""], ["ns2:"], ["", "ns2:"], ["ns2:", "a.-_1:"], [""], [""])
        uri = namespace(self._schema.record.tag)
        declarations = "".join(f' xmlns{":" * bool(prefix)}{prefix[:-1]}="{uri}"' for prefix in declared)
        own = f'et:{local_name(self._schema.root_tag)} xmlns:et="{namespace(self._schema.root_tag)}"'
        return f"{own}{declarations} {ROOT_ATTRIBUTES}", declared

    def _element(self, element: Element) -> str:
        name = self._prefix + element.local_name
        start = f"<{name}{self._attributes(element)}{self._space_in_tag()}"
        content = self._content(element)
        if not content and self._odd(10):
            return f"{start}/>"
        return f"{start}>{content}</{name}{self._space_in_tag()}>"

    def _content(self, element: Element) -> str:
        if element.column is not None:
            return self._value(self._schema.fields[element.column])
        children = [self._element(child) for child in element.children if self._is_there(required=child.required)]
        if children and self._odd():
            self._random.shuffle(children)
        if children and self._odd():
            children.append(self._pick(*children))
        if self._odd():
            children.insert(self._random.randint(0, len(children)), self._oddly())
        return "".join(f"{self._line_end}{child}" for child in children) + self._line_end

    def _attributes(self, element: Element) -> str:
        attributes = []
        for attribute in element.attributes:
            if self._is_there(required=attribute.required):
                quote = "'" if self._odd() else '"'
                equals = self._pick(" =", "= ", "\n=\t") if self._odd() else "="
                value = self._value(self._schema.fields[attribute.column])
                attributes.append(f"{self._space()}{local_name(attribute.name)}{equals}{quote}{value}{quote}")
        if self._odd():
            self._random.shuffle(attributes)
        if self._odd(0.3):
            attributes.append(self._pick(' x="y"', ' xml:space="preserve"', *attributes))
        return "".join(attributes)

    def _value(self, field: Field) -> str:
        value = self._odd_value(field) if self._odd(2) else self._good_value(field)
        if self._odd():
            at = self._random.randint(0, len(value))
            replaced = self._pick(0, 0, 1)  # so that the length may stay what it was
            value = value[:at] + self._oddly() + value[at + replaced :]
        return value

    def _good_value(self, field: Field) -> str:
        if field.facets.enumeration:
            return self._pick(*field.facets.enumeration)
        if field.base == "dateTime":
            day, clock = self._random.randint(1, 28), self._random.randint(0, 23)
            return f"2014-{self._random.randint(1, 12):02}-{day:02}T{clock:02}:08:00{self._pick('.000', '')}+01:00"
        if field.base == "base64Binary":
            return base64.b64encode(bytes(self._random.randint(0, 255) for _ in range(self._pick(3, 4, 5)))).decode()
        low = field.facets.min_length or 1
        length = self._random.randint(low, field.facets.max_length or low + 5)
        return "".join(self._pick(*"0123456789") for _ in range(length))

    def _odd_value(self, field: Field) -> str:
        if self._random.random() < 0.7:
            if field.base == "dateTime":
                return f"{self._pick(*MOMENTS)}{self._pick(*'TTTTTTt ')}{self._pick(*CLOCKS)}{self._pick(*OFFSETS)}"
            if field.base == "base64Binary":
                return self._pick(*BASE64)
        low, high = field.facets.min_length or 0, field.facets.max_length or 12
        length = max(0, self._pick(low - 1, low, low + 1, high - 1, high, high + 1))
        characters = self._pick("a1", "æøå", "😀\U00010348", "a\u0301", "a ", "中", "JANEI")
        return self._pick("", " ", "\\N", "0", "true", "2014-02-25", "JA", (characters * length)[:length])

    def _broken(self, document: bytes) -> bytes:
        """The document with bytes at a random place that may break it."""
        at = self._random.randint(0, len(document))
        return document[:at] + self._pick(*BYTES) + document[at + self._pick(0, 1) :]

    def _oddly(self) -> str:
        kinds = (CHARACTERS, CHARACTERS, CHARACTERS, CONSTRUCTS, CONSTRUCTS, CONSTRUCTS, MALFORMED)
        return self._pick(*self._pick(*kinds))

    def _space_in_tag(self) -> str:
        return self._space() if self._odd(0.5) else ""

    def _space(self) -> str:
        return self._pick(" ", "\n", "\t", "\r\n", "  ") if self._odd() else " "

    def _is_there(self, *, required: bool) -> bool:
        return not self._odd(0.5) if required else self._random.random() < 0.6

    def _odd(self, times: float = 1) -> bool:
        return self._random.random() < self._oddity * times

    def _pick(self, *of: T) -> T:
        return self._random.choice(of)
