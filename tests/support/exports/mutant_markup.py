"""How a mutant is written: elements as a tree, one text in many ways, one document in many ways."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

Labelled: TypeAlias = tuple[str, str]
"""A name and the markup it stands for."""

NodePath: TypeAlias = tuple[int, ...]
"""The way to an element: positions from the root."""

HOLE = ""
"""What an element leaves that is taken away: nothing, yet the paths to its neighbours stay."""


@dataclass(frozen=True, slots=True)
class Node:
    """An element as it is written: qualified name, attributes (declarations of namespaces among them), content.

    Text and attribute values are markup: already escaped, so that a mutant can choose how a character is written.
    """

    name: str
    attributes: tuple[Labelled, ...] = ()
    content: tuple[Node | str, ...] = ()

    def __str__(self) -> str:
        attributes = "".join(f' {name}="{value}"' for name, value in self.attributes)
        if not self.content:
            return f"<{self.name}{attributes}/>"
        # One element a line, unless that would add text to what a mutant means to say.
        gap = "" if any(isinstance(part, str) and part != HOLE for part in self.content) else "\n"
        inner = "".join(f"{gap}{part}" for part in self.content)
        return f"<{self.name}{attributes}>{inner}{gap}</{self.name}>"

    @property
    def local(self) -> str:
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    @property
    def children(self) -> tuple[Node, ...]:
        """The elements directly in it."""
        return tuple(part for part in self.content if isinstance(part, Node))

    def adding(self, *attributes: Labelled) -> Node:
        """The same with further attributes."""
        return replace(self, attributes=self.attributes + attributes)

    def at(self, path: NodePath) -> Node:
        """The element at this path."""
        node = self
        for index in path:
            child = node.content[index]
            assert isinstance(child, Node)
            node = child
        return node

    def put(self, path: NodePath, *parts: Node | str) -> Node:
        """The same tree with these parts in the place of the element at this path; for the root, one other root."""
        for depth in reversed(range(len(path))):
            parent, index = self.at(path[:depth]), path[depth]
            parts = (replace(parent, content=parent.content[:index] + parts + parent.content[index + 1 :]),)
        (root,) = parts
        assert isinstance(root, Node)
        return root


def written(value: str) -> Iterator[Labelled]:
    """The same element content, given as markup, in all the ways that XML has to write it."""
    middle = len(value) // 2
    one, rest = value[:middle], value[middle:]
    yield "decimal references", "".join(f"&#{ord(character)};" for character in value)
    yield "hexadecimal references", "".join(f"&#x{ord(character):X};" for character in value)
    yield "a CDATA section", f"<![CDATA[{value}]]>"
    yield "two CDATA sections", f"<![CDATA[{one}]]><![CDATA[{rest}]]>"
    yield "text, then CDATA", f"{one}<![CDATA[{rest}]]>"
    yield "text, then empty CDATA", f"{value}<![CDATA[]]>"
    for label, inserted in (
        ("a comment", "<!-- a -->"),
        ("a comment with a tag", "<!-- </Person> -->"),
        ("a processing instruction", "<?a b?>"),
        ("a processing instruction with a tag", "<?a </Person>?>"),
    ):
        yield f"{label} before it", f"{inserted}{value}"
        yield f"{label} within it", f"{one}{inserted}{rest}"
        yield f"{label} after it", f"{value}{inserted}"
        yield f"{label} for it", inserted
    yield "a CDATA section with a tag", "<![CDATA[</Person>]]>"
    yield "a comment and a character too many", f"{value}<!-- a -->{'x' * 100}"
    yield "the replacement of five entities", "&amp;&lt;&gt;&quot;&apos;"


def markup(value: str) -> str:
    """The value escaped; white space other than a space by reference, for XML would change it on the way."""
    return escape(value, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;", '"': "&quot;", "\u0085": "&#133;"})


def rewritten(document: str) -> Iterator[tuple[str, bytes]]:
    """The same export as other programs would write it."""
    declaration = '<?xml version="1.0" encoding="{}"?>\n'
    for encoding in ("UTF-8", "UTF-16", "US-ASCII", "ISO-8859-1", "ISO-8859-15", "windows-1252"):
        text = declaration.format(encoding) + document
        yield f"in {encoding}", text.encode(encoding, "xmlcharrefreplace")
    yield "with a byte order mark", document.encode("utf-8-sig")
    prefixed = re.sub(r"<(/?)(?=\w+[\s/>])", r"<\1ns2:", document).replace("xmlns=", "xmlns:ns2=")
    own_namespace = re.search(r' xmlns="[^"]*"', document)
    assert own_namespace
    on_records = document.replace(own_namespace[0], "").replace("<Person>", f"<Person{own_namespace[0]}>")
    for name, text in {
        "with a declaration": declaration.format("UTF-8") + document,
        "standalone": '<?xml version="1.0" standalone="yes"?>' + document,
        "with a prefix for the records": prefixed,
        "with a prefix for the records only": prefixed.replace("et:", "").replace(":et=", "="),
        "with other prefixes": prefixed.replace("et:", "a.-_1:").replace(":et=", ":a.-_1=").replace("ns2", "ø"),
        "with the namespace declared by each record": on_records,
        "with the namespace declared again by each record": document.replace("<Person>", f"<Person{own_namespace[0]}>"),
        "on one line": document.replace("\n", ""),
        "with line ends of two": document.replace("\n", "\r\n"),
        "with old line ends": document.replace("\n", "\r"),
        "indented by tabs": document.replace("\n", "\n\t\t"),
        "with blank lines": document.replace("\n", "\n\n"),
        "with single quotes": document.replace('"', "'"),
        "with spaces in its tags": re.sub(r"(?<=[\w\"])(/?>)", r" \1", document).replace('="', ' = "'),
        "with line feeds in its tags": re.sub(r"(?<=[\w\"])(/?>)", r"\n\1", document).replace(" ", "\n"),
        "after a comment": "<!-- <Person/> -->\n" + document,
        "before a comment": document + "<!-- <Person/> -->",
        "after a processing instruction": "<?a <Person?>" + document,
        "before a processing instruction": document + "<?a <Person?>",
        "before blank lines": document + "\n \t\r\n",
    }.items():
        yield name, text.encode()
