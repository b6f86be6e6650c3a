"""The reading road as one function, and tiny exports to send along it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from krr_export.parsing.blocks import BLOCK_BYTES, Document
from krr_export.parsing.columns import to_arrow
from krr_export.parsing.reference import IterparseReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.parsing.block import Block
    from krr_export.parsing.header import Header
    from krr_export.parsing.lexical import Reject
    from krr_export.schema.record_schema import RecordSchema

EXPORT = "http://kontaktinfo.difi.no/xsd/eksporttjeneste/14-05"
PERSONS = "http://begrep.difi.no"
ROOT_ATTRIBUTES = 'eksportTidspunkt="2014-02-26T12:22:25+01:00" senesteEndringsNummer="1724"'
IDENTIFIER = "03851598730"
"""A synthetic identity number."""


def person(*inner: str, identifier: str = IDENTIFIER) -> str:
    """A record: its identity number, then whatever comes after it, as markup."""
    return f"<Person><personidentifikator>{identifier}</personidentifikator>{''.join(inner)}</Person>"


def contact(email: str = "ola@example.no", attributes: str = "") -> str:
    """A Kontaktinformasjon with an e-mail address, as markup."""
    return f"<Kontaktinformasjon><Epostadresse {attributes}>{email}</Epostadresse></Kontaktinformasjon>"


def export(
    *persons: str,
    declaration: str = '<?xml version="1.0" encoding="{encoding}"?>\n',
    root: str = f'et:Kontaktregister xmlns:et="{EXPORT}" xmlns="{PERSONS}" {ROOT_ATTRIBUTES}',
    between: str = "\n",
    after: str = "",
    encoding: str = "UTF-8",
) -> bytes:
    """An export as bytes.

    Args:
        persons: the records as markup.
        declaration: what stands before the root; ``{encoding}`` stands for its name.
        root: the root's start tag without its angle brackets.
        between: what stands between two tags under the root.
        after: what stands after the root.
        encoding: a name that XML and Python both know; UTF-16 gets a byte order mark.
    """
    content = "".join(f"{between}{text}" for text in persons) + between
    text = f"{declaration.format(encoding=encoding)}<{root}>{content}</{root.split(maxsplit=1)[0]}>{after}"
    return text.encode(encoding)


@dataclass(frozen=True)
class Remarked:
    """Something said of one value."""

    code: str
    field: str
    radnummer: int


@dataclass(frozen=True)
class Arrival:
    """What came out at the road's end."""

    header: Header
    texts: list[tuple[str | None, ...]]
    """The accepted records' values as they were written, a record at a time."""
    rows: list[dict[str, Any]]
    rejects: list[Reject]
    observations: list[Remarked]

    @property
    def codes(self) -> list[tuple[str, str | None]]:
        """Code and field of every reason for a reject."""
        return [(finding.code, finding.field) for reject in self.rejects for finding in reject.findings]

    @property
    def verdicts(self) -> list[bool]:
        """Of each record in turn whether it was accepted."""
        accepted = {row["radnummer"]: True for row in self.rows}
        return [accepted.get(ordinal, False) for ordinal in range(1, len(self.rows) + len(self.rejects) + 1)]


def cut(data: bytes | Iterable[bytes], schema: RecordSchema, size: int = BLOCK_BYTES) -> tuple[Document, list[Block]]:
    """A document and its blocks."""
    document = Document([data] if isinstance(data, bytes) else data, schema)
    return document, list(document.blocks(size))


@lru_cache(maxsize=16)
def reader_of(schema: RecordSchema, envelope: tuple[bytes, bytes]) -> IterparseReader:
    """A reader, which remembers nothing from block to block: making one takes longer than reading a tiny export."""
    return IterparseReader(schema, envelope)


def travel(data: bytes | Iterable[bytes], schema: RecordSchema, size: int = BLOCK_BYTES) -> Arrival:
    """Send a document down the whole road, in blocks of about this size."""
    document = Document([data] if isinstance(data, bytes) else data, schema)
    reader = reader_of(schema, document.envelope)
    texts: list[tuple[str | None, ...]] = []
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    observations: list[Remarked] = []
    for block in document.blocks(size):
        lexical = reader.read(block)
        typed = to_arrow(lexical, schema)
        texts += zip(*lexical.columns, strict=True)
        rows += typed.batch.to_pylist()
        rejects += lexical.rejects
        observations += [
            Remarked(remark.code, remark.field, lexical.ordinals[row])
            for remark in typed.observations
            for row in remark.rows
        ]
    return Arrival(document.header, texts, rows, rejects, observations)
