"""What can go wrong, each kind with the exit code that pipelines depend on.

Every message is one line that says what happened; ``hint`` says what to do. Neither ever carries a value from the
data: only positions, field names, codes and lengths.
"""

from __future__ import annotations

from typing import ClassVar


class KrrExportError(Exception):
    """The root of all errors that this package raises on purpose."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[KrrExportError], tuple[str, str | None]]:
        return type(self), (self.message, self.hint)  # else a worker's error would arrive without its hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(KrrExportError):
    """An option or argument that cannot be honoured (exit 2)."""

    exit_code = 2


class InputError(KrrExportError):
    """The input is unusable: missing, truncated, not well-formed, not an export, hostile (exit 3)."""

    exit_code = 3


class DeliveryError(InputError):
    """The files of a delivery are unusable as they lie there: damaged, mixed up, or not for us (exit 3).

    Another copy of them may do, so whoever fetches sets aside what raises this.
    """


class OutputError(KrrExportError):
    """The output or the machine failed: disk, permissions, memory, a worker, the store's lock (exit 4)."""

    exit_code = 4


class GuardError(KrrExportError):
    """A guard tripped: what came differs too much from what was expected (exit 5)."""

    exit_code = 5


class NetworkError(KrrExportError):
    """The network failed: host, authentication, transfer (exit 6)."""

    exit_code = 6
