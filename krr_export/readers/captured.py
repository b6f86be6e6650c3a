"""Captured values on their way into Arrow: joined and measured together, so that no value is looked at in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class CapturedColumn:
    """One column of captured values, collected from one stretch of a block after the other."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._lengths: list[NDArray[np.int32]] = []

    def extend(self, values: Sequence[bytes]) -> None:
        """Add values, empty where nothing was captured: no group captures an empty value."""
        data = b"".join(values)
        self._data.append(data)
        count = len(values)
        self._lengths.append(np.fromiter(map(len, values), np.int32, count) if data else np.zeros(count, np.int32))

    def array(self, count: int) -> pa.StringArray | pa.BinaryArray:
        """All ``count`` values, null where nothing was captured; as text where ASCII, else as they are."""
        if not self._lengths:
            return pa.nulls(count, pa.string())
        lengths = np.concatenate(self._lengths)
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        present = np.packbits(lengths > 0, bitorder="little")
        data = b"".join(self._data)
        kind = pa.string() if data.isascii() else pa.binary()
        return pa.Array.from_buffers(kind, count, [pa.py_buffer(part) for part in (present, offsets, data)])
