"""Errors about an unusable XSD, in our own words: of a library's message, only the kind and the location are used."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from lxml import etree

_CHECK = "check it with an editor for XSD, or xmllint --noout --schema"
_NAME = re.compile(r"[\w.:-]{1,100}")
_SCHEMA = "{http://www.w3.org/2001/XMLSchema}"
_COMPILING = threading.Lock()
"""libxml2 makes its table of types with the first schema, and no lock: two at once may spoil it for good."""


def compile_xsd(path: str) -> etree.XMLSchema:
    """Compile an XSD with libxml2.

    Raises:
        MemoryError: libxml2 ran out of memory.
        UsageError: libxml2 cannot use it.
    """
    from lxml import etree  # noqa: PLC0415 - slow to import, and needed only to validate

    try:
        document = etree.parse(path, etree.XMLParser(no_network=True, resolve_entities=False))
        dtd = document.docinfo.internalDTD
        if dtd is not None and any(True for _ in dtd.iterentities()):
            raise _refusal(Path(path), "it has a DOCTYPE with entities", "write what they stand for in their place")
        with _COMPILING:
            return etree.XMLSchema(document)
    except OSError:
        raise UsageError(f"the schema {Path(path).name} cannot be read", "check --schema") from None
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError) as error:
        if any(entry.type == etree.ErrorTypes.ERR_NO_MEMORY for entry in error.error_log):
            raise MemoryError from None  # then its message about the XSD is wrong
        raise _refusal(Path(path), _describe_libxml2_error(error)) from None


def to_usage_error(path: Path, error: Exception) -> UsageError:
    """Return the error to raise about an XSD that `xmlschema` refuses.

    If libxml2 refuses it too, its error is used, because it has the line.
    """
    component = _describe_component(getattr(error, "elem", None))
    try:
        compile_xsd(str(path))
    except UsageError as refusal:
        return UsageError(f"{refusal.message}{component and f', at {component}'}", refusal.hint)
    return _refusal(path, f"{component} is not as XSD 1.0 has it" if component else "it breaks a rule of XSD 1.0")


def _refusal(path: Path, why: str, hint: str = _CHECK) -> UsageError:
    return UsageError(f"{path.name} is not a usable XSD: {why}", hint)


def _describe_libxml2_error(error: etree.LxmlError) -> str:
    """Say on which line libxml2 refuses an XSD, and whether as XML or as XSD."""
    located = [entry for entry in error.error_log if entry.line]
    if not located:
        return "libxml2 cannot use it"
    first = located[0]
    what = "not well-formed XML" if first.domain_name == "PARSER" else "no valid XSD"
    file = f" of {Path(first.filename).name}" if Path(first.filename).suffix else ""
    return f"line {first.line}{file} is {what}"


def _describe_component(element: object) -> str:
    """Describe an element of an XSD, such as ``xs:element mobiltelefonnummer``; empty if it has no useful name."""
    tag, attributes = getattr(element, "tag", None), getattr(element, "attrib", {})
    if not isinstance(tag, str) or not tag.startswith(_SCHEMA) or tag == f"{_SCHEMA}schema":
        return ""
    name = attributes.get("name") or attributes.get("ref") or ""
    return f"xs:{tag.removeprefix(_SCHEMA)}{f' {name}' if _NAME.fullmatch(name) else ''}"
