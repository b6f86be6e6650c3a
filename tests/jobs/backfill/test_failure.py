"""Whatever ends the conversion of one export is said in one line, and never in a library's words."""

from __future__ import annotations

import errno
import os

import pytest

from krr_export.errors import InputError, OutputError
from krr_export.jobs.backfill.failure import explain

SECRET = "46828100000"  # noqa: S105 - stands for a personal value


@pytest.mark.parametrize(
    ("error", "code", "reason", "said"),
    [
        (InputError("it is damaged", "fetch it again"), 3, InputError.reason, "it is damaged; fetch it again"),
        (MemoryError(SECRET), 4, "out-of-memory", "out of memory; use fewer --processes or --workers"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "part"), 4, "no-space", "cannot convert it: No space left"),
        (RuntimeError("can't start new thread"), 4, OutputError.reason, "no more threads or processes may be started"),
        (ValueError(SECRET), 70, "fault", "a fault of this program: ValueError; convert this export alone"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_said_in_the_programs_words(error: Exception, code: int, reason: str, said: str) -> None:
    found = explain(error)
    assert (found.exit_code, found.reason, found.message[: len(said)]) == (code, reason, said)
    assert SECRET not in found.message
    assert "\n" not in found.message
