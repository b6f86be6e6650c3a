"""Fast checks for the forms of nearly all values, so that a rule's regular expression reads only the few others.

Compiled code checks them (`usual.pyx`), or if that could not be built, the regular expressions here.
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
"""The forms in the order of `usual.pyx`. It may accept fewer values than the expression, never others."""


def unusual_rows(values: pa.StringArray, among: NDArray[np.bool_], form: str) -> NDArray[np.int64]:
    """Return the rows of values that do not have a form, or are not recognised to have it.

    Args:
        values: a column.
        among: the rows to check; their values are not null.
        form: one of the expressions here, or of `domain.mailbox_providers`.
    """
    if not IS_BUILT:
        return np.flatnonzero(among & ~np.asarray(pc.match_substring_regex(values, form).fill_null(fill_value=True)))
    offsets, octets = string_buffers(values)
    rows = np.empty(len(values), np.int64)
    addresses = (array.ctypes.data for array in (offsets, octets, among, rows))
    return rows[: find_unusual(_KINDS.index(form), len(values), *addresses)]
