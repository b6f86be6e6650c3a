"""What is certain of values that a pattern captured, a column at a time: the XSD's facets as Arrow kernels.

A kernel only ever accepts. A value that it does not take for certain is doubtful: its record goes to the reference
reader, which alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.binary import decode_base64
from krr_export.columns import timestamps, usual_instants

if TYPE_CHECKING:
    from krr_export.columns import Odd
    from krr_export.schema import Facets, Field

# A calendar that is right but not complete: 29 February is doubtful.
_SURE_TIME = (
    r"^(19|2\d)\d\d-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]0\d:[0-5]\d)?$"
)


@dataclass(frozen=True)
class Certain:
    """A column of captured values, typed.

    Attributes:
        array: the typed values; in doubtful rows, anything.
        doubtful: rows whose value is not certain to be valid, in order.
        odd: rows with something to say of their value, by code; doubtful rows are not among them.
    """

    array: pa.Array
    doubtful: list[int] = field(default_factory=list)
    odd: Odd = field(default_factory=dict)


def certain(column: Field, captured: pa.BinaryArray) -> Certain | None:
    """Type captured values and say which are doubtful; ``None`` where some are not UTF-8.

    Args:
        column: the field.
        captured: its values, null where absent. They hold no markup, no control characters, and nothing but ASCII
            where the XSD counts characters (see `readers.pattern`).
    """
    try:
        texts = captured.cast(pa.string())
    except pa.ArrowInvalid:
        return None
    if column.base == "base64Binary" and not column.facets.others:
        return _base64(texts, column.facets)
    if column.base == "dateTime" and not column.facets.others:
        return _times(texts)
    if column.base != "string" or column.facets.others or column.facets.white_space != "preserve":
        return Certain(pa.nulls(len(texts), column.arrow_type), _rows(pc.is_valid(texts)))
    if column.facets.enumeration:
        return _listed(texts, column)
    return Certain(texts, _lengths(pc.binary_length(texts), column.facets))


def _listed(texts: pa.StringArray, column: Field) -> Certain:
    listed = pa.array(column.facets.enumeration, pa.string())
    indices = pc.index_in(texts, listed)
    doubtful = _rows(pc.and_(pc.is_valid(texts), pc.is_null(indices)))
    return Certain(pa.DictionaryArray.from_arrays(indices.cast(column.arrow_type.index_type), listed), doubtful)


def _times(texts: pa.StringArray) -> Certain:
    if (instants := usual_instants(texts)) is not None:
        return Certain(instants)
    sure = pc.match_substring_regex(texts, _SURE_TIME)
    array, odd = timestamps(pc.if_else(sure, texts, pa.scalar(None, pa.string())).to_pylist())
    return Certain(array, _rows(pc.invert(sure)), odd)


def _base64(texts: pa.StringArray, facets: Facets) -> Certain:
    """Decode each distinct value once."""
    encoded = texts.dictionary_encode()
    decoded = [decode_base64(text) for text in encoded.dictionary.to_pylist()]
    # A doubtful row's value is never used, but Arrow does not join dictionaries that hold a null.
    array = pa.DictionaryArray.from_arrays(encoded.indices, pa.array([value or b"" for value in decoded], pa.binary()))
    wrong = {i for i, value in enumerate(decoded) if value is None or not _fits(len(value), facets)}
    doubtful = _rows(pc.is_in(encoded.indices, pa.array(sorted(wrong), pa.int32()))) if wrong else []
    return Certain(array, doubtful)


def _fits(length: int, facets: Facets) -> bool:
    return (facets.min_length or 0) <= length and (facets.max_length is None or length <= facets.max_length)


def _lengths(lengths: pa.Int32Array, facets: Facets) -> list[int]:
    """Rows whose length the facets do not allow."""
    extremes = pc.min_max(lengths)
    shortest, longest = extremes["min"].as_py(), extremes["max"].as_py()
    if shortest is None or (_fits(shortest, facets) and _fits(longest, facets)):
        return []
    allowed = pc.greater_equal(lengths, facets.min_length or 0)
    if facets.max_length is not None:
        allowed = pc.and_(allowed, pc.less_equal(lengths, facets.max_length))
    return _rows(pc.invert(allowed))


def _rows(mask: pa.BooleanArray) -> list[int]:
    rows: list[int] = pc.indices_nonzero(mask).to_pylist()
    return rows
