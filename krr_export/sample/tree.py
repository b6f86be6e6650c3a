"""A record's elements, built from the record schema and written as XML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from krr_export.schema import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from krr_export.schema import Attribute, Element, RecordSchema

Prefix = Literal["default", "ns2", "record"]
"""How namespaces are written: the record's is the ``default`` one on the root (the root itself has a prefix, and an
unused ``xmlns:ds`` stands beside it); or it has the prefix ``ns2``; or each ``record`` declares it."""

XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"

INDENT = "  "


@dataclass(slots=True)
class Node:
    """An element to be written; names have their prefix, texts are escaped. Faults edit it, so it is not frozen."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def child(self, local: str) -> Node:
        """The first child of this local name."""
        return next(node for node in self.children if node.name.rpartition(":")[2] == local)

    def write(self, indent: str = "") -> str:
        """The element as XML; ``indent`` is the line end and white space before it, empty for none at all."""
        start = "".join([f"{indent}<{self.name}", *(f' {name}="{value}"' for name, value in self.attributes.items())])
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

    def of(self, tag: str) -> str:
        """The name with its prefix, of a tag or attribute in Clark notation."""
        prefix = self.prefixes[namespace(tag)] if tag.startswith("{") else ""
        return f"{prefix}:{local_name(tag)}" if prefix else local_name(tag)


def choose_names(schema: RecordSchema, style: Prefix) -> Names:
    """Prefixes in the style asked for; names without a namespace, which some schemas have, need one of their own."""
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


@dataclass(frozen=True)
class Builder:
    """Builds records from the schema's tree."""

    schema: RecordSchema
    names: Names
    drawn: frozenset[str]
    """The columns that persons are drawn with; a group that holds any of them is there when one of them is."""

    def record(self, present: Collection[str], value: Callable[[str], str]) -> Node:
        """A record with these columns, and all that the schema then requires.

        Args:
            present: names of columns.
            value: from a column's name to its escaped value.
        """
        node = self._node(self.schema.record, present, value)
        node.attributes = self.names.on_record | node.attributes
        return node

    def _node(self, element: Element, present: Collection[str], value: Callable[[str], str]) -> Node:
        attributes = {
            self.names.of(attribute.name): value(self._column(attribute.column))
            for attribute in element.attributes
            if attribute.required or self._column(attribute.column) in present
        }
        children = [
            self._node(child, present, value)
            for child in element.children
            if child.required or self._is_present(child, present)
        ]
        text = "" if element.column is None else value(self._column(element.column))
        return Node(self.names.of(element.tag), attributes, text, children)

    def _is_present(self, element: Element, present: Collection[str]) -> bool:
        """Whether an optional element is there: an added column must not bring forth a group that a person lacks."""
        columns = {self._column(column) for column in _columns(element)}
        if element.column is not None:
            return self._column(element.column) in present
        return any(column in present for column in (columns & self.drawn or columns))

    def _column(self, index: int) -> str:
        return self.schema.fields[index].name


def _columns(element: Element) -> list[int]:
    texts = [node.column for node in element.walk() if node.column is not None]
    attributes: list[Attribute] = [attribute for node in element.walk() for attribute in node.attributes]
    return texts + [attribute.column for attribute in attributes]


def _declaration(prefix: str) -> str:
    return f"xmlns:{prefix}" if prefix else "xmlns"
