"""Mutants of a small export: thousands of documents, each off the valid one in one stated way.

They are derived from the schema, whose element declarations are walked: a changed schema gives changed mutants. What
is written out here is what no schema says: odd spellings of the built-in types, and ways in which XML goes wrong.

They share nothing with the faults that `krr-export sample --faults` injects: those come from the project's own reading
of the XSD, and each has an expected code. Mutants come from another library's reading and expect nothing, so that a
mistake in `krr_export/schema/` cannot hide from the tests that compare with other validators.

Every mutant is well-formed and differs from all others. Some are valid: a mutant does not say which: it is
for comparing validators. The root stays one that the schema knows only as an export, never a bare Person,
which the schema alone would accept as a document.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import xmlschema
from xmlschema.validators import XsdElement

from exports.mutant_markup import HOLE, Labelled, Node, NodePath, rewritten, written
from exports.mutant_values import sample, values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xmlschema.validators import XsdSimpleType

XSD = Path(__file__).parents[3] / "xsd"

_XS = "http://www.w3.org/2001/XMLSchema"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_FOREIGN = "urn:example:foreign"

_TEXTS = {
    "a letter": "x",
    "a value": "JA",
    "a no-break space": "\u00a0",
    "an entity": "&amp;",
    "CDATA": "<![CDATA[x]]>",
    "a comment with text after it": "<!-- a -->x",
    # These are no text to a schema.
    "a space": " ",
    "a tab and a line feed": "\t\n",
    "a line end of two": "\r\n",
    "a space by reference": "&#32;",
    "a carriage return by reference": "&#13;",
    "a space in CDATA": "<![CDATA[ ]]>",
    "empty CDATA": "<![CDATA[]]>",
    "a comment": "<!-- a -->",
    "a comment with a record in it": "<!-- <Person></Person> -->",
    "a processing instruction": "<?a b?>",
    "a processing instruction with an end tag in it": "<?a </Person>?>",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One document and, as its name, where and how it differs from the valid one."""

    name: str
    document: bytes


@cache
def mutants(metadata: str = "14-05") -> tuple[Mutant, ...]:
    """All mutants of an export by the project's own schema with the Person of this version, 14-05 or 16-02."""
    return tuple(mutants_of(xmlschema.XMLSchema(XSD / f"kontaktregister-export-{metadata}.xsd")))


def fewer(version: str, cases: Sequence[Mutant]) -> Sequence[Mutant]:
    """Those of a version's mutants that are worth a judge's time: by 14-05 all, by 16-02 what is new and some others.

    16-02 differs from 14-05 in one element only: what the two have in common need not be judged twice in all places.
    """
    if version == "14-05":
        return cases
    known = {mutant.name for mutant in mutants("14-05")}
    old = [case for case in cases if case.name in known]
    return [*old[::8], *(case for case in cases if case.name not in known)]


def mutants_of(schema: xmlschema.XMLSchema) -> Iterator[Mutant]:
    """All mutants of an export by any schema whose first global element is the export.

    Changes that come to the same document are given once, under the first name.
    """
    export = _Export(schema)
    given: set[bytes] = set()
    for name, document in (
        *((name, str(node).encode()) for name, node in export.changes()),
        *(("Kontaktregister: " + name, document) for name, document in rewritten(str(export.full))),
    ):
        if document not in given:
            given.add(document)
            yield Mutant(name, document)


@dataclass(frozen=True, slots=True)
class _Place:
    """An element of the valid export: the path to it, its name for people, how it is written, its declaration."""

    path: NodePath
    name: str
    node: Node
    declaration: XsdElement

    @property
    def simple(self) -> XsdSimpleType | None:
        """The type of its text, or nothing where it holds elements."""
        return self.declaration.type.simple_type

    @property
    def declared(self) -> dict[str, XsdSimpleType]:
        """The types of its attributes."""
        return _declared(self.declaration)


_Change: TypeAlias = tuple[str, Node]
"""The name of a mutant and its tree."""


