"""The first look: which rows may have changed, from a code and a fingerprint of each row.

Nearly all rows of two nights are the same. They are recognised here, in 22 bytes for each row of the earlier table and
none for each row of the later one; only the values of the others are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from krr_export.changes.fingerprints import Fingerprinter
from krr_export.changes.key_codes import key_codes
from krr_export.domain.vocabulary import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray


class CandidateFinder:
    """Finds the keys of rows that may have changed.

    Args:
        rows: the number of rows of the earlier table.
        batches: its rows; they have at least the key and the compared columns.
        compared: the columns whose values make a row changed.
    """

    def __init__(self, rows: int, batches: Iterable[pa.RecordBatch], compared: Sequence[str]) -> None:
        self._compared = list(compared)
        self._fingerprinter = Fingerprinter()
        codes, self._prints = np.empty(rows, np.uint64), np.empty(rows, np.uint64)
        end = 0
        for batch in batches:
            start, end = end, end + batch.num_rows
            codes[start:end], self._prints[start:end] = self._look_at(batch)
        self._order = np.argsort(codes).astype(np.uint32)
        codes.sort()
        self._codes = codes
        self._is_repeated = np.zeros(rows, np.bool_)  # sorted by code, like everything below
        self._is_repeated[:-1] = codes[:-1] == codes[1:]
        self._is_seen = np.zeros(rows, np.bool_)
        self._found: list[NDArray[np.uint64]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Compare the next rows of the later table with the earlier one."""
        codes, prints = self._look_at(batch)
        codes, first, counts = np.unique(codes, return_index=True, return_counts=True)
        places = np.searchsorted(self._codes, codes)
        is_known = places < len(self._codes)
        is_known[is_known] = self._codes[places[is_known]] == codes[is_known]
        known = places[is_known]
        # If a key occurs twice in a table, its values are compared: codes do not say which row is which.
        is_same = self._prints[self._order[known]] == prints[first[is_known]]
        is_same &= (counts[is_known] == 1) & ~self._is_repeated[known] & ~self._is_seen[known]
        self._is_seen[known] = True
        self._found += [codes[~is_known], codes[is_known][~is_same]]

    def candidates(self) -> NDArray[np.uint64]:
        """Return the distinct codes, sorted, of the keys whose rows may have changed or are in one table only."""
        return np.unique(np.concatenate([*self._found, self._codes[~self._is_seen]]))

    def _look_at(self, batch: pa.RecordBatch) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return code and fingerprint of each row."""
        return key_codes(batch.column(IDENTIFIER)), self._fingerprinter.fingerprints(batch.select(self._compared))
