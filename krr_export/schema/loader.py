"""Flatten an XSD into columns, with the `xmlschema` package; `registry.load_schema` uses it.

A schema whose records are not flat (a repeated leaf, mixed content, a wildcard, recursion, …) is refused, because no
table could store its values without loss.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import xmlschema
from xmlschema.validators import XsdElement

from krr_export.errors import UsageError
from krr_export.schema.faults import to_usage_error
from krr_export.schema.record_schema import (
    ORDINAL,
    ROOT_ATTRIBUTES,
    Attribute,
    Element,
    Facets,
    Field,
    RecordSchema,
    column_name,
    privacy_of,
)
from krr_export.util.paths import real_path
from krr_export.util.tags import local_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Component: TypeAlias = Any
"""An XSD component of `xmlschema`, whose annotations are unions that only a run-time check could narrow."""

XSD_NAMESPACE = "{http://www.w3.org/2001/XMLSchema}"

_ARROW_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "byte": pa.int8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "unsignedByte": pa.uint8(),
    "unsignedShort": pa.uint16(),
    "unsignedInt": pa.uint32(),
    "unsignedLong": pa.uint64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "dateTime": pa.timestamp("us", tz="UTC"),
    "base64Binary": pa.binary(),
    "hexBinary": pa.binary(),
}
"""Built-in XSD types with an Arrow type for all of their values, or for all but those that get a finding. Every other
type (decimal and integer have no bound, for example) stays a string, exactly as written."""

# The marker in our own XSDs that lets a free string be a partition (see xsd/).
_LOW_CARDINALITY = ("krr-export", "low-cardinality")


def flatten(name: str, path: Path, envelope: Callable[[], RecordSchema] | None = None) -> RecordSchema:
    """Return the record schema of the XSD at ``path``, under the given name.

    Args:
        name: of the schema.
        path: of the XSD.
        envelope: gives the schema whose root an XSD of the record alone gets; without it such an XSD is refused.

    Raises:
        UsageError: it is not a valid XSD, declares no export, or cannot be flattened into columns.
    """
    return _Flattening(name, path, envelope).build()


class _Flattening:
    """The flattening of one XSD: the columns found so far, and the types of the current element's ancestors."""

    def __init__(self, name: str, path: Path, envelope: Callable[[], RecordSchema] | None) -> None:
        self.name = name
        self.path = path
        self.envelope = envelope
        self.fields: list[Field] = []
        self.ancestors: list[Component] = []

    def build(self) -> RecordSchema:
        xsd = self._parse(self.path)
        documents = _documents(xsd)
        if (root := _find_root(xsd)) is not None:
            root_tag, record, root_xsd = root.name, next(root.type.content.iter_elements()), self.path
        elif self.envelope is not None:
            built_in = self.envelope()
            record = xsd.maps.elements.get(built_in.record.tag)
            root_tag, root_xsd = built_in.root_tag, Path(built_in.root_xsd)
            documents += [root_xsd]
        else:
            record = None
        if record is None or record.name not in xsd.maps.elements:
            raise self._refusal(f"it declares no export (a root with {' and '.join(ROOT_ATTRIBUTES)} over records)")
        record_element = self._build_element(record, (), required=True, repeatable=True)
        if record_element.column is not None or not self.fields:
            raise self._refusal("its record holds no elements")
        return RecordSchema(
            name=self.name,
            sha256=_digest(documents),
            root_tag=root_tag,
            record=record_element,
            fields=tuple(self.fields),
            root_xsd=str(root_xsd),
            record_xsd=str(self.path),
        )

    def _parse(self, path: Path) -> Component:
        try:
            with warnings.catch_warnings():
                # If anything from an import that fails is used, that is an error of its own.
                warnings.simplefilter("ignore", xmlschema.XMLSchemaImportWarning)
                warnings.simplefilter("ignore", xmlschema.XMLSchemaIncludeWarning)
                return xmlschema.XMLSchema10(real_path(path).as_uri(), allow="local", defuse="always")
        except (xmlschema.XMLSchemaException, SyntaxError, ValueError, RecursionError, OSError) as error:
            raise to_usage_error(path, error) from None
        except AttributeError:  # a bug of xmlschema, when simple content restricts mixed content
            raise self._refusal("it derives a type in a way that is not supported") from None

    def _refusal(self, why: str) -> UsageError:
        return UsageError(f"the schema {self.path.name} cannot be flattened into columns: {why}")

    def _build_element(
        self, xsd: Component, above: tuple[str, ...], *, required: bool, repeatable: bool = False
    ) -> Element:
        path = (*above, xsd.local_name) if above or not repeatable else ()
        where = "/".join((*above, xsd.local_name))
        self._check_flat(xsd, where, repeatable=repeatable)
        text: int | None = None
        if xsd.type.is_simple() or xsd.type.has_simple_content():
            text = self._add_field(xsd, path, xsd.local_name, kind=_simple_type(xsd.type), required=required)
        attributes = tuple(
            self._build_attribute(attribute, path, xsd.local_name, required=required)
            for attribute in xsd.attributes.values()
            if attribute.use != "prohibited"
        )
        children: tuple[Element, ...] = ()
        in_sequence = True
        if text is None:
            in_sequence = xsd.type.content.model == "sequence"
            self.ancestors.append(xsd.type)
            children = tuple(self._build_children(xsd.type.content, path, required=required and in_sequence))
            self.ancestors.pop()
        return Element(xsd.name, xsd.min_occurs > 0, text, attributes, children, in_sequence)

    def _build_children(self, group: Component, path: tuple[str, ...], *, required: bool) -> Iterator[Element]:
        for particle in group:
            if not isinstance(particle, XsdElement):
                raise self._refusal(f"{'/'.join(path) or 'the record'} holds a nested group or a wildcard")
            yield self._build_element(particle, path, required=required and particle.min_occurs > 0)

    def _check_flat(self, xsd: Component, where: str, *, repeatable: bool) -> None:
        kind = xsd.type
        reasons = {
            "it contains itself": xsd.type in self.ancestors,
            "it may be repeated": not repeatable and xsd.max_occurs != 1,
            "it has mixed content": kind.has_mixed_content(),
            "it is empty or of any type": not (kind.is_simple() or kind.has_simple_content() or kind.is_element_only()),
            "its content is a group that may repeat": kind.is_element_only()
            and (kind.content.max_occurs != 1 or kind.content.min_occurs != 1),
            "it is nillable, abstract, or can be substituted": xsd.nillable
            or xsd.abstract
            or kind.abstract
            or bool(xsd.maps.substitution_groups.get(xsd.name)),
            "it has a key, a reference to one, or values that must be unique": bool(xsd.identities),
            "it has a default or fixed value": xsd.default is not None or xsd.fixed is not None,
            "its type is extended by another, which could stand in its place": _is_extended(xsd),
            "it allows any attribute": None in xsd.attributes,
        }
        for reason, holds in reasons.items():
            if holds:
                raise self._refusal(f"{where}: {reason}")

    def _build_attribute(self, xsd: Component, above: tuple[str, ...], element: str, *, required: bool) -> Attribute:
        path = (*above, f"@{xsd.local_name}")
        if xsd.default is not None or xsd.fixed is not None:
            raise self._refusal(f"{'/'.join(path)}: it has a default or fixed value")
        mandatory = xsd.use == "required"
        column = self._add_field(xsd, path, element, xsd.local_name, kind=xsd.type, required=required and mandatory)
        return Attribute(xsd.name, column, mandatory)

    def _add_field(self, xsd: Component, path: tuple[str, ...], *names: str, kind: Component, required: bool) -> int:
        # A grouping element adds no prefix; an attribute is prefixed with its element's name.
        name = column_name(*names)
        if name == ORDINAL.name or any(field.name == name for field in self.fields):
            raise self._refusal(f"two leaves would become the column {name}")
        base, facets = _base_type(kind), _facets(kind)
        arrow_type = _arrow_type(kind, base, facets)
        partitionable = pa.types.is_dictionary(arrow_type) or pa.types.is_boolean(arrow_type)
        partitionable |= arrow_type == pa.string() and _is_low_cardinality(xsd)
        self.fields.append(
            Field(
                name,
                arrow_type,
                _documentation(xsd),
                required,
                path,
                base,
                facets,
                partitionable,
                privacy=privacy_of(arrow_type, partitionable=partitionable),
            )
        )
        return len(self.fields) - 1


