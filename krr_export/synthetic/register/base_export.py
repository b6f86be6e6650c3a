"""The synthetic export that the next night begins with: its layout, and those of its persons that are asked for."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args
from xml.sax.saxutils import escape

import numpy as np

from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import InputError, UsageError
from krr_export.input.open_source import open_source
from krr_export.parsing.block import extract_records
from krr_export.parsing.blocks import Document
from krr_export.parsing.reference import IterparseReader
from krr_export.synthetic.persons import DRAWN
from krr_export.synthetic.tree import Builder, Prefix, choose_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from krr_export.parsing.block import Block
    from krr_export.parsing.header import Header
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.synthetic.persons import Person

_COMMENT = b"<!--"
_IN_ATTRIBUTES = {'"': "&quot;"}


@dataclass(frozen=True)
class Layout:
    """How the records of an export are written."""

    prefix: Prefix = "default"
    indent: bool = True
    comments: bool = False

    def builder(self, schema: RecordSchema) -> Builder:
        """Return the builder of records that are written so."""
        return Builder(schema, self.prefix, DRAWN, indent=self.indent, comments=self.comments)


@contextmanager
def open_document(path: Path, schema: RecordSchema) -> Iterator[Document]:
    """Open an export; errors name it.

    Raises:
        UsageError: it is no regular file, and it is read twice.
        InputError: it is not an export, or cannot be read.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file", "an export that another follows is read twice: give a file")
    try:
        with open_source(path) as source:
            yield Document(source, schema)
    except InputError as error:
        raise type(error)(f"{path.name}: {error.message}", error.hint) from None


class PersonReader:
    """Reads persons from blocks.

    Args:
        document: of which the blocks are.
        schema: the document's.
    """

    def __init__(self, document: Document, schema: RecordSchema) -> None:
        self._schema = schema
        self._reader = IterparseReader(schema, document.envelope)
        self._names = [field.name for field in schema.fields]

    def read(self, block: Block) -> dict[int, Person]:
        """Return the persons of a block by the ordinals of their records.

        Raises:
            InputError: a record is not valid.
        """
        lexical = self._reader.read(block)
        if lexical.rejects:
            raise InputError(
                f"record {lexical.rejects[0].ordinal} is not valid by {self._schema.name}",
                "give the --schema that the sample was made with, and a sample without faults and old spellings",
            )
        rows = zip(*lexical.columns, strict=True)
        return {ordinal: self._person(row) for ordinal, row in zip(lexical.ordinals, rows, strict=True)}

    def read_some(self, block: Block, indices: Collection[int]) -> dict[int, Person]:
        """Return some persons of a block: those of the records with these indices, ascending from 0."""
        return self.read(extract_records(block, np.array([*indices], np.int32))) if indices else {}

    def _person(self, row: tuple[str | None, ...]) -> Person:
        return {
            name: escape(value, _IN_ATTRIBUTES)
            for name, value in zip(self._names, row, strict=True)
            if value is not None
        }


def find_layout(header: Header, first: Block | None, schema: RecordSchema) -> Layout:
    """Find how an export is written.

    Args:
        header: the export's.
        first: its first block, if it has any records.
        schema: the export's.

    Raises:
        InputError: ``sample`` does not write so.
    """
    for style in get_args(Prefix):
        declared = choose_names(schema, style).on_root
        namespaces = {f"xmlns:{prefix}" if prefix else "xmlns": uri for prefix, uri in header.namespaces.items()}
        if declared == namespaces:
            break
    else:
        raise InputError("no sample declares its namespaces so", "give an export that krr-export sample made")
    if first is None or not first.records:
        return Layout(style)
    start, end = map(int, first.spans[0])
    return Layout(style, indent=start > 0, comments=_COMMENT in first.buffer[start:end])


class IdentifierPattern:
    """Finds identity numbers of persons born in some years, in blocks, without reading these as XML.

    Args:
        schema: of the blocks' records.
        years: of birth, all in 2000 to 2039.
    """

    def __init__(self, schema: RecordSchema, years: range) -> None:
        names = [field.path[-1] for field in schema.fields if field.name == IDENTIFIER]
        of_years = "|".join(f"{year % 100:02}" for year in years)
        self._pattern = re.compile(rf"{''.join(names)}>\s*+(\d{{4}}(?:{of_years})[5-9]\d{{4}})\s*+<".encode())

    def find(self, block: Block) -> Iterator[str]:
        """Yield the identity numbers found in a block."""
        return (match[1].decode() for match in self._pattern.finditer(block.buffer, 0, block.size))
