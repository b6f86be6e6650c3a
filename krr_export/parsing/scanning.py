"""Scan blocks into typed columns with the compiled scanner, by a plan made from the record schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from krr_export.domain.wall_time import ambiguous_and_skipped, to_instants
from krr_export.parsing.scan_memory import BINARY, HANDED_ON, INSTANT, LISTED, TEXT, MemoryPool, Parts
from krr_export.parsing.text_columns import cast_texts, find_doubtful, lexical_form
from krr_export.parsing.xml.bounds import MAX_ATTRIBUTES, MAX_NAME_BYTES
from krr_export.util.tags import local_name, namespace

try:
    from krr_export.parsing.scanner import PARTS, Scanner

    IS_BUILT = Parts._fields == PARTS  # else it was built of older sources
except ImportError:  # there was no C compiler when this was installed
    IS_BUILT = False

NOT_BUILT = "iterparse alone, many times as slow: the scanner was not built; install a C compiler, then krr-export anew"

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from krr_export.schema.record_schema import Element, Field, RecordSchema

NAME = "scanner"

WITHOUT_OFFSET, FRACTION_CUT = 1, 2

_NO_LIMIT = 2**62
_KINDS = {"base64Binary": BINARY, "dateTime": INSTANT}


class ScanPlan(NamedTuple):
    """The record's tree in flat lists for the scanner: the children of an element are adjacent, and so its attributes.

    Attributes:
        elements: name, column or -1, whether required, first attribute, their number, first child, their number.
        attributes: name, column, whether required.
        columns: kind, shortest, longest, listed values.
    """

    elements: list[tuple[bytes, int, bool, int, int, int, int]]
    attributes: list[tuple[bytes, int, bool]]
    columns: list[tuple[int, int, int, tuple[bytes, ...]]]


def make_plan(schema: RecordSchema, namespaces: Mapping[str, str]) -> ScanPlan | None:
    """Make the plan for a document; return ``None`` if the scanner does not support its schema or prefixes.

    Args:
        schema: the structure of a record.
        namespaces: the document's prefixes, as its root declares them; ``""`` is the default namespace.
    """
    prefixes = {uri: f"{prefix}:" if prefix else "" for prefix, uri in sorted(namespaces.items(), reverse=True)}
    tree = list(schema.record.walk())
    if (
        not all(element.in_sequence for element in tree)
        or not {namespace(element.tag) for element in tree} <= prefixes.keys() - {""}
        or any(namespace(attribute.name) for element in tree for attribute in element.attributes)
    ):
        return None
    plan = ScanPlan([], [], [_column(field) for field in schema.fields])
    queue: list[Element] = [schema.record]
    place = 1
    for element in queue:  # breadth first, so that children are adjacent
        name = (prefixes[namespace(element.tag)] + element.local_name).encode()
        counts = len(plan.attributes), len(element.attributes), place, len(element.children)
        plan.elements.append((name, -1 if element.column is None else element.column, element.required, *counts))
        plan.attributes.extend((local_name(a.name).encode(), a.column, a.required) for a in element.attributes)
        queue += element.children
        place += len(element.children)
    names = [element[0] for element in plan.elements] + [attribute[0] for attribute in plan.attributes]
    if max(map(len, names)) > MAX_NAME_BYTES or any(len(each.attributes) > MAX_ATTRIBUTES for each in tree):
        return None  # the reference refuses such names in a large record
    return plan


def _kind(field: Field) -> int:
    facets = field.facets
    if facets.others:
        return HANDED_ON
    if field.base in {"string", "normalizedString", "token"} and facets.enumeration:
        # If the facet changes white space, libxml2 does not always apply that to the listed values.
        as_written = facets.white_space == "preserve" or all(v == " ".join(v.split()) for v in facets.enumeration)
        return LISTED if as_written else HANDED_ON
    if field.base in _KINDS and not facets.enumeration:
        return _KINDS[field.base]
    return TEXT if lexical_form(field) else HANDED_ON


def _column(field: Field) -> tuple[int, int, int, tuple[bytes, ...]]:
    facets = field.facets
    shortest = min(facets.min_length or 0, _NO_LIMIT)
    longest = _NO_LIMIT if facets.max_length is None else min(facets.max_length, _NO_LIMIT)
    listed = tuple(value.encode() for value in facets.enumeration)
    return _kind(field), shortest, longest, listed


@dataclass(frozen=True)
class ScannedBlock:
    """The records of a block that the scanner took.

    Attributes:
        arrays: for each field of the schema, its values in the records that were taken.
        observations: rows with a finding about their value, by code and column.
        unusual: indices of the records that were handed on, from 0, ascending.
        rows: the number of records that were taken.
    """

    arrays: list[pa.Array]
    observations: dict[str, dict[int, NDArray[np.int64]]]
    unusual: NDArray[np.int32]
    rows: int

    def filtered(self, kept: NDArray[np.bool_], count: int) -> ScannedBlock:
        """Keep some of the records that were taken, and hand the others on as well.

        Args:
            kept: which of the taken records are kept.
            count: the number of records in the block.
        """
        taken = np.delete(np.arange(count, dtype=np.int32), self.unusual)
        moved = np.cumsum(kept) - 1
        return ScannedBlock(
            [array.filter(pa.array(kept)) for array in self.arrays],
            {
                code: {column: moved[rows[kept[rows]]] for column, rows in by_column.items()}
                for code, by_column in self.observations.items()
            },
            np.union1d(self.unusual, taken[~kept]),
            int(kept.sum()),
        )


def make_scanner(schema: RecordSchema, namespaces: Mapping[str, str]) -> BlockScanner | None:
    """Make a scanner for a document; return ``None`` if that is not supported, or none was built."""
    plan = make_plan(schema, namespaces)
    return BlockScanner(schema, plan) if plan is not None and IS_BUILT else None


class BlockScanner:
    """Scans blocks of one document; thread-safe."""

    def __init__(self, schema: RecordSchema, plan: ScanPlan) -> None:
        self._schema = schema
        self._kinds = [kind for kind, *_ in plan.columns]
        forms = {column: lexical_form(field) for column, field in enumerate(schema.fields)}
        self._forms = {
            column: form for column, form in forms.items() if form and form.pattern and self._kinds[column] == TEXT
        }
        self._scanner = Scanner(plan.elements, plan.attributes, plan.columns)
        self._memories = MemoryPool(self._kinds)

    def scan(self, data: bytes, spans: NDArray[np.int32]) -> ScannedBlock:
        """Take the records that are certainly valid.

        Args:
            data: the block.
            spans: start and end of each record, a row for each.
        """
        count = len(spans)
        memory = self._memories.take(count, len(data))
        start, layout = memory.buffer.address, memory.layout
        rows, handed_on, sizes = self._scanner.scan(
            data,
            count,
            spans.ctypes.data,
            start + layout.unusual,
            layout.slots,
            [tuple(start + place for place in parts) for parts in layout.columns],
        )
        arrays = []
        observations: dict[str, dict[int, NDArray[np.int64]]] = {}
        for column, (field, kind, parts, size) in enumerate(
            zip(self._schema.fields, self._kinds, layout.columns, sizes, strict=True)
        ):
            written = _WrittenColumn(memory.buffer, parts, rows, *size)
            if written.flagged:
                for code, concerned in _resolve_wall_times(written).items():
                    observations.setdefault(code, {})[column] = concerned
            arrays.append(_ARRAYS[kind](written, field))
        unusual = np.frombuffer(memory.buffer.slice(layout.unusual, 4 * handed_on), np.int32)
        scanned = ScannedBlock(arrays, observations, unusual, rows)
        return self._cast_texts(scanned, count) if self._forms else scanned

    def _cast_texts(self, scanned: ScannedBlock, count: int) -> ScannedBlock:
        """Cast columns that were taken as text to their types, and hand on records with a doubtful value."""
        doubts = [find_doubtful(scanned.arrays[column], form) for column, form in self._forms.items()]
        kept = ~np.logical_or.reduce([doubt.to_numpy(zero_copy_only=False) for doubt in doubts])
        if not kept.all():
            scanned = scanned.filtered(kept, count)
        for column, form in self._forms.items():
            scanned.arrays[column] = cast_texts(scanned.arrays[column], form, self._schema.fields[column])
        return scanned


def _resolve_wall_times(written: _WrittenColumn) -> dict[str, NDArray[np.int64]]:
    """Convert wall times to instants, in place; return the rows with a finding about their time, by code."""
    flags = np.frombuffer(written.memory, np.uint8, written.rows, written.parts.flags)
    instants = np.frombuffer(written.memory, np.int64, written.rows, written.parts.values)
    local = np.flatnonzero(flags & WITHOUT_OFFSET)
    walls = instants[local]
    instants[local] = to_instants(walls)
    ambiguous, skipped = ambiguous_and_skipped(walls)
    found = {
        "time-without-offset": local,
        "time-ambiguous": local[ambiguous],
        "time-skipped": local[skipped],
        "time-fraction-cut": np.flatnonzero(flags & FRACTION_CUT),
    }
    return {code: rows for code, rows in found.items() if rows.size}


@dataclass(frozen=True)
class _WrittenColumn:
    """What the scanner wrote to one column.

    Attributes:
        memory: the block's memory.
        parts: the offsets of the column's parts in it.
        rows: the number of records that were taken.
        size: octets of text, or of distinct binary values.
        distinct: the number of distinct binary values.
        flagged: the number of instants with a finding.
    """

    memory: pa.Buffer
    parts: Parts
    rows: int
    size: int
    distinct: int
    flagged: int

    def values(self, width: int, more: int = 0) -> pa.Buffer:
        """Return the rows' numbers, each ``width`` octets."""
        return self.memory.slice(self.parts.values, (self.rows + more) * width)

    @property
    def valid(self) -> pa.Buffer:
        """The validity bitmap: a bit for each row."""
        return self.memory.slice(self.parts.valid, self.rows // 8 + 1)

    @property
    def data(self) -> pa.Buffer:
        """The octets of all values."""
        return self.memory.slice(self.parts.data, self.size)


def _texts(written: _WrittenColumn, _field: Field) -> pa.Array:
    return pa.Array.from_buffers(pa.string(), written.rows, [written.valid, written.values(4, 1), written.data])


def _instants(written: _WrittenColumn, field: Field) -> pa.Array:
    return pa.Array.from_buffers(field.arrow_type, written.rows, [written.valid, written.values(8)])


def _nulls(written: _WrittenColumn, field: Field) -> pa.Array:
    """Return nulls: the scanner hands on every record with a value in this column."""
    kind = field.arrow_type
    if pa.types.is_dictionary(kind):  # with its categories
        listed = pa.array(field.facets.enumeration, kind.value_type)
        return pa.DictionaryArray.from_arrays(pa.nulls(written.rows, kind.index_type), listed)
    return pa.nulls(written.rows, pa.dictionary(pa.int32(), pa.binary()) if pa.types.is_binary(kind) else kind)


def _listed(written: _WrittenColumn, field: Field) -> pa.Array:
    index = field.arrow_type.index_type
    codes = np.frombuffer(written.values(4), np.int32).astype(f"i{index.byte_width}")
    indices = pa.Array.from_buffers(index, written.rows, [written.valid, pa.py_buffer(codes)])
    return pa.DictionaryArray.from_arrays(indices, pa.array(field.facets.enumeration, pa.string()))


def _binaries(written: _WrittenColumn, _field: Field) -> pa.Array:
    indices = pa.Array.from_buffers(pa.int32(), written.rows, [written.valid, written.values(4)])
    offsets = written.memory.slice(written.parts.distinct, (written.distinct + 1) * 4)
    known = pa.Array.from_buffers(pa.binary(), written.distinct, [None, offsets, written.data])
    return pa.DictionaryArray.from_arrays(indices, known)


_ARRAYS = {TEXT: _texts, LISTED: _listed, INSTANT: _instants, BINARY: _binaries, HANDED_ON: _nulls}
