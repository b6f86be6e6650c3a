"""Read the header from the document's frame, which is everything around the records; a real XML parser checks it.

The prolog and the root's start tag become the `Header`; what follows the root's end tag is checked at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lxml import etree

from krr_export.domain.store_layout import export_name
from krr_export.domain.times import to_instant
from krr_export.errors import InputError
from krr_export.findings.finding import mask
from krr_export.input.archives import detect_foreign_format
from krr_export.parsing.bounds import HOSTILE, find_excess
from krr_export.schema.record_schema import BUILT_IN, ROOT_ATTRIBUTES, local_name, namespace
from krr_export.schema.registry import load_schema
from krr_export.util.formatting import format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.schema.record_schema import RecordSchema

_MAX_NAMESPACES = 64
"""Maximum of namespaces on the root: each is copied for every record that is validated. Real exports: three."""

MAX_PROLOG_BYTES = 1 << 20
"""Maximum size of the document up to the end of the root's start tag. Real exports: some hundred bytes."""

_FEED_BYTES = 1 << 20
"""libxml2 treats more than 10 MB at once as an attack."""

_EXPORTED_AT, _CHANGE_NUMBER = ROOT_ATTRIBUTES

_VERSION = re.compile(r"\d\d-\d\d\Z", flags=re.ASCII)
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?", flags=re.ASCII)
"""Times that reports and messages may quote: a longer fraction adds nothing, may spell a number, or take a megabyte."""

