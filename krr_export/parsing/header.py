"""Read the header from the document's frame, which is everything around the records; a real XML parser checks it.

The prolog and the root's start tag become the `Header`; what follows the root's end tag is checked at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.domain.store_layout import export_name
from krr_export.domain.times import to_instant
from krr_export.errors import InputError
from krr_export.findings.detail import mask
from krr_export.input.archives import detect_foreign_format
from krr_export.parsing.xml.bounds import HOSTILE, find_excess
from krr_export.parsing.xml.expressions import possessive
from krr_export.parsing.xml.well_formed import not_well_formed, parser_options
from krr_export.schema.record_schema import BUILT_IN, ROOT_ATTRIBUTES
from krr_export.schema.registry import load_schema
from krr_export.util.formatting import format_utc
from krr_export.util.tags import local_name, namespace

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema

_MAX_NAMESPACES = 64
"""Maximum of namespaces on the root: each is copied for every record that is validated. Real exports: three."""

MAX_PROLOG_BYTES = 1 << 20
"""Maximum size of the document up to the end of the root's start tag. Real exports: some hundred bytes."""

_EXPORTED_AT, _CHANGE_NUMBER = ROOT_ATTRIBUTES

_VERSION = re.compile(r"\d\d-\d\d\Z", flags=re.ASCII)
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?", flags=re.ASCII)
"""Times that reports and messages may quote: a longer fraction adds nothing, may spell a number, or take a megabyte."""

# The pieces of a prolog. They only find the end of the root's start tag: the parser checks their content.
_BESIDE_ELEMENTS = re.compile(possessive(rb"\s++|<\?.*?\?>|<!--.*?-->"), re.DOTALL)
_LATE_DECLARATION = re.compile(rb"\s++<\?xml\s")
_ANOTHER_DOCUMENT = re.compile(
    possessive(rb"\s++|<\?(?!xml\s).*?\?>|<!--.*?-->") + rb"(?:<\?xml\s|<[^\s<>/!?])", re.DOTALL
)
_ROOT_TAG = re.compile(rb"""<([^\s<>/!?"'=]++)""" + possessive(rb"""[^<>"']|"[^"]*"|'[^']*'""") + rb">")


@dataclass(frozen=True)
class Header:
    """What an export states about itself.

    Attributes:
        eksport_tidspunkt: when it was made, as written; or the instant, if that is not written as usual.
        exported_at: the same in UTC.
        seneste_endringsnummer: the register's last change number in it.
        encoding: the encoding of the delivered document.
        namespaces: the root's namespace declarations by prefix; ``""`` is the default namespace.
    """

    eksport_tidspunkt: str
    exported_at: datetime
    seneste_endringsnummer: int
    encoding: str
    namespaces: dict[str, str]

    @property
    def export_name(self) -> str:
        """The name of the export's directory in a store: ``eksport=20140226T112225Z``."""
        return export_name(self.exported_at)


@dataclass(frozen=True)
class Frame:
    """The bytes (UTF-8) before and after the records.

    Attributes:
        prolog: everything before the root's start tag.
        root_tag: the root's start tag.
        root_name: the root's name as written, with its prefix.
        empty: whether the root is an empty-element tag.
    """

    prolog: bytes
    root_tag: bytes
    root_name: bytes
    empty: bool

    @property
    def start(self) -> bytes:
        """The document up to its first record."""
        return self.prolog + self.root_tag

    @property
    def end_tag(self) -> bytes:
        """An end tag for the root, whether or not the document needs one."""
        return b"" if self.empty else b"</" + self.root_name + b">"


def skip_misc(data: bytes, at: int = 0) -> int:
    """Return the end of the white space, comments and processing instructions that begin at ``at``."""
    match = _BESIDE_ELEMENTS.match(data, at)
    return match.end() if match else at


def find_frame(head: bytes) -> Frame | None:
    """Find the document's frame; return ``None`` if ``head`` ends before the root's start tag does.

    Raises:
        InputError: the document has a DOCTYPE, or is not XML.
    """
    if foreign := detect_foreign_format(head):
        what, hint = foreign
        raise InputError(f"the input is not XML: it is {what}", hint)
    if _LATE_DECLARATION.match(head):
        raise InputError(
            "the document is not well-formed XML: white space stands before its XML declaration",
            "ask the sender to begin it with the declaration; or remove what stands before",
        )
    at = skip_misc(head)
    rest = head[at : at + 9]
    if rest.upper() == b"<!DOCTYPE":
        raise InputError("the document has a DOCTYPE, which is not allowed", "ask the sender for an export without it")
    if rest and not rest.startswith(b"<"):
        raise InputError("the input is not XML: its first character is not <", "is it an export, or its .gz?")
    tag = _ROOT_TAG.match(head, at)
    if tag is None:
        return None
    return Frame(head[:at], tag[0], tag[1], empty=tag[0].endswith(b"/>"))


