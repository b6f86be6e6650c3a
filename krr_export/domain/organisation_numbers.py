"""Organisation numbers of the Brønnøysund register centre, a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.domain.digits import digits_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = 9

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2, 1)
"""The check digit weighs 1: the sum of a valid number is a multiple of eleven."""


def are_valid(values: pa.StringArray) -> pa.BooleanArray:
    """Whether each is nine digits of which the last is the check digit (modulus 11); null for null.

    Args:
        values: a column of organisation numbers.
    """
    digits = digits_of(values, WIDTH)
    valid: NDArray[np.bool_] = digits.whole & (digits.weighted(_WEIGHTS) % 11 == 0)
    return pa.array(valid, mask=np.asarray(values.is_null()) if values.null_count else None)
