"""A person as an element of the record schema, made from values by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from krr_export.util.tags import namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.schema.record_schema import Element, RecordSchema


def person_element(values: Mapping[str, str], schema: RecordSchema) -> etree._Element:
    """Return the element ``Person`` with these values, in the schema's order. The XSD judges it later.

    Args:
        values: text by column.
        schema: the record schema.

    Raises:
        ValueError: a value has a character that XML does not allow.
    """
    record = schema.record
    space = namespace(record.tag)
    person = etree.Element(record.tag, nsmap={None: space} if space else None)
    by_column = {number: values[field.name] for number, field in enumerate(schema.fields) if field.name in values}
    for child in record.children:
        _append(person, child, by_column)
    return person


def _append(parent: etree._Element, element: Element, values: Mapping[int, str]) -> None:
    """Append an element if it has a value, an attribute or a child with one."""
    if not any(column in values for column in _columns(element)):
        return
    made = etree.SubElement(parent, element.tag)
    if element.column is not None and element.column in values:
        made.text = values[element.column]
    for attribute in element.attributes:
        if attribute.column in values:
            made.set(attribute.name, values[attribute.column])
    for child in element.children:
        _append(made, child, values)


def _columns(element: Element) -> set[int]:
    """Return the columns of an element and of all below it."""
    own = {attribute.column for attribute in element.attributes}
    own |= {element.column} if element.column is not None else set()
    return own.union(*(_columns(child) for child in element.children))
