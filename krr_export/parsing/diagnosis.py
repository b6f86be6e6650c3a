"""Explain why the XSD refuses a record, in findings that quote nothing.

libxml2's messages quote values and names chosen by the sender. Only the kind of error and names of the schema are taken
from them. Values are looked up in the record and masked.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from krr_export.findings.detail import Detail, Requirement, mask
from krr_export.findings.finding import DATABASE_NULL, KNOWN_OLD_NAMES, Finding
from krr_export.util.tags import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lxml import etree

    from krr_export.findings.detail import DetailKind
    from krr_export.schema.record_schema import Element, Field, RecordSchema

_FACET_CODES = {
    "SCHEMAV_CVC_LENGTH_VALID": "value-length",
    "SCHEMAV_CVC_MINLENGTH_VALID": "value-too-short",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "value-too-long",
    "SCHEMAV_CVC_ENUMERATION_VALID": "value-not-in-list",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "value-type",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_2": "value-type",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_3": "value-type",
    "SCHEMAV_CVC_PATTERN_VALID": "value-facet",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "value-facet",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "value-facet",
    "SCHEMAV_CVC_MINEXCLUSIVE_VALID": "value-facet",
    "SCHEMAV_CVC_MAXEXCLUSIVE_VALID": "value-facet",
    "SCHEMAV_CVC_TOTALDIGITS_VALID": "value-facet",
    "SCHEMAV_CVC_FRACTIONDIGITS_VALID": "value-facet",
    "SCHEMAV_CVC_FACET_VALID": "value-facet",
}
_OTHER_CODES: dict[str, tuple[str, DetailKind]] = {
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": ("attribute-unexpected", "attribute unknown"),
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": ("attribute-unexpected", "attribute unknown"),
    "SCHEMAV_CVC_TYPE_3_1_1": ("attribute-unexpected", "attribute unknown"),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": ("element-unexpected", "element in nothing"),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": ("element-unexpected", "element in text"),
    "SCHEMAV_CVC_TYPE_3_1_2": ("element-unexpected", "element in text"),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": ("text-unexpected", "text among elements"),
}
_ATTRIBUTE_MISSING = "SCHEMAV_CVC_COMPLEX_TYPE_4"
_CONTENT = "SCHEMAV_ELEMENT_CONTENT"
_NOT_NILLABLE = "SCHEMAV_CVC_ELT_3_1"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
"""The namespace of ``xsi:nil`` and ``xsi:type``, which Java's and .NET's serialisers add to elements."""

_IS_DATABASE_NULL = Detail("database null")
_REFUSED = Finding("record-invalid", None, Detail("refused"))

_ANY_OLD_NAME = [f"{{*}}{name}" for name in KNOWN_OLD_NAMES]

_ATTRIBUTE_NAME = re.compile(r"^Element '[^']*', attribute '([^']*)'")
_MISSING_ATTRIBUTE = re.compile(r"attribute '([^']*)' is required but missing\.$")
_MISSING_CHILD = re.compile(r"': Missing child element\(s\)\.[^']*$")
_EXPECTED = re.compile(r"Expected is(?: one of)? \( ([^()]*) \)\.$")


class Diagnosis:
    """Turns libxml2's errors about a record into findings."""

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._fields = {field.path: (column, field) for column, field in enumerate(schema.fields)}
        self._known_paths = set(_walk_paths(schema.record))
        self._known = {element.tag: element for element in schema.record.walk()}
        self._known_locals = {element.local_name for element in schema.record.walk()}

    def findings(self, record: etree._Element, log: Iterable[etree._LogEntry]) -> tuple[Finding, ...]:
        """Return what is wrong with a record, one finding for each element or attribute concerned.

        libxml2 may report several errors about one value (not in the list, so not of the type): the first is kept.
        """
        found: dict[tuple[str | None, str | None], Finding] = {}
        for entry in log:
            attribute = _ATTRIBUTE_NAME.match(entry.message)
            place = (entry.path, attribute[1] if attribute else None)
            if place not in found:
                found[place] = self._diagnose(record, entry, place[1])
        # libxml2 reports only the first of several unexpected elements in one parent.
        every = dict.fromkeys([*found.values(), *self._find_old_names(record)])
        return tuple(every) or (_REFUSED,)

    def wrong_type(self, column: int, value: str) -> Finding:
        """Return the finding about a value that is not of its field's type."""
        return self._value_finding("value-type", self._schema.fields[column], value)

    def _diagnose(self, record: etree._Element, entry: etree._LogEntry, attribute: str | None) -> Finding:
        element = _locate(record, entry.path)
        if element is None:
            return _REFUSED
        kind = entry.type_name
        path = self._path(record, element)
        if kind == _NOT_NILLABLE or (attribute or "").startswith(_XSI):
            name = "nil" if kind == _NOT_NILLABLE else local_name(str(attribute))
            known = name in {"nil", "type"}
            detail = Detail("attribute of XML Schema", name=f"xsi:{name}") if known else Detail("attribute unknown")
            return Finding("attribute-unexpected", _label(path), detail)
        if kind == _CONTENT:
            return self._diagnose_content(element, path, entry.message)
        if kind in _FACET_CODES:
            return self._diagnose_facet(_FACET_CODES[kind], element, path, attribute)
        if kind == _ATTRIBUTE_MISSING and (missing := _MISSING_ATTRIBUTE.search(entry.message)):
            return Finding("attribute-missing", _label((*path, f"@{missing[1]}")), Detail("attribute missing"))
        code, what = _OTHER_CODES.get(kind, ("record-invalid", "refused"))
        return Finding(code, _label(path), Detail(what))

    def _find_old_names(self, record: etree._Element) -> Iterator[Finding]:
        for child in record.iter(*_ANY_OLD_NAME):
            parent = child.getparent()
            if child is record or parent is None or not self._is_old(child):
                continue
            parent_path = self._path(record, parent)
            if parent_path in self._known_paths:  # else a sender could invent as many fields as there are records
                yield self._old_name_finding(child, parent_path)
                yield from self._find_database_nulls(child, (*parent_path, KNOWN_OLD_NAMES[local_name(str(child.tag))]))

    def _find_database_nulls(self, element: etree._Element, path: tuple[str, ...]) -> Iterator[Finding]:
        """Yield findings for a database's NULL in an element with an old name or its attributes, under the new name."""
        if "".join(map(str, element.itertext())).strip() == DATABASE_NULL:
            yield Finding("database-null", _label(path), _IS_DATABASE_NULL)
        for name, value in element.attrib.items():
            attribute = (*path, f"@{local_name(str(name))}")
            if value == DATABASE_NULL and attribute in self._fields:
                yield Finding("database-null", _label(attribute), _IS_DATABASE_NULL)

    def _is_old(self, element: etree._Element) -> bool:
        return element.tag not in self._known and local_name(str(element.tag)) in KNOWN_OLD_NAMES

    def _old_name_finding(self, element: etree._Element, parent_path: tuple[str, ...]) -> Finding:
        name = local_name(str(element.tag))
        detail = Detail("element of an old name", name=name)
        return Finding("old-element-name", _label((*parent_path, KNOWN_OLD_NAMES[name])), detail)

    def _path(self, record: etree._Element, element: etree._Element) -> tuple[str, ...]:
        """Return local names from the record down to ``element``, empty for the record; unknown names are masked."""
        names: list[str] = []
        while element is not record and (parent := element.getparent()) is not None:
            known = element.tag in self._known
            names.insert(0, local_name(str(element.tag)) if known else "(unknown)")
            element = parent
        return tuple(names)

    def _diagnose_content(self, element: etree._Element, path: tuple[str, ...], message: str) -> Finding:
        match = _EXPECTED.search(message)
        expected = [local_name(name) for name in match[1].split(", ")] if match else []
        if _MISSING_CHILD.search(message):
            return Finding("element-missing", _label((*path, *expected[:1])), Detail("element missing"))
        name = local_name(str(element.tag))
        parent_path = path[:-1]
        if self._is_old(element):
            return self._old_name_finding(element, parent_path)
        if element.tag not in self._known:
            if name in self._known_locals:
                detail = Detail("element of another namespace")
                return Finding("element-namespace", _label((*parent_path, name)), detail)
            return Finding("element-unexpected", _label(parent_path), Detail("element unknown"))
        if len(expected) == 1 and not _follows(element, expected[0]):
            return Finding("element-missing", _label((*parent_path, expected[0])), Detail("element missing"))
        return Finding("element-unexpected", _label(path), Detail("element misplaced"))

    def _diagnose_facet(
        self, code: str, element: etree._Element, path: tuple[str, ...], attribute: str | None
    ) -> Finding:
        if attribute is None:
            value = element.text or ""
        else:
            value = element.get(attribute) or ""
            path = (*path, f"@{local_name(attribute)}")
        if path not in self._fields:
            return Finding(code, _label(path[:-1]), mask(value))
        return self._value_finding(code, self._fields[path][1], value)

    def _value_finding(self, code: str, field: Field, value: str) -> Finding:
        if value == DATABASE_NULL:
            return Finding("database-null", field.label, _IS_DATABASE_NULL)
        return Finding(code, field.label, mask(value, _requirement(code, field)))


