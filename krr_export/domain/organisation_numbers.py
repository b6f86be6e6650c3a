"""Organisation numbers of the Brønnøysund register centre, a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.domain.digits import to_digits

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = 9

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2, 1)
"""The check digit weighs 1: the sum of a valid number is a multiple of eleven."""


def are_valid(values: pa.StringArray) -> pa.BooleanArray:
    """Return whether each value is nine digits with a valid check digit (modulus 11) at the end; null for null."""
    digits = to_digits(values, WIDTH)
    valid: NDArray[np.bool_] = digits.whole & (digits.weighted_sum(_WEIGHTS) % 11 == 0)
    return pa.array(valid, mask=np.asarray(values.is_null()) if values.null_count else None)