class _Export:
    """The valid export that the mutants come from: a full record between two that hold only what they must."""

    def __init__(self, schema: xmlschema.XMLSchema) -> None:
        (declaration, *_) = schema.elements.values()
        (record,) = _elements(declaration)
        # As the register writes it: a prefix for the export's own namespace, none for the record's.
        self.prefixes = {declaration.target_namespace: "et:", record.target_namespace: ""}
        self.own, self.records = self.prefixes
        self.types = sorted(
            f"{prefix}:{name.rpartition('}')[2]}"
            for prefix, namespace in (("k", self.own), ("p", self.records), ("xs", _XS))
            for name in schema.maps.types
            if name.startswith(f"{{{namespace}}}")
        )
        root = self.node(declaration, optional=False)
        full, minimal = self.node(record, optional=True), self.node(record, optional=False)
        self.full = replace(
            root,
            attributes=(("xmlns:et", self.own), ("xmlns", self.records), *root.attributes),
            content=(minimal, full, minimal),
        )
        self.places = [
            _Place((), root.local, self.full, declaration),
            *self.walk((1,), f"{root.local}/{full.local}", full, record),
        ]
        self.leaves = [place for place in self.places if place.simple]
        self.groups = [place for place in self.places if not place.simple]

    def node(self, declaration: XsdElement, *, optional: bool) -> Node:
        """A valid element by this declaration, with all that is optional or with nothing that is."""
        simple = declaration.type.simple_type
        return Node(
            self.prefixes[declaration.target_namespace] + declaration.local_name,
            tuple(
                (name, sample(type_))
                for name, type_ in _declared(declaration).items()
                if optional or declaration.attributes[name].use == "required"
            ),
            (sample(simple),)
            if simple
            else tuple(
                self.node(child, optional=optional) for child in _elements(declaration) if optional or child.min_occurs
            ),
        )

    def walk(self, path: NodePath, name: str, node: Node, declaration: XsdElement) -> Iterator[_Place]:
        """The place of this full element and of all in it."""
        yield _Place(path, name, node, declaration)
        for index, inner in enumerate(_elements(declaration)):
            child = node.children[index]
            yield from self.walk((*path, index), f"{name}/{child.local}", child, inner)

    def changes(self) -> Iterator[_Change]:
        """Every change of the valid export, kind by kind."""
        yield "unchanged", self.full
        yield from self.occurrences()
        yield from self.order()
        yield from self.moves()
        yield from self.names()
        yield from self.values()
        yield from self.texts()
        yield from self.strangers()
        yield from self.attributes()
        yield from self.stray_attributes()
        yield from self.instance_attributes()

    def occurrences(self) -> Iterator[_Change]:
        """Elements missing, alone, repeated."""
        for place in self.places[1:]:
            for times in (2, 3):
                yield f"{place.name}: {times} times", self.full.put(place.path, *[place.node] * times)
        for place in self.groups:
            children = place.node.children
            for size in range(len(children) + 1):
                for kept in combinations(range(len(children)), size):
                    names = ", ".join(f"{children[index].local} ({index + 1})" for index in kept)
                    yield self.change(
                        place,
                        f"of its elements only {names}" if kept else "empty",
                        content=tuple(children[index] for index in kept),
                    )
        yield self.change(self.places[0], "fifty full records", content=(self.places[1].node,) * 50)

    def order(self) -> Iterator[_Change]:
        """The elements of one parent in another order."""
        for place in self.groups:
            children = place.node.children
            for one, other in combinations(range(len(children)), 2):
                swapped = list(children)
                swapped[one], swapped[other] = swapped[other], swapped[one]
                yield self.change(place, f"elements {one + 1} and {other + 1} swapped", content=tuple(swapped))
            for source, target in product(range(len(children)), repeat=2):
                moved = [*children[:source], *children[source + 1 :]]
                moved.insert(target, children[source])
                yield self.change(place, f"element {source + 1} moved to {target + 1}", content=tuple(moved))
            for index, child in enumerate(children):
                again = (*children, child)
                yield self.change(place, f"element {index + 1} again at the end", content=again)
            yield self.change(place, "reversed", content=children[::-1])

    def moves(self) -> Iterator[_Change]:
        """Elements moved or copied to every other parent; groups dissolved and nested in themselves."""
        for place, parent in product(self.places[1:], self.places):
            if parent.path[: len(place.path)] == place.path:
                continue
            for done, export in (("copied", self.full), ("moved", self.full.put(place.path, HOLE))):
                target = export.at(parent.path)
                for where, content in (
                    ("first", (place.node, *target.content)),
                    ("last", (*target.content, place.node)),
                ):
                    changed = export.put(parent.path, replace(target, content=content))
                    yield f"{place.name}: {done} to {parent.name}, {where}", changed
        for place in self.groups[1:]:
            yield f"{place.name}: its elements without it", self.full.put(place.path, *place.node.content)
            yield self.change(place, "nested in itself", content=(place.node,))

    def names(self) -> Iterator[_Change]:
        """Elements under another name, in another namespace or in none."""
        known = sorted({place.node.name for place in self.places})
        for place in self.places:
            local = place.node.local
            prefix = place.node.name.removesuffix(local)
            for other in _other_names(local):
                yield self.change(place, f"named {prefix}{other}", name=prefix + other)
            for other in known:
                yield self.change(place, f"named as {other}", name=other)
            namespace = place.declaration.target_namespace
            others = {
                f"{namespace}/",
                namespace.upper(),
                namespace.replace("http:", "https:"),
                *self.prefixes,
                _FOREIGN,
            }
            for other in sorted(others - {namespace}):
                node = replace(place.node, name=f"n:{local}").adding(("xmlns:n", other))
                yield f"{place.name}: in the namespace {other}", self.full.put(place.path, node)
            attributes = tuple(pair for pair in place.node.attributes if pair[0] != "xmlns")
            bare = Node(local, (*attributes, ("xmlns", "")), place.node.content)
            yield f"{place.name}: with all in it in no namespace", self.full.put(place.path, bare)
            back = tuple(
                part.adding(("xmlns", self.records)) if isinstance(part, Node) else part for part in bare.content
            )
            yield f"{place.name}: in no namespace", self.full.put(place.path, replace(bare, content=back))

    def values(self) -> Iterator[_Change]:
        """Text and attribute values at, below and above every limit of their types, written in every way."""
        for place in self.places:
            if place.simple:
                for label, value in (*values(place.simple), *written(sample(place.simple))):
                    yield self.change(place, f"= {label}", content=(value,))
            for name, simple in place.declared.items():
                for label, value in values(simple):
                    attributes = _instead(place.node.attributes, name, (name, value))
                    yield self.change(place, f"@{name} = {label}", attributes=attributes)

    def texts(self) -> Iterator[_Change]:
        """Text, and what a schema takes for none, where only elements may be."""
        for place, (label, text) in product(self.groups, _TEXTS.items()):
            content = place.node.content
            for index in range(len(content) + 1):
                yield self.change(
                    place, f"{label} before position {index + 1}", content=(*content[:index], text, *content[index:])
                )
            yield self.change(place, f"only {label}", content=(text,))

    def strangers(self) -> Iterator[_Change]:
        """Unknown elements anywhere, and any element within a text."""
        strangers = (Node("Ukjent"), Node("x:Ukjent", (("xmlns:x", _FOREIGN),)), Node("b", (), ("0",)))
        for place, stranger in product(self.groups, strangers):
            content = place.node.content
            for index in range(len(content) + 1):
                yield self.change(
                    place,
                    f"{stranger.name} before position {index + 1}",
                    content=(*content[:index], stranger, *content[index:]),
                )
        for place, element in product(self.leaves, (*strangers, *(leaf.node for leaf in self.leaves))):
            (text,) = place.node.content
            assert isinstance(text, str)
            middle = len(text) // 2
            for where, content in (
                ("before its text", (element, text)),
                ("within its text", (text[:middle], element, text[middle:])),
                ("after its text", (text, element)),
                ("for its text", (element,)),
            ):
                yield self.change(place, f"{element.name} {where}", content=content)

    def attributes(self) -> Iterator[_Change]:
        """Declared attributes missing, renamed, in a namespace, there a second time."""
        for place in self.places:
            given = [pair for pair in place.node.attributes if pair[0] in place.declared]
            others = [pair for pair in place.node.attributes if pair not in given]
            for size in range(len(given) + 1):
                for kept in combinations(given, size):
                    names = ", ".join(name for name, _ in kept) or "none"
                    yield self.change(place, f"of its attributes {names}", attributes=(*others, *kept))
            yield self.change(place, "attributes reversed", attributes=place.node.attributes[::-1])
            for name, value in given:
                instead: list[tuple[str, tuple[Labelled, ...]]] = [
                    *((f"named {other}", ((other, value),)) for other in (*_other_names(name), place.node.local)),
                    *(
                        (f"in the namespace {namespace}", (("xmlns:n", namespace), (f"n:{name}", value)))
                        for namespace in (*self.prefixes, _FOREIGN, _XSI)
                    ),
                ]
                for label, pairs in instead:
                    attributes = _instead(place.node.attributes, name, *pairs)
                    yield self.change(place, f"@{name} {label}", attributes=attributes)
                    yield self.adding(place, f"@{name} a second time, {label}", *pairs)

    def stray_attributes(self) -> Iterator[_Change]:
        """Attributes where they are not declared."""
        names = sorted({name for place in self.places for name in place.declared})
        strays = (
            *((name, "2014-02-25T12:08:00Z") for name in names),
            *(("ukjent", ""), ("id", "a"), ("type", "a"), ("nil", "true"), ("lang", "nb")),
            *(("xml:lang", "nb"), ("xml:space", "preserve"), ("xml:id", "a"), ("xml:base", "urn:a")),
            *(("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#"), ("xmlns:p", self.records)),
        )
        for place, (name, value) in product(self.places, strays):
            if name not in dict(place.node.attributes):
                yield self.adding(place, f"with {name}", (name, value))

    def instance_attributes(self) -> Iterator[_Change]:
        """What any element may carry by the specification: its type, that it is nil, where a schema lies."""
        given: dict[str, tuple[str, ...]] = {
            "xsi:type": (
                *self.types,
                *(" xs:string ", "xs:unknown", "p:unknown", "unknown", "u:string", ""),
                *(":", "xs:", ":string", "xs:string xs:string", *(name.removeprefix("p:") for name in self.types)),
            ),
            "xsi:nil": ("true", "false", "1", "0", " false ", "", "TRUE", "ja"),
            "xsi:schemaLocation": (f"{self.records} nowhere.xsd", f"{_FOREIGN} nowhere.xsd", self.records, "", "% %"),
            "xsi:noNamespaceSchemaLocation": ("nowhere.xsd", ""),
            "xsi:ukjent": ("true",),
        }
        scope = (("xmlns:k", self.own), ("xmlns:p", self.records), ("xmlns:xs", _XS), ("xmlns:xsi", _XSI))
        for place, (name, some) in product(self.places, given.items()):
            for value in some:
                node = place.node.adding(*scope, (name, value))
                yield f"{place.name}: {name}={value!r}", self.full.put(place.path, node)
                if name == "xsi:nil":
                    yield f"{place.name}: {name}={value!r}, empty", self.full.put(place.path, replace(node, content=()))

    def change(
        self,
        place: _Place,
        label: str,
        *,
        name: str | None = None,
        attributes: tuple[Labelled, ...] | None = None,
        content: tuple[Node | str, ...] | None = None,
    ) -> _Change:
        """The export with another name, other attributes or other content for the element at this place."""
        node = Node(
            place.node.name if name is None else name,
            place.node.attributes if attributes is None else attributes,
            place.node.content if content is None else content,
        )
        return f"{place.name}: {label}", self.full.put(place.path, node)

    def adding(self, place: _Place, label: str, *attributes: Labelled) -> _Change:
        """The export with more attributes on the element at this place."""
        return f"{place.name}: {label}", self.full.put(place.path, place.node.adding(*attributes))


def _declared(declaration: XsdElement) -> dict[str, XsdSimpleType]:
    """The types of an element's attributes, by name."""
    return {name: attribute.type for name, attribute in declaration.attributes.items() if name and attribute.type}


def _elements(declaration: XsdElement) -> list[XsdElement]:
    """The declarations of the elements in an element, in their order."""
    return [] if declaration.type.simple_type else [child for child in declaration if isinstance(child, XsdElement)]


def _instead(attributes: tuple[Labelled, ...], name: str, *others: Labelled) -> tuple[Labelled, ...]:
    """These attributes with others in the place of the one of this name."""
    index = [given for given, _ in attributes].index(name)
    return (*attributes[:index], *others, *attributes[index + 1 :])


def _other_names(name: str) -> list[str]:
    """Names that are nearly this one, and one that is not."""
    nearly = {name.lower(), name.upper(), name.swapcase(), name.title(), name[0].swapcase() + name[1:]}
    nearly |= {f"{name}_", f"_{name}", f"{name}2", name[:-1], f"{name}s", name.replace("o", "ø"), f"{name}\u0301"}
    return [*sorted(nearly - {name}), "ukjent"]
