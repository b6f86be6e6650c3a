"""A failure as a value: what a process that converts an export hands back instead of an exception.

An exception of a library may quote rows, and so would its pickle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from krr_export.errors import KilledError, KrrExportError, OutputError, no_more_threads
from krr_export.util.files import COMMON_HINTS, output_error

BAD_EXPORT = frozenset({1, 3, 5})
"""Exit codes that are about the export itself: the others are about the machine, the options or this program."""


@dataclass(frozen=True)
class Failure:
    """Why an export was not converted.

    Attributes:
        message: what happened and what to do, in one line.
        exit_code: that of ``convert``.
        reason: a word of `errors.REASONS`.
    """

    message: str
    exit_code: int
    reason: str

    @classmethod
    def of(cls, error: KrrExportError) -> Self:
        """Return what an error says."""
        return cls(str(error), error.exit_code, error.reason)


def explain(error: Exception) -> Failure:
    """Return what is to be said of an error, whatever its kind; nothing of a library's own text."""
    match error:
        case KrrExportError():
            return Failure.of(error)
        case MemoryError():
            hint = "use fewer --processes or --workers, or a larger machine"
            return Failure(f"out of memory; {hint}", OutputError.exit_code, "out-of-memory")
        case OSError():
            return Failure.of(output_error("convert it", error, COMMON_HINTS, "correct that, and run again"))
    if (threads := no_more_threads(error)) is not None:
        return Failure.of(threads)
    what = f"a fault of this program: {type(error).__name__}"
    return Failure.of(KrrExportError(what, "convert this export alone, and report the file that is then named"))


def killed(number: int) -> Failure:
    """Return what is to be said of a process that ended without a result.

    Args:
        number: of the signal that ended it; 0 if none did.
    """
    how = f"was killed (signal {number})" if number else "ended early"
    return Failure.of(
        KilledError(
            f"the process that converted it {how}, as by a system without memory",
            "run again, perhaps with fewer --processes or --workers",
        )
    )
