"""Readers turn a block of whole records into lexical columns and rejects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.readers.iterparse import IterparseReader

if TYPE_CHECKING:
    from krr_export.blocks import Cutter
    from krr_export.readers.base import Reader
    from krr_export.schema import RecordSchema

READERS = ("auto", "iterparse")
"""``auto`` is the fastest one; each gives exactly what ``iterparse`` gives."""


def make_reader(name: str, schema: RecordSchema, envelope: tuple[bytes, bytes], cutter: Cutter) -> Reader:
    """The reader of that name, for the blocks of one document."""
    if name not in READERS:
        raise ValueError(f"no reader {name!r}")
    return IterparseReader(schema, envelope, cutter)
