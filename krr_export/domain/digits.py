"""Columns of fixed-width numbers as matrices of digits, straight from Arrow's buffers."""

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
    """A column of fixed-width numbers.

    Attributes:
        matrix: uint8, a row for each position in the number and a column for each value: the digit, or anything where
            the value is not ``whole``.
        whole: bool, one for each value: whether it is exactly that many ASCII digits.
    """

    matrix: NDArray[np.uint8]
    whole: NDArray[np.bool_]

    def weighted_sum(self, weights: Sequence[int]) -> NDArray[np.uint16]:
        """Return for each value the sum of its first digits, each times its weight."""
        total: NDArray[np.uint16] = self.matrix[0].astype(np.uint16) * np.uint16(weights[0])
        for digits, weight in zip(self.matrix[1:], weights[1:], strict=False):
            total += digits * np.uint16(weight)
        return total

    def number(self, start: int, end: int) -> NDArray[np.int64]:
        """Return for each value the number that its digits from ``start`` up to ``end`` form."""
        total: NDArray[np.int64] = self.matrix[start].astype(np.int64)
        for digits in self.matrix[start + 1 : end]:
            total *= 10
            total += digits
        return total


def to_digits(values: pa.StringArray, width: int) -> Digits:
    """Split a column of numbers into digits.

    Args:
        values: the column, as ``pa.string()``; nulls and values of another shape are not ``whole``.
        width: the number of digits in a number.
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
    matrix = np.ascontiguousarray(matrix.T) - np.uint8(_ZERO)
    # An octet below "0" wraps round to a large number.
    whole = matrix.max(axis=0, initial=0) <= 9 if width else fits  # noqa: PLR2004 - the largest digit
    if values.null_count:
        whole = whole & np.asarray(values.is_valid())
    return Digits(matrix, whole & fits)


def string_buffers(values: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return a string array's offsets, one more than it has values, and the octets that they index."""
    _, offsets, data = values.buffers()
    if offsets is None or not len(values):
        return np.zeros(len(values) + 1, np.int32), np.zeros(0, np.uint8)
    return (
        np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1],
        np.frombuffer(data or b"", np.uint8),
    )
