"""Violations: the rows that break a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Violation:
    """Rows of a batch that break a rule.

    Attributes:
        code: the rule's.
        column: the name of the column concerned.
        rows: int64, in order; at least one.
    """

    code: str
    column: str
    rows: NDArray[np.int64]


def violations(code: str, column: str, broken: pa.BooleanArray | NDArray[np.bool_]) -> Iterator[Violation]:
    """Yield a violation by the rows where ``broken`` is true, if there are any."""
    if isinstance(broken, np.ndarray):
        rows: NDArray[np.int64] = np.flatnonzero(broken)
    elif not broken.true_count:
        return
    else:
        rows = np.asarray(pc.indices_nonzero(broken)).astype(np.int64)
    if rows.size:
        yield Violation(code, column, rows)


def violations_among(rows: NDArray[np.int64], code: str, column: str, broken: pa.BooleanArray) -> Iterator[Violation]:
    """Yield the same if only some ``rows`` were checked: ``broken`` has a value for each of these."""
    if broken.true_count:
        yield Violation(code, column, rows[np.asarray(broken.fill_null(fill_value=False))])
