"""Bounds of the whole program: whatever markup 8 MiB may hold, of one kind or two, it ends soon and in little memory.

Told from processor time and the kernel's peak, so that a busy machine decides nothing; most runs take a fifth of both.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import command
import pytest
from exports.document_bounds import HEAD, LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

SIZE = (8 << 20) - 1024
SECONDS = 10
"""Of processor time."""
ELEMENTS = 9_990
"""Of a record, nearly as many as it may have."""
ATTRIBUTES = [f" {first}{second}" for first in "abcde" for second in "abcdefghijklmnopqrst"][:98]
PROLOG = (1 << 20) - 1024


def filled(piece: str, size: int = SIZE) -> str:
    """As many of a piece as there is room for."""
    return piece * (size // len(piece))


def elements(make: str, most: int = ELEMENTS) -> str:
    """As many elements as there is room for; ``#`` becomes their number."""
    return "".join(make.replace("#", str(number)) for number in range(min(most, SIZE // (len(make) + 4))))


def nested(tags: str, depth: int, inner: str = "") -> str:
    """Elements within each other: each of the tags, one after the other, down to a depth."""
    names = tags.split() * (depth // len(tags.split()))
    return "".join(f"<{name}>" for name in names) + inner + "".join(f"</{name}>" for name in reversed(names))


EMPTY_ATTRIBUTES = "".join(f'{name}=""' for name in ATTRIBUTES)
NAMED = "n" * 240
OWN = f'xmlns:q="urn:{NAMED}"'

NULL = r"<Sertifikat>\N</Sertifikat>"

RECORDS: dict[str, Callable[[], str]] = {
    "attributes": lambda: "<Person" + "".join(f' a{number:x}=""' for number in range(800_000)) + "/>",
    "an attribute": lambda: f'<Person a="{filled("x")}"/>',
    "a name": lambda: f"<Person><{filled('n')}/></Person>",
    "namespaces": lambda: "<Person" + "".join(f' xmlns:n{number:x}="u"' for number in range(400_000)) + "/>",
    "depth": lambda: f"<Person>{nested('a', 900_000)}</Person>",
    "children": lambda: f"<Person>{filled('<a/>')}</Person>",
    "as many children as allowed": lambda: f"<Person>{elements('<a/>' + 'x' * 800)}</Person>",
    "comments": lambda: f"<Person>{filled('<!---->')}</Person>",
    "instructions": lambda: f"<Person>{filled('<?a?>')}</Person>",
    "sections": lambda: f"<Person>{filled('<![CDATA[]]>')}</Person>",
    "references": lambda: f"<Person>{filled('&#65;')}</Person>",
    "entities": lambda: f"<Person>{filled('&amp;')}</Person>",
    "entities that are none": lambda: f"<Person>{filled('&e;')}</Person>",
    "text": lambda: f"<Person>{filled('x')}</Person>",
    "a value": lambda: f"<Person><X509Sertifikat>{filled('QUJD')}</X509Sertifikat></Person>",
    "children and attributes": lambda: f"<Person>{elements(f'<a{EMPTY_ATTRIBUTES}/>')}</Person>",
    "children and names": lambda: f"<Person>{elements(f'<{NAMED}#/>')}</Person>",
    "children and namespaces": lambda: f"<Person>{elements(f'<q:a {OWN}/>')}</Person>",
    "attributes and namespaces": lambda: (
        "<Person>"
        + elements(f"<a {OWN}" + "".join(f' q:{name.strip()}=""' for name in ATTRIBUTES) + "/>")
        + "</Person>"
    ),
    "children and depth": lambda: f"<Person>{elements(nested('a b', 60), ELEMENTS // 60)}</Person>",
    "old names and depth": lambda: f"<Person>{nested('status Sertifikat', 62, filled('x', SIZE - 4096))}</Person>",
    "old names and children": lambda: f"<Person>{elements(NULL)}</Person>",
    "comments and text": lambda: f"<Person>{filled('x<!---->')}</Person>",
    "instructions and sections": lambda: f"<Person>{filled('<?a?><![CDATA[x]]>')}</Person>",
    "references in an attribute": lambda: f'<Person a="{filled("&#10;")}"/>',
    "references in a value": lambda: f"<Person><status>{filled('&#32;')}</status></Person>",
    "comments between": lambda: f"<Person/>{filled('<!---->')}<Person/>",
    "instructions between": lambda: f"<Person/>{filled('<?a?>')}<Person/>",
    "sections between": lambda: f"<Person/>{filled('<![CDATA[ ]]>')}<Person/>",
    "references between": lambda: f"<Person/>{filled('&#10;')}<Person/>",
    "elements between": lambda: f"<Person/>{filled('<a/>')}<Person/>",
}
ROOTS: dict[str, Callable[[], str]] = {
    "attributes": lambda: "".join(f' a{number:x}=""' for number in range(80_000)),
    "an attribute": lambda: f' a="{filled("x", PROLOG)}"',
    "a name": lambda: f' {"n" * PROLOG}=""',
    "namespaces": lambda: "".join(f' xmlns:n{number:x}="u"' for number in range(50_000)),
    "as many namespaces as allowed": lambda: "".join(f' xmlns:n{number}="{NAMED}{number}"' for number in range(60)),
}


def export(path: Path, records: str, root: str = "") -> Path:
    """An export that is all of that, packed where its name says so."""
    data = f"{HEAD}{root}>\n{records}\n</et:Kontaktregister>\n".encode()
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path


def assert_bounded(*arguments: str | Path, measure: Path) -> None:
    """Run the program: it says what is wrong, takes less than all memory, and ends."""
    ran = command.run(*arguments, measure=measure)
    assert ran.code in {0, 3}, ran.err
    assert ran.peak < LIMIT, (ran.peak, ran.last)
    assert ran.seconds < SECONDS, (ran.seconds, ran.last)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_of_8_mib_ends_soon_in_little_memory(tmp_path: Path, kind: str) -> None:
    path = export(tmp_path / "export.xml.gz", RECORDS[kind]())
    assert_bounded("convert", path, tmp_path / "store", "--max-rejects", "100%", measure=tmp_path / "peak")


@pytest.mark.parametrize(
    "kind", ["children and attributes", "attributes and namespaces", "instructions between", "references between"]
)
@pytest.mark.parametrize("arguments", [("inspect",), ("validate", "--workers", "0", "--max-rejects", "100%")])
def test_so_it_does_plain_and_in_other_commands(tmp_path: Path, kind: str, arguments: tuple[str, ...]) -> None:
    assert_bounded(*arguments, export(tmp_path / "export.xml", RECORDS[kind]()), measure=tmp_path / "peak")


@pytest.mark.parametrize("kind", ROOTS)
def test_so_does_a_root_and_what_it_does_to_records(tmp_path: Path, kind: str) -> None:
    path = export(tmp_path / "export.xml.gz", f"<Person>{elements('<a/>')}</Person>", ROOTS[kind]())
    assert_bounded("validate", path, "--max-rejects", "100%", measure=tmp_path / "peak")
