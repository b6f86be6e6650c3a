"""Forms that nearly all values have, seen at a glance: so a rule's expression looks at the few others only.

Compiled code sees them (`usual.pyx`), or where that could not be built, the expressions here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from krr_export.domain.digits import string_buffers
from krr_export.domain.mailbox_providers import NAME_AND_SIGNS, NUMBER

try:
    from krr_export.rules.usual import find_unusual

    IS_BUILT = True
except ImportError:  # there was no C compiler when this was installed
    IS_BUILT = False

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

USUAL_MOBILE = r"^(?:(?:\+|00)47)?[49][0-9]{7}$"
USUAL_EMAIL = r"^[0-9A-Za-z_+-]+(?:\.[0-9A-Za-z_+-]+)*@(?:[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*\.)+[A-Za-z]{2,}$"

_KINDS = (USUAL_MOBILE, USUAL_EMAIL, NUMBER, NAME_AND_SIGNS)
"""The forms in the order of `usual.pyx`. It may take fewer values than the expression says, never others."""


def unusual_rows(values: pa.StringArray, among: NDArray[np.bool_], form: str) -> NDArray[np.int64]:
    """The rows of values that are not of a form, or not seen to be.

    Args:
        values: a column.
        among: the rows that are looked at; their values are there.
        form: one of the expressions here, or of `providers`.
    """
    if not IS_BUILT:
        return np.flatnonzero(among & ~np.asarray(pc.match_substring_regex(values, form).fill_null(fill_value=True)))
    offsets, octets = string_buffers(values)
    rows = np.empty(len(values), np.int64)
    addresses = (array.ctypes.data for array in (offsets, octets, among, rows))
    return rows[: find_unusual(_KINDS.index(form), len(values), *addresses)]
