"""Fingerprints of rows: 64 bits that are equal if all values are, and differ almost certainly if one does."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Fingerprinter:
    """Makes fingerprints, which are comparable only with others of the same object.

    Texts are hashed as Python hashes them: by SipHash, under a secret of this process. The hashes of all columns are
    added up with random odd weights. So a sender cannot choose values whose fingerprints are the same.
    """

    def __init__(self) -> None:
        self._random = np.random.Generator(np.random.PCG64(secrets.randbits(128)))
        self._null = self._weight()
        self._weights: dict[str, np.uint64] = {}

    def fingerprints(self, batch: pa.RecordBatch) -> NDArray[np.uint64]:
        """Return the fingerprint of each row of ``batch``.

        Two values of a column are equal however they are encoded: as text, or as a dictionary of text.
        """
        total = np.zeros(batch.num_rows, np.uint64)
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name not in self._weights:
                self._weights[name] = self._weight()
            total += self._hashes(column) * self._weights[name]
        return total

    def _weight(self) -> np.uint64:
        return self._random.integers(2**64, dtype=np.uint64, endpoint=False) | np.uint64(1)

    def _hashes(self, column: pa.Array) -> NDArray[np.uint64]:
        if pa.types.is_dictionary(column.type):
            # The last code is that of null.
            distinct = np.append(self._hashes(column.dictionary), self._null)
            hashes: NDArray[np.uint64] = distinct[
                pc.fill_null(column.indices.cast(pa.int64()), len(distinct) - 1).to_numpy()
            ]
            return hashes
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            values = column.to_numpy(zero_copy_only=False)
            hashes = np.fromiter(map(hash, values), np.int64, len(values)).view(np.uint64)
        else:
            hashes = pc.fill_null(column.cast(pa.int64()), 0).to_numpy().view(np.uint64)
        if not column.null_count:
            return hashes
        return np.where(column.is_null().to_numpy(zero_copy_only=False), self._null, hashes)
