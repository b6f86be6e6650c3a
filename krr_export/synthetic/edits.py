"""Edits that make a record faulty: each function returns one that changes one place of a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from krr_export.synthetic.tree import XMLDSIG, Node

Edit: TypeAlias = Callable[[Node], None]
"""Edits a record in place."""

Path: TypeAlias = tuple[str, ...]
"""Local names below the record."""

OTHER_NAMESPACE = "http://example.com/annet"


def find(record: Node, path: Path) -> Node | None:
    """Return the element at this path; ``None`` if the record does not have it."""
    node: Node | None = record
    for local in path:
        node = next((child for child in node.children if child.local_name == local), None) if node else None
    return node


def attribute_name(node: Node, name: str) -> str:
    """Return the attribute's name as written in the element, with any prefix."""
    return next((written for written in node.attributes if written.rpartition(":")[2] == name), name)


def set_text(path: Path, text: str) -> Edit:
    """Give an element this text; a grouping element gets it before its children."""

    def edit(record: Node) -> None:
        _require(record, path).text = text

    return edit


def set_attribute(path: Path, name: str, value: str) -> Edit:
    """Give an element this attribute, or the attribute this value."""

    def edit(record: Node) -> None:
        node = _require(record, path)
        node.attributes[attribute_name(node, name)] = value

    return edit


def remove_attribute(path: Path, name: str) -> Edit:
    """Remove an attribute."""

    def edit(record: Node) -> None:
        node = _require(record, path)
        del node.attributes[attribute_name(node, name)]

    return edit


def remove(path: Path) -> Edit:
    """Remove an element."""

    def edit(record: Node) -> None:
        _require(record, path[:-1]).children.remove(_require(record, path))

    return edit


def append(path: Path, local: str) -> Edit:
    """Add an empty element as the last of a group, in the group's own namespace."""

    def edit(record: Node) -> None:
        node = _require(record, path)
        node.children.append(Node(node.prefix + local))

    return edit


def repeat(path: Path) -> Edit:
    """Write an element twice."""

    def edit(record: Node) -> None:
        siblings, node = _require(record, path[:-1]).children, _require(record, path)
        siblings.insert(siblings.index(node), node)

    return edit


def swap_with_next(path: Path) -> Edit:
    """Write an element after the one that follows it."""

    def edit(record: Node) -> None:
        siblings, node = _require(record, path[:-1]).children, _require(record, path)
        place = siblings.index(node)
        siblings[place : place + 2] = siblings[place + 1], node

    return edit


def rename(path: Path, local: str) -> Edit:
    """Give an element another name in the same namespace."""

    def edit(record: Node) -> None:
        node = _require(record, path)
        node.name = node.prefix + local

    return edit


def wrap_as_key_info(path: Path, local: str) -> Edit:
    """Write a certificate as in XML-DSig, ``ds:X509Data/ds:X509Certificate``, in an element of this name."""

    def edit(record: Node) -> None:
        node = _require(record, path)
        data = Node("ds:X509Data", {"xmlns:ds": XMLDSIG}, children=[Node("ds:X509Certificate", text=node.text)])
        node.name, node.text, node.children = node.prefix + local, "", [data]

    return edit


def move_to_other_namespace(path: Path) -> Edit:
    """Keep an element's name, and declare another namespace for it and its descendants."""

    def edit(record: Node) -> None:
        node = _require(record, path)
        declaration = f"xmlns:{node.prefix[:-1]}" if node.prefix else "xmlns"
        node.attributes[declaration] = OTHER_NAMESPACE

    return edit


def _require(record: Node, path: Path) -> Node:
    node = find(record, path)
    if node is None:
        raise LookupError(f"the record has no {'/'.join(path)}")
    return node
