"""What is wrong with an XSD, in our words: of what libraries say of it, only its kind and its place are used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from lxml import etree

_CHECK = "check it with an editor for XSD, or xmllint --noout --schema"
_NAME = re.compile(r"[\w.:-]{1,100}")
_SCHEMA = "{http://www.w3.org/2001/XMLSchema}"


def compiled(path: str) -> etree.XMLSchema:
    """The XSD as libxml2 judges by it.

    Raises:
        MemoryError: libxml2 got none.
        UsageError: libxml2 cannot use it.
    """
    from lxml import etree  # noqa: PLC0415 - only who validates pays for it

    try:
        document = etree.parse(path, etree.XMLParser(no_network=True, resolve_entities=False))
        dtd = document.docinfo.internalDTD
        if dtd is not None and any(True for _ in dtd.iterentities()):
            raise _refused(Path(path), "it has a DOCTYPE with entities", "write what they stand for in their place")
        return etree.XMLSchema(document)
    except OSError:
        raise UsageError(f"the schema {Path(path).name} cannot be read", "check --schema") from None
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError) as error:
        if any(entry.type == etree.ErrorTypes.ERR_NO_MEMORY for entry in error.error_log):
            raise MemoryError from None  # what it says of the XSD then is not the XSD's fault
        raise _refused(Path(path), _by_libxml2(error)) from None


def unusable(path: Path, error: Exception) -> UsageError:
    """What to raise of an XSD that `xmlschema` refuses with an error.

    libxml2 is asked for the line: it knows it, where it refuses the same.
    """
    named = _component(getattr(error, "elem", None))
    try:
        compiled(str(path))
    except UsageError as refused:
        return UsageError(f"{refused.message}{named and f', at {named}'}", refused.hint)
    return _refused(path, f"{named} is not as XSD 1.0 has it" if named else "it breaks a rule of XSD 1.0")


def _refused(path: Path, why: str, hint: str = _CHECK) -> UsageError:
    return UsageError(f"{path.name} is not a usable XSD: {why}", hint)


def _by_libxml2(error: etree.LxmlError) -> str:
    """Where libxml2 refuses it, and whether as XML or as XSD."""
    entries = [entry for entry in error.error_log if entry.line]
    if not entries:
        return "libxml2 cannot use it"
    first = entries[0]
    what = "not well-formed XML" if first.domain_name == "PARSER" else "no valid XSD"
    file = f" of {Path(first.filename).name}" if Path(first.filename).suffix else ""
    return f"line {first.line}{file} is {what}"


def _component(element: object) -> str:
    """How to call an element of an XSD: ``xs:element mobiltelefonnummer``."""
    tag, attributes = getattr(element, "tag", None), getattr(element, "attrib", {})
    if not isinstance(tag, str) or not tag.startswith(_SCHEMA) or tag == f"{_SCHEMA}schema":
        return ""
    name = attributes.get("name") or attributes.get("ref") or ""
    return f"xs:{tag.removeprefix(_SCHEMA)}{f' {name}' if _NAME.fullmatch(name) else ''}"