def _walk_paths(element: Element, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of an element of the schema and of all below it."""
    yield path
    for child in element.children:
        yield from _walk_paths(child, (*path, child.local_name))


def measure_depth(record: etree._Element, limit: int) -> int:
    """Return the depth of a record in elements, itself included; stop counting just past ``limit``."""
    depth = 0
    level = [record]
    while level and depth <= limit:
        depth += 1
        level = [child for element in level for child in element]
    return depth


def _requirement(code: str, field: Field) -> Requirement:
    """Return what the XSD requires of the field's value."""
    facets = field.facets
    match code:
        case "value-length":
            return Requirement("length", str(facets.min_length))
        case "value-too-short":
            return Requirement("minLength", str(facets.min_length))
        case "value-too-long":
            return Requirement("maxLength", str(facets.max_length))
        case "value-not-in-list":
            return Requirement("enumeration", ", ".join(facets.enumeration))
        case "value-type":
            return Requirement("type", field.base)
    return Requirement("other", "")


def _label(path: tuple[str, ...]) -> str | None:
    return "/".join(path) or None


def _follows(element: etree._Element, name: str) -> bool:
    """Return whether a later sibling has that local name: then it is out of order rather than missing."""
    return any(local_name(str(sibling.tag)) == name for sibling in element.itersiblings())


def _locate(record: etree._Element, path: str | None) -> etree._Element | None:
    """Return the element at a libxml2 node path such as ``/*/*[2]/m:status``, whose first step is the record."""
    if path is None:
        return None
    element = record
    # Not with XPath: it allows fewer names than XML, and only one namespace for a prefix.
    for step in path.split("/")[2:]:
        name, _, position = step.rstrip("]").partition("[")
        # Stop at the element that is meant: it may have thousands of siblings.
        candidates = (child for child in element if name in {"*", _path_step(child)})
        found = next(islice(candidates, int(position or 1) - 1, None), None)
        if found is None:
            return None
        element = found
    return element


def _path_step(element: etree._Element) -> str:
    """Return the step to an element in a libxml2 node path, without its position."""
    if element.prefix is not None:
        return f"{element.prefix}:{local_name(str(element.tag))}"
    return "*" if namespace(str(element.tag)) else str(element.tag)
