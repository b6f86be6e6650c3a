"""The records with findings, by code and column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class FindingRows:
    """The records with a finding of one code about one column.

    Attributes:
        code: the code.
        column: an index into the schema's fields.
        ordinals: of the records; each once.
    """

    code: str
    column: int
    ordinals: NDArray[np.int64]
