"""What is certain of values that a pattern captured, a column at a time: the XSD's facets as Arrow kernels.

A kernel only ever accepts. A value that it does not take for certain is doubtful: its record goes to the reference
reader, which alone decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.binary import BINARY_DECODERS, decode_base64
from krr_export.columns import INSTANT, timestamps, usual_instants

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from krr_export.columns import Odd
    from krr_export.schema import Facets, Field

# A calendar that is right but not complete: 29 February is doubtful.
_SURE_TIME = (
    r"^(19|2\d)\d\d-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]0\d:[0-5]\d)?$"
)

# Arrow judges the digits: what they say, and that they are some.
_USUAL_TIME = re.compile(rb"[12]...-..-..T..:..:..(?:\..{1,6})?(?:Z|[+-]0.:..)")
_PUNCTUATION = b"-T:.Z"
_HOUR = 11
_MIDNIGHT_24 = b"24"
"""An hour that the XSD knows, and Arrow does not: one such value would make it give up all others."""

_WHITE_SPACE = re.compile(r"\s")

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


def certain(column: Field, captured: pa.StringArray | pa.BinaryArray) -> Certain | None:
    """Type captured values and say which are doubtful; ``None`` where some are not UTF-8.

    Args:
        column: the field.
        captured: its values, null where absent, as text where ASCII, else as bytes. Text is what it seems (see
            `readers.expression`); times may hold anything.
    """
    is_ascii = captured.type == pa.string()
    try:
        texts = captured if is_ascii else captured.cast(pa.string())
    except pa.ArrowInvalid:
        return None
    return _kernel(column)(_Captured(texts, is_ascii), column)


@dataclass(frozen=True)
class _Captured:
    """A column of captured values, as text."""

    texts: pa.StringArray
    is_ascii: bool

    @property
    def lengths(self) -> pa.Int32Array:
        """In characters."""
        return pc.binary_length(self.texts) if self.is_ascii else pc.utf8_length(self.texts)


def _kernel(column: Field) -> Callable[[_Captured, Field], Certain]:
    """What knows all values of the column's type, and all of its facets."""
    facets = column.facets
    if facets.others:
        return _unknown
    if (column.base, facets.white_space) == ("string", "preserve"):
        return _listed if facets.enumeration else _strings
    return _unknown if facets.enumeration else {"base64Binary": _base64, "dateTime": _times}.get(column.base, _unknown)


def _unknown(captured: _Captured, column: Field) -> Certain:
    """Every value is doubtful."""
    kind = _ENCODED_BINARY if column.base in BINARY_DECODERS else column.arrow_type
    return Certain(pa.nulls(len(captured.texts), kind), _rows(pc.is_valid(captured.texts)))


def _strings(captured: _Captured, column: Field) -> Certain:
    return Certain(captured.texts, _wrong_lengths(captured, column.facets))


def _listed(captured: _Captured, column: Field) -> Certain:
    texts = captured.texts
    listed = pa.array(column.facets.enumeration, pa.string())
    indices = pc.index_in(texts, listed)
    doubtful = _wrong_lengths(captured, column.facets)
    if indices.null_count > texts.null_count:
        doubtful += _rows(pc.and_not(pc.is_valid(texts), pc.is_valid(indices)))
    array = pa.DictionaryArray.from_arrays(indices.cast(column.arrow_type.index_type), listed)
    return Certain(array, sorted(set(doubtful)))


def _times(captured: _Captured, _column: Field) -> Certain:
    texts = captured.texts
    usual = _are_usual(texts)
    instants = usual_instants(_where(pa.array(usual), texts))
    if instants is None:  # some are of a usual form, but no times
        usual, instants = np.zeros(len(texts), np.bool_), pa.nulls(len(texts), INSTANT)
    others = np.flatnonzero(~usual)
    if not others.size:
        return Certain(instants)
    texts = texts.take(others)
    sure = pc.match_substring_regex(texts, _SURE_TIME)
    array, odd = timestamps(_where(sure, texts))
    places = np.arange(len(usual))
    places[others] = len(usual) + np.arange(len(others))
    doubtful = others[_rows(pc.invert(sure))].tolist()
    return Certain(
        pa.concat_arrays([instants, array]).take(places),
        doubtful,
        {code: others[rows].tolist() for code, rows in odd.items()},
    )


def _where(chosen: pa.BooleanArray, texts: pa.StringArray) -> pa.StringArray:
    everything = pc.all(chosen, min_count=0).as_py()
    return texts if everything else pc.if_else(chosen, texts, pa.scalar(None, pa.string()))


def _are_usual(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Which times, if any, are of the form of the first one of their length, and that one's form is a usual one.

    The rest is for Arrow's strict parser to judge, which knows more forms than the XSD.
    """
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int32)[texts.offset :][: len(texts) + 1]
    octets = np.frombuffer(data or b"", np.uint8)
    lengths = np.diff(starts)
    usual: NDArray[np.bool_] = lengths == 0
    for length in np.unique(lengths[~usual]).tolist():
        rows = lengths == length
        if length * np.count_nonzero(rows) == starts[-1] - starts[0]:  # no other length: they lie in rows already
            times = octets[starts[0] : starts[-1]].reshape(-1, length)
        else:
            times = octets[starts[:-1][rows, np.newaxis] + np.arange(length)]
        if _USUAL_TIME.fullmatch(first := times[0].tobytes()):
            alike = (times[:, _HOUR] != _MIDNIGHT_24[0]) | (times[:, _HOUR + 1] != _MIDNIGHT_24[1])
            for place in _fixed_places(first):
                alike &= times[:, place] == first[place]
            usual[rows] = alike
    return usual


def _fixed_places(time: bytes) -> list[int]:
    """Where other times of the form of ``time`` must be the same: punctuation, and an offset of less than ten hours."""
    places = [place for place, octet in enumerate(time) if octet in _PUNCTUATION]
    if time.endswith(b"Z"):
        return places
    sign = len(time) - 6  # Arrow looks for it itself
    return [*(place for place in places if place != sign), sign + 1]


def _base64(captured: _Captured, column: Field) -> Certain:
    """Decode each distinct value once."""
    encoded = captured.texts.dictionary_encode()
    decoded = [_decoded(text, column.facets) for text in encoded.dictionary.to_pylist()]
    wrong = [index for index, value in enumerate(decoded) if value is None]
    # No nulls among them: Arrow cannot unify such dictionaries.
    known = pa.array([value or b"" for value in decoded], pa.binary())
    array = pa.DictionaryArray.from_arrays(encoded.indices, known)
    doubtful = _rows(pc.is_in(encoded.indices, pa.array(wrong, pa.int32()))) if wrong else []
    return Certain(array, doubtful)


def _decoded(text: str, facets: Facets) -> bytes | None:
    """A base64 value that is certain; ``None`` for any other, one with white space among them."""
    value = decode_base64(text)
    certain = value is not None and _fits(len(value), facets) and not _WHITE_SPACE.search(text)
    return value if certain else None


def _fits(length: int, facets: Facets) -> bool:
    return (facets.min_length or 0) <= length and (facets.max_length is None or length <= facets.max_length)


def _wrong_lengths(captured: _Captured, facets: Facets) -> list[int]:
    """Rows whose length the facets do not allow."""
    if facets.min_length is None and facets.max_length is None:
        return []
    lengths = captured.lengths
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
