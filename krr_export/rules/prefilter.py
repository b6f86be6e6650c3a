"""A prefilter: patterns that nearly all valid values match, so that a rule's regular expression reads only the others.

Compiled code matches them (`matcher.pyx`), or if that could not be built, the regular expressions here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from krr_export.domain.digits import string_buffers
from krr_export.domain.mailbox_providers import NAME_AND_SIGNS, NUMBER

try:
    from krr_export.rules.matcher import find_unmatched

    IS_BUILT = True
except ImportError:  # there was no C compiler when this was installed
    IS_BUILT = False

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

MOBILE_PATTERN = r"^(?:(?:\+|00)47)?[49][0-9]{7}$"
EMAIL_PATTERN = r"^[0-9A-Za-z_+-]+(?:\.[0-9A-Za-z_+-]+)*@(?:[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*\.)+[A-Za-z]{2,}$"

_PATTERNS = (MOBILE_PATTERN, EMAIL_PATTERN, NUMBER, NAME_AND_SIGNS)
"""In the order of `matcher.pyx`, which may match fewer values than the expression, never others."""


def unmatched_rows(values: pa.StringArray, among: NDArray[np.bool_], pattern: str) -> NDArray[np.int64]:
    """Return the rows that the prefilter leaves to the rule: their values are not known to match the pattern.

    Args:
        values: a column.
        among: the rows to check; their values are not null.
        pattern: one of the expressions here, or of `domain.mailbox_providers`.
    """
    if not IS_BUILT:
        return np.flatnonzero(among & ~np.asarray(pc.match_substring_regex(values, pattern).fill_null(fill_value=True)))
    offsets, octets = string_buffers(values)
    rows = np.empty(len(values), np.int64)
    addresses = (array.ctypes.data for array in (offsets, octets, among, rows))
    return rows[: find_unmatched(_PATTERNS.index(pattern), len(values), *addresses)]
