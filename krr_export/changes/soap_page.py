"""A page of the old web service: ``HentEndringerRespons``, on its own or in a SOAP envelope."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.changes.page import Page, PagePerson, PageRange
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import InputError
from krr_export.input.http.rest_document import AGAIN
from krr_export.parsing.xml.bounds import HOSTILE, find_excess_of_tags
from krr_export.parsing.xml.encoding import as_utf8
from krr_export.parsing.xml.well_formed import parser_options
from krr_export.util.tags import local_name, namespace

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema

_RESPONSE = re.compile(r"\{http://kontaktinfo\.difi\.no/xsd/oppslagstjeneste/(?:14-05|16-02)\}HentEndringerRespons")
_ENVELOPES = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
"""The namespaces of SOAP 1.1 and 1.2."""
_ENCRYPTED = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"
_FAULT_CODES = ("Client", "Server", "Sender", "Receiver", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown")
_LONG = re.compile(r"[ \t\r\n]*([+-]?[0-9]{1,19})[ \t\r\n]*", re.ASCII)
_NOT_A_PAGE = "a page is a HentEndringerRespons of 14-05 or 16-02, on its own or in a SOAP envelope"


def read_soap_page(name: str, content: bytes, sha256: str, schema: RecordSchema) -> Page:
    """Read a page.

    Args:
        name: of the page, for messages.
        content: XML.
        sha256: of its content.
        schema: of the records that its persons become; elements that only another version has are left out.

    Raises:
        InputError: it is not well-formed, is encrypted, is a fault, or is anything else than a page.
    """
    response = _find_response(name, _parse(name, content))
    first, last, latest = (read_number(name, response, key) for key in ("fra", "til", "seneste"))
    known = {child.tag for child in schema.record.children}
    persons, unused = [], 0
    for child in response:
        if child.tag != schema.record.tag:
            raise InputError(f"{name}: the answer holds something else than persons", _NOT_A_PAGE)
        foreign = [one for one in child if one.tag not in known and local_name(str(one.tag)) in _OTHER_VERSIONS]
        for one in foreign:
            child.remove(one)
        unused += len(foreign)
        persons.append(_person(child))
    return Page(PageRange(name, "soap", first, last, latest, sha256), tuple(persons), unused)


_OTHER_VERSIONS = ("varslingsstatus", "beskrivelse")
"""Elements that one version of the person has and the other has not: they depend on the day, or are for people."""


def _parse(name: str, content: bytes) -> etree._Element:
    try:
        utf_8 = b"".join(as_utf8([content]).pieces)
    except InputError as error:
        raise InputError(f"{name}: {error.message}", error.hint) from None
    if (too_much := find_excess_of_tags(utf_8)) is not None:
        raise InputError(f"{name} has {too_much}", HOSTILE)
    try:
        root: etree._Element = etree.fromstring(utf_8, etree.XMLParser(**parser_options()))
    except etree.XMLSyntaxError:
        raise InputError(f"{name} is not well-formed XML", AGAIN) from None
    if root.getroottree().docinfo.doctype:
        raise InputError(f"{name} has a DOCTYPE, which no page has", "ask who made it")
    return root


def _find_response(name: str, root: etree._Element) -> etree._Element:
    if _RESPONSE.fullmatch(str(root.tag)):
        return root
    envelope = next((space for space in _ENVELOPES if root.tag == f"{{{space}}}Envelope"), None)
    body = root.findall(f"{{{envelope}}}Body") if envelope else []
    if len(body) != 1 or len(body[0]) != 1:
        raise InputError(f"{name} is no page of changes", _NOT_A_PAGE)
    content = body[0][0]
    if content.tag == _ENCRYPTED:
        raise InputError(f"{name} is encrypted", "open it first: krr-export soap open")
    if content.tag == f"{{{envelope}}}Fault":
        raise InputError(
            f"{name} is a fault ({_fault_code(content)}) instead of an answer",
            AGAIN,
        )
    if not _RESPONSE.fullmatch(str(content.tag)):
        raise InputError(f"{name} is no page of changes", _NOT_A_PAGE)
    return content


def _fault_code(fault: etree._Element) -> str:
    """Return a fault's code, if it is one of the standard's; all else is the sender's text."""
    space = f"{{{namespace(str(fault.tag))}}}"
    code = fault.findtext(f"{space}Code/{space}Value") or fault.findtext("faultcode") or ""  # of SOAP 1.2, or 1.1
    name = code.rpartition(":")[2].strip()
    return name if name in _FAULT_CODES else "no known code"


def read_number(name: str, response: etree._Element, which: str) -> int:
    """Return one of the change numbers of a HentEndringerRespons.

    Args:
        name: of the page, for messages.
        response: the message.
        which: fra, til or seneste.

    Raises:
        InputError: it is missing, or no whole number.
    """
    written = response.get(f"{which}EndringsNummer")
    match = _LONG.fullmatch(written or "")
    if match is None:
        raise InputError(f"{name}: {which}EndringsNummer is missing or no whole number", AGAIN)
    return int(match[1])


def _person(element: etree._Element) -> PagePerson:
    identifier = next((one.text or "" for one in element if local_name(str(one.tag)) == IDENTIFIER), "")
    return PagePerson(
        identifier.strip(), etree.tostring(element, encoding="UTF-8", xml_declaration=False, with_tail=False)
    )