# The pieces of a prolog. They only find the end of the root's start tag: the parser checks their content.
_BESIDE_ELEMENTS = re.compile(rb"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_LATE_DECLARATION = re.compile(rb"\s++<\?xml\s")
_ANOTHER_DOCUMENT = re.compile(rb"(?:\s++|<\?(?!xml\s).*?\?>|<!--.*?-->)*+(?:<\?xml\s|<[^\s<>/!?])", re.DOTALL)
_ROOT_TAG = re.compile(rb"""<([^\s<>/!?"'=]++)(?:[^<>"']|"[^"]*"|'[^']*')*+>""")


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


def parser_options() -> dict[str, Any]:
    """Return the options of every parser here: nothing external, no entities, comments no part of values, UTF-8."""
    return {
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "dtd_validation": False,
        "huge_tree": False,
        "recover": False,
        "collect_ids": False,
        "remove_comments": True,
        "remove_pis": True,
        "strip_cdata": True,
        "encoding": "utf-8",
    }


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


def find_fault(*pieces: bytes, line_offset: int) -> InputError | None:
    """Find the first place where a document is not well-formed. No tree is built: it may be large and hostile.

    Args:
        pieces: the document.
        line_offset: what to add to the parser's lines.

    Returns:
        the error about it; ``None`` also if the document only ends too soon.
    """
    target: Any = _DiscardingTarget()
    parser = etree.XMLParser(target=target, **parser_options())
    try:
        for piece in pieces:
            for at in range(0, len(piece), _FEED_BYTES):
                parser.feed(piece[at : at + _FEED_BYTES])
    except etree.XMLSyntaxError as error:
        return not_well_formed(error, line_offset, parser.feed_error_log)
    return None


class _DiscardingTarget:
    """A parser target without event methods: the parser builds nothing for it."""

    def close(self) -> None:
        """Return no result."""


def not_well_formed(error: etree.XMLSyntaxError, line_offset: int, log: Iterable[etree._LogEntry] = ()) -> InputError:
    """Convert the parser's error to one without the names and values that it quotes.

    Args:
        error: the parser's error.
        line_offset: what to add to its line.
        log: the parser's own log: iterparse does not always raise what it logged.

    Raises:
        MemoryError: the parser ran out of memory.
    """
    code, line = error.code, error.lineno
    if not line:
        code, line = next(((entry.type, entry.line) for entry in log), (etree.ErrorTypes.ERR_NO_MEMORY, 0))
    if code == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError
    is_reference = code in _MAYBE_REFERENCES and "EntityRef" in (error.msg or "")
    reason = _BARE_AMPERSAND if is_reference else _REASONS.get(code, "its markup is broken")
    line += line_offset
    return InputError(f"the document is not well-formed XML: line {line}: {reason}", "ask the sender for one that is")


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


_MAYBE_REFERENCES = {etree.ErrorTypes.ERR_NAME_REQUIRED, etree.ErrorTypes.ERR_ENTITYREF_SEMICOL_MISSING}
"""libxml2's errors for a bare ``&``, but for other faults too."""

_BARE_AMPERSAND = "an & begins no entity; itself it is written &amp;"
_ATTRIBUTE = "an attribute is not written as name, = and a quoted value"
_INSTRUCTION = "a processing instruction (<? ?>) is not written as XML asks"
_DECLARATION = "the XML declaration is not written as XML asks"
_REFERENCE = "a reference to a character (&#…;) is wrong"
_NAMESPACE = "a namespace is declared that may not be, or a reserved prefix"
_COLON = "a name has a colon where none may be"
_REPEATED_ATTRIBUTE = "an element has the same attribute twice"

_REASONS: dict[int, str] = {
    etree.ErrorTypes.ERR_TAG_NAME_MISMATCH: "an end tag does not match its start tag",
    etree.ErrorTypes.ERR_TAG_NOT_FINISHED: "it ends within an element",
    etree.ErrorTypes.ERR_DOCUMENT_END: "something stands after the root's end",
    etree.ErrorTypes.ERR_DOCUMENT_EMPTY: "it is empty or does not begin with <",
    etree.ErrorTypes.ERR_UNDECLARED_ENTITY: "an entity is not declared",
    etree.ErrorTypes.ERR_INVALID_CHAR: "a character is not allowed in XML",
    etree.ErrorTypes.ERR_INVALID_ENCODING: "a byte is not valid in the document's encoding",
    etree.ErrorTypes.ERR_NAME_TOO_LONG: "a name is too long",
    etree.ErrorTypes.ERR_RESOURCE_LIMIT: "elements are nested too deep, or a text is too long",
    etree.ErrorTypes.WAR_NS_URI: "a namespace is not a URI",
    etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE: "a namespace prefix is not declared",
    etree.ErrorTypes.ERR_ENTITYREF_SEMICOL_MISSING: _BARE_AMPERSAND,
    etree.ErrorTypes.ERR_NAME_REQUIRED: "a < begins no tag, or a tag breaks off (a < in a text is written &lt;)",
    etree.ErrorTypes.ERR_GT_REQUIRED: "a tag does not end with >",
    etree.ErrorTypes.ERR_LT_IN_ATTRIBUTE: "a < stands in an attribute's value (there it is written &lt;)",
    etree.ErrorTypes.ERR_ATTRIBUTE_NOT_STARTED: _ATTRIBUTE,
    etree.ErrorTypes.ERR_ATTRIBUTE_NOT_FINISHED: _ATTRIBUTE,
    etree.ErrorTypes.ERR_ATTRIBUTE_WITHOUT_VALUE: _ATTRIBUTE,
    etree.ErrorTypes.ERR_SPACE_REQUIRED: "white space is missing, between attributes say",
    etree.ErrorTypes.ERR_ATTRIBUTE_REDEFINED: _REPEATED_ATTRIBUTE,
    etree.ErrorTypes.NS_ERR_ATTRIBUTE_REDEFINED: _REPEATED_ATTRIBUTE,
    etree.ErrorTypes.ERR_HYPHEN_IN_COMMENT: "a comment holds --",
    etree.ErrorTypes.ERR_COMMENT_NOT_FINISHED: "a comment does not end",
    etree.ErrorTypes.ERR_PI_NOT_STARTED: _INSTRUCTION,
    etree.ErrorTypes.ERR_PI_NOT_FINISHED: _INSTRUCTION,
    etree.ErrorTypes.NS_ERR_COLON: _COLON,
    etree.ErrorTypes.NS_ERR_QNAME: _COLON,
    etree.ErrorTypes.NS_ERR_XML_NAMESPACE: _NAMESPACE,
    etree.ErrorTypes.NS_ERR_EMPTY: _NAMESPACE,
    etree.ErrorTypes.ERR_MISPLACED_CDATA_END: "]]> stands in a text (there it is written ]]&gt;)",
    etree.ErrorTypes.ERR_CDATA_NOT_FINISHED: "a CDATA section does not end",
    etree.ErrorTypes.ERR_RESERVED_XML_NAME: "an XML declaration stands elsewhere than at the very beginning",
    etree.ErrorTypes.ERR_INVALID_HEX_CHARREF: _REFERENCE,
    etree.ErrorTypes.ERR_INVALID_DEC_CHARREF: _REFERENCE,
    etree.ErrorTypes.ERR_INVALID_CHARREF: _REFERENCE,
    etree.ErrorTypes.ERR_XMLDECL_NOT_STARTED: _DECLARATION,
    etree.ErrorTypes.ERR_XMLDECL_NOT_FINISHED: _DECLARATION,
    etree.ErrorTypes.ERR_VERSION_MISSING: _DECLARATION,
    etree.ErrorTypes.ERR_UNKNOWN_VERSION: _DECLARATION,
    etree.ErrorTypes.ERR_STANDALONE_VALUE: _DECLARATION,
    etree.ErrorTypes.ERR_ENCODING_NAME: _DECLARATION,
}
