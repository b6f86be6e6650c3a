"""Columns of numbers of one width as matrices of digits, straight from Arrow's buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

_ZERO = ord("0")


@dataclass(frozen=True)
class Digits:
    """A column of numbers of one width.

    Attributes:
        places: uint8, one row a place of the number and one column a value: the digit, or anything where the value is
            not ``whole``.
        whole: bool, one a value: whether it is exactly so many ASCII digits.
    """

    places: NDArray[np.uint8]
    whole: NDArray[np.bool_]

    def weighted(self, weights: Sequence[int]) -> NDArray[np.uint16]:
        """Of each value the sum of its first digits, each times its weight."""
        total: NDArray[np.uint16] = self.places[0].astype(np.uint16) * np.uint16(weights[0])
        for place, weight in zip(self.places[1:], weights[1:], strict=False):
            total += place * np.uint16(weight)
        return total

    def number(self, start: int, end: int) -> NDArray[np.int64]:
        """Of each value the number that the digits from ``start`` up to ``end`` are."""
        total: NDArray[np.int64] = self.places[start].astype(np.int64)
        for place in self.places[start + 1 : end]:
            total *= 10
            total += place
        return total


def digits_of(values: pa.StringArray, width: int) -> Digits:
    """The digits of a column of numbers.

    Args:
        values: the column, as ``pa.string()``; nulls and values of another shape are not ``whole``.
        width: how many digits a number has.
    """
    offsets, octets = string_buffers(values)
    starts, lengths = offsets[:-1], np.diff(offsets)
    fits = lengths == width
    if fits.all():
        matrix = octets[offsets[0] : offsets[-1]].reshape(-1, width)
    else:
        matrix = np.zeros((len(values), width), np.uint8)
        rows = np.flatnonzero(fits)
        matrix[rows] = octets[starts[rows, np.newaxis] + np.arange(width)]
    places = np.ascontiguousarray(matrix.T) - np.uint8(_ZERO)
    # What is less than "0" wraps round to a large number.
    whole = places.max(axis=0, initial=0) <= 9 if width else fits  # noqa: PLR2004 - the largest digit
    if values.null_count:
        whole = whole & np.asarray(values.is_valid())
    return Digits(places, whole & fits)


def string_buffers(values: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """A string array's offsets, one more than values, and the octets that they count in."""
    _, offsets, data = values.buffers()
    if offsets is None or not len(values):
        return np.zeros(len(values) + 1, np.int32), np.zeros(0, np.uint8)
    return (
        np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1],
        np.frombuffer(data or b"", np.uint8),
    )
