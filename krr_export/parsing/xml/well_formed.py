"""Well-formedness: how documents are parsed, and what is wrong with one, without what libxml2 quotes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import etree

from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

_FEED_BYTES = 1 << 20
"""libxml2 treats more than 10 MB at once as an attack."""

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
