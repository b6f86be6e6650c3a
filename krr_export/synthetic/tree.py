"""The elements of a record, built from the record schema and written as XML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from krr_export.errors import UsageError
from krr_export.util.tags import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from krr_export.schema.record_schema import Attribute, Element, RecordSchema

Prefix = Literal["default", "ns2", "record"]
"""How namespaces are written: the record's is the ``default`` one on the root (the root itself has a prefix, and an
unused ``xmlns:ds``); or it has the prefix ``ns2``; or each ``record`` declares it."""

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"

INDENT = "  "


@dataclass(slots=True)
class Node:
    """An element to write; names have their prefix, texts are escaped. Faults edit it, so it is not frozen."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[Node] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """The name's prefix with its colon, or nothing."""
        return "".join(self.name.rpartition(":")[:2])

    @property
    def local_name(self) -> str:
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    def write(self, indent: str = "") -> str:
        """Return the element as XML; ``indent`` is the line end and white space before it, or empty."""
        start = f"{indent}<{self.name}{_attributes(self.attributes)}"
        inner = indent + INDENT if indent else ""
        content = "".join([self.text, *(child.write(inner) for child in self.children)])
        end = indent if self.children else ""
        return f"{start}>{content}{end}</{self.name}>"


@dataclass(frozen=True)
class Names:
    """The prefix of each namespace, and where it is declared."""

    prefixes: dict[str, str]
    on_root: dict[str, str]
    on_record: dict[str, str]

    def qualify(self, tag: str) -> str:
        """Return the name with its prefix, of a tag or attribute in Clark notation."""
        prefix = self.prefixes[namespace(tag)] if tag.startswith("{") else ""
        return f"{prefix}:{local_name(tag)}" if prefix else local_name(tag)


def choose_names(schema: RecordSchema, style: Prefix) -> Names:
    """Choose prefixes in a style; if names without a namespace exist, as in some schemas, the others need prefixes."""
    root, record = namespace(schema.root_tag), namespace(schema.record.tag)
    elements = {namespace(element.tag) for element in schema.record.walk()}
    attributes = {namespace(attribute.name) for element in schema.record.walk() for attribute in element.attributes}
    root_prefix, record_prefix = {"default": ("et", ""), "ns2": ("", "ns2"), "record": ("ns2", "")}[style]
    if "" in elements or record in attributes:
        root_prefix, record_prefix, style = "et", "ns2", "ns2"
    others = sorted((elements | attributes) - {root, record, ""})
    prefixes = {root: root_prefix, **{space: f"ns{n}" for n, space in enumerate(others, 3)}, record: record_prefix}
    on_root = {_declaration(prefix): space for space, prefix in prefixes.items() if space}
    on_record = {_declaration(record_prefix): record} if style == "record" and root != record else {}
    for name in on_record:
        del on_root[name]
    if style == "default":
        on_root["xmlns:ds"] = XMLDSIG
    return Names({**prefixes, "": ""} if record else prefixes, on_root, on_record)


class Builder:
    """Builds records from the schema's tree, and writes them with the document's head and tail.

    Args:
        schema: the record schema.
        style: how namespaces are written.
        drawn: the columns that persons are drawn with; a group with any of them is written if one of them is present.
        indent: with line ends and indentation, or without any white space between elements.
        comments: with a comment in every record.

    Raises:
        UsageError: the schema leaves a choice of elements, or their order, to the sender.
    """

    def __init__(
        self, schema: RecordSchema, style: Prefix, drawn: frozenset[str], *, indent: bool, comments: bool
    ) -> None:
        if not all(element.in_sequence for element in schema.record.walk()):
            raise UsageError(f"no samples of the schema {schema.name}", "they can be made of xs:sequence only")
        self.schema = schema
        self._names = choose_names(schema, style)
        self._root = self._names.qualify(schema.root_tag)
        self._drawn = drawn
        self._line_end = "\n" if indent else ""
        self._indent = self._line_end and self._line_end + INDENT
        self._comment = f"{self._indent and self._indent + INDENT}<!-- syntetisk person -->" if comments else ""

    def head(self, attributes: dict[str, str]) -> str:
        """Return all before the first record: the declaration and the root's start tag."""
        written = _attributes(self._names.on_root | attributes)
        return f'<?xml version="1.0" encoding="UTF-8"?>{self._line_end}<{self._root}{written}>'

    def tail(self) -> str:
        """Return all after the last record."""
        return f"{self._line_end}</{self._root}>{self._line_end}"

    def record(self, present: Collection[str], value: Callable[[str], str]) -> Node:
        """Build a record with these columns, and all that the schema then requires.

        Args:
            present: names of columns.
            value: from a column's name to its escaped value.
        """
        node = self._node(self.schema.record, present, value)
        node.attributes = self._names.on_record | node.attributes
        return node

    def write(self, record: Node) -> str:
        """Return the record as XML, with the white space before it."""
        start, end, rest = record.write(self._indent).partition(">")
        return f"{start}{end}{self._comment}{rest}"

    def _node(self, element: Element, present: Collection[str], value: Callable[[str], str]) -> Node:
        attributes = {
            self._names.qualify(attribute.name): value(self._column(attribute.column))
            for attribute in element.attributes
            if attribute.required or self._column(attribute.column) in present
        }
        children = [
            self._node(child, present, value)
            for child in element.children
            if child.required or self._is_present(child, present)
        ]
        text = "" if element.column is None else value(self._column(element.column))
        return Node(self._names.qualify(element.tag), attributes, text, children)

    def _is_present(self, element: Element, present: Collection[str]) -> bool:
        """Return whether to write an optional element: an added column must not cause a group that a person lacks."""
        columns = {self._column(column) for column in _columns(element)}
        if element.column is not None:
            return self._column(element.column) in present
        return any(column in present for column in (columns & self._drawn or columns))

    def _column(self, index: int) -> str:
        return self.schema.fields[index].name


def _attributes(values: dict[str, str]) -> str:
    return "".join([f' {name}="{value}"' for name, value in values.items()])


def _columns(element: Element) -> list[int]:
    texts = [node.column for node in element.walk() if node.column is not None]
    attributes: list[Attribute] = [attribute for node in element.walk() for attribute in node.attributes]
    return texts + [attribute.column for attribute in attributes]


def _declaration(prefix: str) -> str:
    return f"xmlns:{prefix}" if prefix else "xmlns"