def begins_another_document(tail: bytes) -> bool:
    """Return whether the bytes after a root begin another document, as with two exports in a row."""
    return _ANOTHER_DOCUMENT.match(tail) is not None


def parse_frame(frame: Frame, tail: bytes = b"", *, line_offset: int = 0) -> etree._Element:
    """Parse the document without its records, and return the root.

    Args:
        frame: the bytes before the records.
        tail: the bytes after the root's end tag.
        line_offset: the number of lines that the records take.

    Raises:
        InputError: it is not well-formed.
    """
    refusal = None
    try:
        root: etree._Element = etree.fromstring(frame.start + frame.end_tag + tail, etree.XMLParser(**parser_options()))
    except etree.XMLSyntaxError as error:
        refusal = not_well_formed(error, line_offset)
        if begins_another_document(tail):
            line = (error.lineno or 1) + line_offset
            refusal = InputError(
                f"the document is not well-formed XML: line {line}: something stands after the root's end",
                "it begins another document: are they two exports in a row? Give each by itself",
            )
    if refusal is not None:
        raise refusal  # raised here, so that the parser's error, which quotes the document, is not its context
    return root


def read_header(frame: Frame, schema: RecordSchema, encoding: str) -> Header:
    """Check the root against the schema and read its attributes.

    Raises:
        InputError: another root or namespace, attributes missing or invalid, not well-formed.
    """
    if (too_much := find_excess(frame.root_tag)) is not None:
        raise InputError(f"the root's start tag has {too_much}", HOSTILE)
    root = parse_frame(frame)
    if len(root.nsmap) > _MAX_NAMESPACES:
        raise InputError(f"the root declares more than {_MAX_NAMESPACES} namespaces", "is it hostile?")
    _check_root(root, schema)
    written = str(root.get(_EXPORTED_AT)).strip()
    exported_at = to_instant(written)
    if exported_at is None:
        raise InputError(f"the root's {_EXPORTED_AT} lies outside the years 0001 to 9999", "no snapshot can be named")
    return Header(
        eksport_tidspunkt=written if _USUAL_TIME.fullmatch(written) else format_utc(exported_at),
        exported_at=exported_at.astimezone(UTC),
        seneste_endringsnummer=int(Decimal(str(root.get(_CHANGE_NUMBER)))),  # int alone limits the number of digits
        encoding=encoding,
        namespaces={prefix or "": uri for prefix, uri in root.nsmap.items()},
    )


def _check_root(root: etree._Element, schema: RecordSchema) -> None:
    tag = str(root.tag)
    expected = schema.root_tag
    if local_name(tag) != local_name(expected):
        raise InputError(
            f"the document is not an export: its root is not {local_name(expected)}", "is it the right file?"
        )
    if tag != expected:
        raise InputError(
            f"the root is in the namespace {_describe_namespace(namespace(tag))}, not in {namespace(expected)}",
            "is it the right file, and --schema the right version?",
        )
    for attribute in ROOT_ATTRIBUTES:
        if root.get(attribute) is None:
            raise InputError(f"the root's attribute {attribute} is missing", "ask the sender for a whole export")
    validator = schema.root_validator()
    validator.validate(root)
    # The records are left out here: an XSD that requires at least one gives this error.
    complaints = [entry.message for entry in validator.error_log if entry.type_name != "SCHEMAV_ELEMENT_CONTENT"]
    if complaints:
        raise InputError(
            f"the root is not valid: {_describe_root_error(complaints[0])}", "ask the sender for a valid export"
        )


def _describe_root_error(message: str) -> str:
    """Say what is wrong with the root, without quoting it."""
    for attribute in ROOT_ATTRIBUTES:
        if f"'{attribute}'" in message:
            return f"the value of {attribute} is not of its type"
    return "it has an attribute or text that the XSD does not allow"


def _describe_namespace(uri: str) -> str:
    """Describe a namespace in a message: quote it only if it is that of another version, not chosen by the sender."""
    if not uri:
        return "none"
    built_in = (load_schema(name) for name in BUILT_IN)
    known = {namespace(tag) for schema in built_in for tag in (schema.root_tag, schema.record.tag)}
    is_known = _VERSION.sub("", uri) in {_VERSION.sub("", other) for other in known}
    return uri if is_known else f"of another kind ({mask(uri)})"
