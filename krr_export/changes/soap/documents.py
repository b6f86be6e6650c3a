"""XML of messages: safe parsing, canonical form, and elements found by their place or their Id."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.errors import InputError
from krr_export.parsing.xml.bounds import find_excess_of_tags
from krr_export.parsing.xml.well_formed import not_well_formed, parser_options

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 16 << 20
"""Of a message. A page of a thousand persons, each with a certificate, takes about seven million when encrypted."""


def parse(data: bytes) -> etree._Element:
    """Parse a message.

    Comments are left out: they are not signed. Document types and processing instructions are refused, as SOAP asks.

    Raises:
        InputError: it is too large, not well-formed, or has what no message may have.
    """
    if len(data) > MAX_BYTES:
        raise InputError(
            f"the message has more than {MAX_BYTES >> 20} MiB", "no real message is so: is it another file?"
        )
    # Before libxml2 reads it, as a document type can be costly. It reads UTF-8 only: no encoding hides one.
    if b"<!DOCTYPE" in data:
        raise InputError("the message has a document type, which no SOAP message may have", "is it hostile?")
    if (too_much := find_excess_of_tags(data)) is not None:
        raise InputError(f"the message has {too_much}", "no real message is so: is it hostile?")
    try:
        root: etree._Element = etree.fromstring(data, etree.XMLParser(**{**parser_options(), "remove_pis": False}))
    except etree.XMLSyntaxError as error:
        raise not_well_formed(error, 0, error.error_log) from None
    around = (root.getprevious(), root.getnext(), next(root.iter(etree.PI), None))
    if any(one is not None for one in around):
        raise InputError("the message has a processing instruction, which no SOAP message may have", "is it hostile?")
    return root


def canonical(element: etree._Element, prefixes: Iterable[str] = ()) -> bytes:
    """Return an element's octets in exclusive canonical form, without comments, in the context where it stands.

    Args:
        element: the element.
        prefixes: the prefixes whose namespaces are declared even where they are not used; ``#default`` is none.

    Raises:
        InputError: there is no canonical form.
    """
    try:
        return etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(prefixes) or None
        )
    except etree.C14NError:
        raise malformed("it has no canonical form: the name of a namespace is not absolute") from None


def count_ids(root: etree._Element) -> Counter[str]:
    """Count the values of all attributes that anybody could take for an Id: wsu:Id, xml:id, Id, ID, id."""
    return Counter(
        str(value)
        for element in root.iter(etree.Element)
        for name, value in element.items()
        if etree.QName(name).localname.lower() == "id"
    )


def only_child(parent: etree._Element, name: str) -> etree._Element:
    """Return the one child of this name.

    Raises:
        InputError: there is none, or there are several.
    """
    found = parent.findall(name)
    if len(found) != 1:
        raise malformed(f"it has {len(found) or 'no'} {etree.QName(name).localname} where one is needed")
    return found[0]


def check_children(parent: etree._Element, *names: str) -> list[etree._Element]:
    """Return the children, which must be these, in this order.

    Raises:
        InputError: they are others.
    """
    children = list(parent)
    if tuple(child.tag for child in children) != names:
        raise malformed(f"{etree.QName(parent).localname} does not have the children that it must have")
    return children


def text_of(element: etree._Element) -> str:
    """Return the text of an element without children, without white space around it.

    Raises:
        InputError: it has children.
    """
    check_children(element)
    return (element.text or "").strip()


def bytes_of(element: etree._Element) -> bytes:
    """Decode an element's base64, strictly but for white space.

    Raises:
        InputError: it is not base64.
    """
    try:
        return base64.b64decode("".join(text_of(element).split()), validate=True)
    except (binascii.Error, ValueError):
        raise malformed(f"{etree.QName(element).localname} is not base64") from None


def malformed(what: str) -> InputError:
    """Return the error for a message that is not made as WS-Security in this service asks."""
    return InputError(f"the message is not secured as it must be: {what}", "trust nothing in it; ask for it again")
