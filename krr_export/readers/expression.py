"""The regular expression of a record as it is usually written, built from the schema."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from krr_export.schema import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.schema import Element, RecordSchema

WHITE_SPACE = rb"[ \t\r\n]*+"


@dataclass(frozen=True)
class Values:
    """What a value may hold to be recognised, as expressions: text between tags, an attribute, an attribute's time."""

    text: bytes
    attribute: bytes
    time: bytes


# XML forbids control characters and two characters that UTF-8 begins with 0xEF; a carriage return is not what it seems,
# nor is other white space in an attribute; ">" may end a "]]>".
CAREFUL = Values(
    text=rb"[^<>&\x00-\x08\x0b-\x1f\xef]++",
    attribute=rb"[^<>&\"\x00-\x1f\xef]++",
    time=rb"[0-9TZ:.+-]++",
)
# Where all characters are plain, text is whatever is not markup; to look for one character is faster than for a set. Of
# attributes, times alone may so hold more than they should: what is not a time, its column's check finds.
PLAIN = replace(CAREFUL, text=rb"[^<]++", time=rb"[^\"]++")


class RecordExpression:
    """Recognises one record; a group captures each value that is there, and no empty one.

    Args:
        schema: what a record holds.
        namespaces: the document's prefixes, as its root declares them; ``""`` is the default namespace.
        values: what a value may hold.

    Attributes:
        name: the record's name with its prefix.
        columns: for each group, the index of its field in the schema.
        expression: the expression itself.

    Raises:
        ValueError: no expression recognises the schema's records, or the root declares no prefix for them.
    """

    def __init__(self, schema: RecordSchema, namespaces: Mapping[str, str], values: Values) -> None:
        if sum(element.local_name == schema.record.local_name for element in schema.record.walk()) > 1:
            raise ValueError("an element in a record has the record's name")
        self._schema = schema
        self._prefixes = _prefixes(schema, namespaces)
        self._values = values
        self.name = self._name(schema.record)
        self.columns: list[int] = []
        self.expression = self._element(schema.record)

    def _name(self, element: Element) -> bytes:
        return self._prefixes[namespace(element.tag)] + element.local_name.encode()

    def _element(self, element: Element) -> bytes:
        if not element.in_sequence:
            raise ValueError("a choice has no fixed order")
        name = re.escape(self._name(element))
        pattern = b"<" + name
        for attribute in element.attributes:
            if namespace(attribute.name):
                raise ValueError("an attribute in a namespace")
            is_time = self._schema.fields[attribute.column].base == "dateTime"
            value = self._captured(attribute.column, self._values.time if is_time else self._values.attribute)
            written = rb"[ \t\r\n]++" + re.escape(local_name(attribute.name).encode()) + b'="' + value + b'"'
            pattern += _repeated(written, required=attribute.required)
        pattern += b">"  # white space before it is possible, but nobody writes it, and looking for it costs time
        if element.column is not None:
            pattern += self._captured(element.column, self._values.text)
        else:
            pattern += WHITE_SPACE
            for child in element.children:
                pattern += _repeated(self._element(child) + WHITE_SPACE, required=child.required)
        return pattern + b"</" + name + b">"

    def _captured(self, column: int, value: bytes) -> bytes:
        self.columns.append(column)
        return b"(" + value + b")"


def _repeated(expression: bytes, *, required: bool) -> bytes:
    return expression if required else b"(?:" + expression + b")?+"


def _prefixes(schema: RecordSchema, namespaces: Mapping[str, str]) -> dict[str, bytes]:
    """How names in each of the schema's namespaces begin in this document."""
    by_uri = {uri: f"{prefix}:".encode() if prefix else b"" for prefix, uri in sorted(namespaces.items(), reverse=True)}
    needed = {namespace(element.tag) for element in schema.record.walk()}
    if "" in needed or not needed <= by_uri.keys():
        raise ValueError("the root declares no prefix")
    return {uri: by_uri[uri] for uri in needed}
