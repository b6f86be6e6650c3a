"""What is certain of values that a pattern captured, a column at a time: the XSD's facets as Arrow kernels.

A kernel only ever accepts. A value that it does not take for certain is doubtful: its record goes to the reference
reader, which alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.binary import BINARY_DECODERS, decode_base64
from krr_export.columns import timestamps, usual_instants

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.columns import Odd
    from krr_export.schema import Facets, Field

# A calendar that is right but not complete: 29 February is doubtful.
_SURE_TIME = (
    r"^(19|2\d)\d\d-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]0\d:[0-5]\d)?$"
)

_ENCODED_BINARY = pa.dictionary(pa.int32(), pa.binary())
"""Binary columns are dictionary-encoded, as `columns.to_arrow` has them."""


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
    return _kernel(column)(texts, column)


def _kernel(column: Field) -> Callable[[pa.StringArray, Field], Certain]:
    """What knows all values of the column's type, and all of its facets."""
    facets = column.facets
    if facets.others:
        return _unknown
    if (column.base, facets.white_space) == ("string", "preserve"):
        return _listed if facets.enumeration else _strings
    return _unknown if facets.enumeration else {"base64Binary": _base64, "dateTime": _times}.get(column.base, _unknown)


def _unknown(texts: pa.StringArray, column: Field) -> Certain:
    """Every value is doubtful."""
    kind = _ENCODED_BINARY if column.base in BINARY_DECODERS else column.arrow_type
    return Certain(pa.nulls(len(texts), kind), _rows(pc.is_valid(texts)))


def _strings(texts: pa.StringArray, column: Field) -> Certain:
    return Certain(texts, _wrong_lengths(pc.binary_length(texts), column.facets))


def _listed(texts: pa.StringArray, column: Field) -> Certain:
    listed = pa.array(column.facets.enumeration, pa.string())
    indices = pc.index_in(texts, listed)
    doubtful = _rows(pc.and_(pc.is_valid(texts), pc.is_null(indices)))
    doubtful += _wrong_lengths(pc.binary_length(texts), column.facets)
    array = pa.DictionaryArray.from_arrays(indices.cast(column.arrow_type.index_type), listed)
    return Certain(array, sorted(set(doubtful)))


def _times(texts: pa.StringArray, _column: Field) -> Certain:
    if (instants := usual_instants(texts)) is not None:
        return Certain(instants)
    sure = pc.match_substring_regex(texts, _SURE_TIME)
    array, odd = timestamps(pc.if_else(sure, texts, pa.scalar(None, pa.string())).to_pylist())
    return Certain(array, _rows(pc.invert(sure)), odd)


def _base64(texts: pa.StringArray, column: Field) -> Certain:
    """Decode each distinct value once."""
    encoded = texts.dictionary_encode()
    decoded = [decode_base64(text) for text in encoded.dictionary.to_pylist()]
    wrong = {i for i, value in enumerate(decoded) if value is None or not _fits(len(value), column.facets)}
    # No nulls among them: Arrow cannot unify such dictionaries.
    known = pa.array([value or b"" for value in decoded], pa.binary())
    array = pa.DictionaryArray.from_arrays(encoded.indices, known)
    doubtful = _rows(pc.is_in(encoded.indices, pa.array(sorted(wrong), pa.int32()))) if wrong else []
    return Certain(array, doubtful)


def _fits(length: int, facets: Facets) -> bool:
    return (facets.min_length or 0) <= length and (facets.max_length is None or length <= facets.max_length)


def _wrong_lengths(lengths: pa.Int32Array, facets: Facets) -> list[int]:
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