def _find_root(xsd: Component) -> Component | None:
    """Return the global element of the schema's own namespace that repeats one global element, if there is one."""
    for element in xsd.elements.values():
        if element.type.is_element_only() and element.attributes.keys() >= set(ROOT_ATTRIBUTES):
            particles = list(element.type.content.iter_elements())
            if len(particles) == 1 and particles[0].max_occurs is None and getattr(particles[0], "ref", None):
                return element
    return None


def _is_extended(xsd: Component) -> bool:
    """Return whether ``xsi:type`` could give a group elements that it does not have."""
    kind = xsd.type
    return kind.is_element_only() and any(
        other is not kind and other.is_derived(kind, "extension") for other in xsd.maps.types.values()
    )


def _documents(xsd: Component) -> list[Path]:
    """Return the files that make up the schema, without the built-in ones of the `xmlschema` package."""
    schemas = [schema for schema in xsd.maps.iter_schemas() if schema.meta_schema is not None]
    return [Path(schema.filepath) for schema in schemas if schema.filepath and schema.target_namespace not in _W3C]


_W3C = {
    "http://www.w3.org/2001/XMLSchema",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2001/XMLSchema-instance",
}


def _digest(documents: list[Path]) -> str:
    digests = sorted({hashlib.sha256(path.read_bytes()).digest() for path in documents})
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _simple_type(kind: Component) -> Component:
    return kind if kind.is_simple() else kind.content


