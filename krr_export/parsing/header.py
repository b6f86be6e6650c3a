"""The document's frame: everything around the records, checked by a real XML parser.

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
from krr_export.parsing.bounds import HOSTILE, excess
from krr_export.schema.record_schema import BUILT_IN, ROOT_ATTRIBUTES, load_schema, local_name, namespace
from krr_export.util.formatting import instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.schema.record_schema import RecordSchema

_MAX_NAMESPACES = 64
"""How many namespaces the root may declare: each is copied for each record that is validated. Real exports: three."""

MAX_PROLOG_BYTES = 1 << 20
"""How much may stand before the root's start tag ends. Real exports: some hundred bytes."""

_FED_BYTES = 1 << 20
"""libxml2 takes more than 10 MB at once for an attack."""

_EXPORTED_AT, _CHANGE_NUMBER = ROOT_ATTRIBUTES

_VERSION = re.compile(r"\d\d-\d\d\Z", flags=re.ASCII)
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?", flags=re.ASCII)
"""What is repeated in reports and messages: a longer fraction says no more, may spell a number, and have a megabyte."""

# The pieces of a prolog. They only find where the root's start tag ends: the parser judges what they hold.
_BESIDE_ELEMENTS = re.compile(rb"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_LATE_DECLARATION = re.compile(rb"\s++<\?xml\s")
_ANOTHER_DOCUMENT = re.compile(rb"(?:\s++|<\?(?!xml\s).*?\?>|<!--.*?-->)*+(?:<\?xml\s|<[^\s<>/!?])", re.DOTALL)
_ROOT_TAG = re.compile(rb"""<([^\s<>/!?"'=]++)(?:[^<>"']|"[^"]*"|'[^']*')*+>""")


@dataclass(frozen=True)
class Header:
    """What the export says of itself.

    Attributes:
        eksport_tidspunkt: when it was made, as written; the instant, where that is not written as usual.
        exported_at: the same in UTC.
        seneste_endringsnummer: the register's last change number in it.
        encoding: the encoding it was delivered in.
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
        empty: whether the root is closed in its start tag.
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
    """Where the white space, comments and processing instructions that stand at ``at`` end."""
    match = _BESIDE_ELEMENTS.match(data, at)
    return match.end() if match else at


def find_frame(head: bytes) -> Frame | None:
    """Find where the root's start tag ends, or ``None`` where ``head`` does not reach so far.

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


def another_document(tail: bytes) -> bool:
    """Whether what follows a root's end begins another document: two exports in a row, say."""
    return _ANOTHER_DOCUMENT.match(tail) is not None


def parser_options() -> dict[str, Any]:
    """How every parser here is set: nothing from outside, no entities, comments no part of values, UTF-8."""
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
    """Parse the document without its records: well-formed, or not.

    Args:
        frame: what stands before the records.
        tail: what follows the root's end tag.
        line_offset: how many lines the records take.

    Raises:
        InputError: it is not.
    """
    refusal = None
    try:
        root: etree._Element = etree.fromstring(frame.start + frame.end_tag + tail, etree.XMLParser(**parser_options()))
    except etree.XMLSyntaxError as error:
        refusal = not_well_formed(error, line_offset)
        if another_document(tail):
            line = (error.lineno or 1) + line_offset
            refusal = InputError(
                f"the document is not well-formed XML: line {line}: something stands after the root's end",
                "it begins another document: are they two exports in a row? Give each by itself",
            )
    if refusal is not None:
        raise refusal  # from out here: the parser's own error, which quotes the document, is not to hang on to it
    return root


def fault_in(*pieces: bytes, line_offset: int) -> InputError | None:
    """What is not well-formed in a document, which may be large and hostile: no tree is built of it.

    Args:
        pieces: the document.
        line_offset: what to add to the parser's lines.

    Returns:
        the first fault; ``None`` also where the document only ends too soon.
    """
    nobody: Any = _Nobody()
    parser = etree.XMLParser(target=nobody, **parser_options())
    try:
        for piece in pieces:
            for at in range(0, len(piece), _FED_BYTES):
                parser.feed(piece[at : at + _FED_BYTES])
    except etree.XMLSyntaxError as error:
        return not_well_formed(error, line_offset, parser.feed_error_log)
    return None


class _Nobody:
    """Whom a parser tells nothing: so it builds nothing either."""

    def close(self) -> None:
        """Nothing is to be given back."""


def not_well_formed(error: etree.XMLSyntaxError, line_offset: int, log: Iterable[etree._LogEntry] = ()) -> InputError:
    """The parser's complaint without the names and values that it quotes.

    Args:
        error: what it raised.
        line_offset: what to add to its line.
        log: the parser's own log: iterparse does not always raise what it logged.

    Raises:
        MemoryError: the complaint was that.
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
    if (too_much := excess(frame.root_tag)) is not None:
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
        eksport_tidspunkt=written if _USUAL_TIME.fullmatch(written) else instant(exported_at),
        exported_at=exported_at.astimezone(UTC),
        seneste_endringsnummer=int(Decimal(str(root.get(_CHANGE_NUMBER)))),  # int alone has a limit of digits
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
            f"the root is in the namespace {_display(namespace(tag))}, not in {namespace(expected)}",
            "is it the right file, and --schema the right version?",
        )
    for attribute in ROOT_ATTRIBUTES:
        if root.get(attribute) is None:
            raise InputError(f"the root's attribute {attribute} is missing", "ask the sender for a whole export")
    validator = schema.root_validator()
    validator.validate(root)
    # The records are not there: an XSD that asks for one at least says so here.
    complaints = [entry.message for entry in validator.error_log if entry.type_name != "SCHEMAV_ELEMENT_CONTENT"]
    if complaints:
        raise InputError(f"the root is not valid: {_complaint(complaints[0])}", "ask the sender for a valid export")


def _complaint(message: str) -> str:
    """What is wrong with the root, without quoting it."""
    for attribute in ROOT_ATTRIBUTES:
        if f"'{attribute}'" in message:
            return f"the value of {attribute} is not of its type"
    return "it has an attribute or text that the XSD does not allow"


def _display(uri: str) -> str:
    """A namespace as a message may show it: that of another version helps; any other is what the sender chose."""
    if not uri:
        return "none"
    built_in = (load_schema(name) for name in BUILT_IN)
    known = {namespace(tag) for schema in built_in for tag in (schema.root_tag, schema.record.tag)}
    is_known = _VERSION.sub("", uri) in {_VERSION.sub("", other) for other in known}
    return uri if is_known else f"of another kind ({mask(uri)})"


_MAYBE_REFERENCES = {etree.ErrorTypes.ERR_NAME_REQUIRED, etree.ErrorTypes.ERR_ENTITYREF_SEMICOL_MISSING}
"""Complaints that libxml2 makes of a bare ``&``, and of other things as well."""

_BARE_AMPERSAND = "an & begins no entity; itself it is written &amp;"
_ATTRIBUTE = "an attribute is not written as name, = and a quoted value"
_PROCESSING = "a processing instruction (<? ?>) is not written as XML asks"
_DECLARED = "the XML declaration is not written as XML asks"
_REFERENCE = "a reference to a character (&#…;) is wrong"
_NAMESPACE = "a namespace is declared that may not be, or a reserved prefix"
_COLON = "a name has a colon where none may be"
_TWICE = "an element has the same attribute twice"

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
    etree.ErrorTypes.ERR_ATTRIBUTE_REDEFINED: _TWICE,
    etree.ErrorTypes.NS_ERR_ATTRIBUTE_REDEFINED: _TWICE,
    etree.ErrorTypes.ERR_HYPHEN_IN_COMMENT: "a comment holds --",
    etree.ErrorTypes.ERR_COMMENT_NOT_FINISHED: "a comment does not end",
    etree.ErrorTypes.ERR_PI_NOT_STARTED: _PROCESSING,
    etree.ErrorTypes.ERR_PI_NOT_FINISHED: _PROCESSING,
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
    etree.ErrorTypes.ERR_XMLDECL_NOT_STARTED: _DECLARED,
    etree.ErrorTypes.ERR_XMLDECL_NOT_FINISHED: _DECLARED,
    etree.ErrorTypes.ERR_VERSION_MISSING: _DECLARED,
    etree.ErrorTypes.ERR_UNKNOWN_VERSION: _DECLARED,
    etree.ErrorTypes.ERR_STANDALONE_VALUE: _DECLARED,
    etree.ErrorTypes.ERR_ENCODING_NAME: _DECLARED,
}
