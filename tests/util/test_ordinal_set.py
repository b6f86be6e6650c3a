"""A set of ordinals holds what a set of Python holds, in a bit each."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from krr_export.util.ordinal_set import OrdinalSet

ORDINALS = st.one_of(st.integers(0, 40), st.integers(0, 300_000))


@given(st.lists(st.lists(ORDINALS, max_size=30), max_size=6))
def test_it_holds_what_was_added_in_order_and_once(batches: list[list[int]]) -> None:
    found = OrdinalSet()
    for batch in batches:
        found.add(np.array(batch, np.int64))
    expected = sorted({ordinal for batch in batches for ordinal in batch})
    assert len(found) == len(expected)
    pieces = list(found.pieces())
    assert [ordinal for piece in pieces for ordinal in piece.tolist()] == expected
    assert all(0 < len(piece) <= 1 << 16 for piece in pieces)