def _base_type(kind: Component) -> str:
    """Return the nearest built-in ancestor; a list or union counts as a string, which stays as written."""
    if kind.is_list() or kind.is_union():
        return "string"
    *_, nearest = _lineage(kind)
    return local_name(nearest.name)


def _lineage(kind: Component) -> Iterator[Component]:
    """Yield a simple type and its ancestors, up to the first that is built in or has no ancestor."""
    while not (kind.name or "").startswith(XSD_NAMESPACE) and kind.base_type is not None:
        yield kind
        kind = _simple_type(kind.base_type)  # between two simple contents, there may be a complex type without a name
    yield kind


def _facets(kind: Component) -> Facets:
    known = {"whiteSpace", "enumeration", "length", "minLength", "maxLength"}
    others = {"union"} if kind.is_union() else {"list"} if kind.is_list() else set()
    # Facets of all ancestors: xmlschema gives only a type's own, and none beyond a complex type.
    user_defined = [one for one in _lineage(kind) if not (one.name or "").startswith(XSD_NAMESPACE)]
    for one in user_defined:
        others |= {local_name(name) for name in getattr(one, "facets", {}) if name} - known
    shortest, longest = [one.min_length for one in user_defined], [one.max_length for one in user_defined]
    enumeration = next((one.enumeration for one in user_defined if one.enumeration), ())
    return Facets(
        white_space=kind.white_space or "preserve",
        enumeration=tuple(str(value) for value in enumeration),
        min_length=max((length for length in shortest if length is not None), default=None),
        max_length=min((length for length in longest if length is not None), default=None),
        others=tuple(sorted(others)),
    )


def _arrow_type(kind: Component, base: str, facets: Facets) -> pa.DataType:
    if base in _ARROW_TYPES:
        return _ARROW_TYPES[base]
    # Only strings are compared as written: the decimal 1.00 equals a listed 1.0. And xs:anySimpleType, the type of an
    # attribute declared without one, has no primitive type.
    primitive = getattr(kind, "primitive_type", None)
    is_text = primitive is not None and primitive.name == f"{XSD_NAMESPACE}string"
    if not facets.enumeration or not is_text:
        return pa.string()
    fits = next(size for size in (8, 16, 32) if len(facets.enumeration) <= 1 << (size - 1))
    return pa.dictionary({8: pa.int8(), 16: pa.int16(), 32: pa.int32()}[fits], pa.string())


def _documentation(xsd: Component) -> str:
    texts = xsd.annotation.documentation if xsd.annotation is not None else ()
    return " ".join(" ".join((text.text or "").split()) for text in texts)


def _is_low_cardinality(xsd: Component) -> bool:
    notes = xsd.annotation.appinfo if xsd.annotation is not None else ()
    return any((note.get("source"), (note.text or "").strip()) == _LOW_CARDINALITY for note in notes)
