"""Messages judged by the XSDs of the services; Person is that of the export's own schema."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.changes.soap.names import PROVIDERS_V1, SERVICE_14_05, SERVICE_16_02
from krr_export.errors import InputError
from krr_export.schema.registry import XSD

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES = {
    SERVICE_16_02: "oppslagstjeneste-ws-16-02.xsd",
    SERVICE_14_05: "oppslagstjeneste-ws-14-05.xsd",
    PROVIDERS_V1: "postkasseleverandoer-messages.xsd",
}
REQUEST, ANSWER = "Forespoersel", "Respons"
"""How the names of messages end."""


def check_known(message: etree._Element, ending: str) -> None:
    """Check that a message is one of the services', and a request or an answer.

    Raises:
        InputError: it is not.
    """
    name = etree.QName(message)
    if not name.localname.endswith(ending) or name.localname not in _message_names(name.namespace or ""):
        what = "an answer of" if ending == ANSWER else "a request to"
        raise InputError(
            f"the body is not {what} Oppslagstjenesten or the mailbox providers' service", "is it another service's?"
        )


def find_faults(message: etree._Element) -> list[str]:
    """Say where a message of a known service breaks its XSD: paths of names and ordinals, without values."""
    schema = _schema(etree.QName(message).namespace or "")
    document = etree.ElementTree(etree.fromstring(etree.tostring(message)))
    return [] if schema.validate(document) else list(dict.fromkeys(_places(schema)))


def _places(schema: etree.XMLSchema) -> Iterator[str]:
    for entry in schema.error_log:
        steps = re.findall(r"/(?:[\w.-]+:)?([\w.-]{1,64}|\*)(\[\d+\])?", entry.path or "")
        yield "/".join(f"{name}{ordinal}" for name, ordinal in steps) or "the message"


@cache
def _schema(namespace: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(XSD / _FILES[namespace]))


@cache
def _message_names(namespace: str) -> frozenset[str]:
    if namespace not in _FILES:
        return frozenset()
    root = etree.parse(XSD / _FILES[namespace]).getroot()
    return frozenset(element.get("name", "") for element in root.findall("{*}element"))
