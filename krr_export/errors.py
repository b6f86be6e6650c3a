"""What can go wrong, each kind with the exit code that pipelines depend on.

Every message is one line that says what happened; ``hint`` says what to do. Neither ever carries a value from the
data: only positions, field names, codes and lengths.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import ClassVar

FAULT = 70
INTERRUPTED = 130

TRANSFER_AGAIN = "transfer it again"
"""The hint where bytes were lost or changed on their way; where they were not, whoever knows better replaces it."""


class KrrExportError(Exception):
    """The root of all errors that this package raises on purpose."""

    exit_code: ClassVar[int] = FAULT

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
    """A guard tripped: what came differs from what was expected, or from what is published (exit 5)."""

    exit_code = 5


class NetworkError(KrrExportError):
    """The network failed: host, authentication, transfer (exit 6)."""

    exit_code = 6


def no_more_threads(error: BaseException) -> OutputError | None:
    """The error to raise instead, where Python says that the system gives this user or container no more threads."""
    # Python has no kind of error of its own for it; Arrow passes on what the system says.
    if isinstance(error, RuntimeError) and str(error) in ("can't start new thread", os.strerror(errno.EAGAIN)):
        return OutputError(
            "no more threads or processes may be started",
            "use fewer --workers, or raise the limit (ulimit -u, a container's pids, TasksMax)",
        )
    return None


@dataclass(frozen=True)
class ExitCode:
    """What an exit code says, for `--help` and docs/exit-codes.md; nothing else tells transient from permanent."""

    number: int
    word: str
    means: str
    todo: str
    transient: bool = False
    """Whether it may pass by itself, so that a scheduler may run the same command again."""
    published: str = "no"


_AGAIN = "run again"

EXIT_CODES = (
    ExitCode(0, "done", "done", "nothing", published="yes"),
    ExitCode(
        1,
        "rejects",
        "more rejects than allowed, strict duplicates, or an empty export; of `verify`, `history`, `check`: a damaged"
        " snapshot; of `check` also an export that was refused, or `latest` elsewhere; of `diff --exit-code`: a"
        " difference",
        "read `report.json` in the directory that the last line names; then ask the sender, or raise `--max-rejects`",
    ),
    ExitCode(
        UsageError.exit_code,
        "usage",
        "wrong usage; the store is of another kind than what was asked for, or is a snapshot",
        "mend the command or the configuration, or choose another store",
    ),
    ExitCode(
        InputError.exit_code,
        "input",
        "the input is unusable: missing, truncated, not well-formed, no export, no snapshot, no store, a missing page"
        " of changes; a wrong signature; a key, certificate or passphrase that does not fit",
        "transfer it again, or correct what the last line names; then ask the sender",
    ),
    ExitCode(
        OutputError.exit_code,
        "output or machine",
        "the output or the machine failed: disk, permissions, memory, another run",
        "correct what the last line names, and run again",
        transient=True,
        published="no; or the last line says that it is, and what else failed",
    ),
    ExitCode(
        GuardError.exit_code,
        "guard",
        "a guard tripped: the export is older than `--max-age`, or from the future; of `run`, older than the newest"
        " snapshot; it differs too much from the snapshot before it; or it is published already, with another result;"
        " of `check`: the newest snapshot is older than `--max-age`, or from the future",
        "read in the last line what differs; ask the sender, or accept it with the option that is named",
    ),
    ExitCode(
        NetworkError.exit_code,
        "network",
        "the network failed: no answer, a cut line; the server or the login was refused",
        "run again later; where the last line names a host key or the login, look first",
        transient=True,
    ),
    ExitCode(
        FAULT,
        "fault",
        "a fault of this program, or of how it is installed",
        "report it with the file that the last line names, which holds no data; or install it anew, where it says so",
    ),
    ExitCode(129, "hung up", "hung up (SIGHUP): the terminal or the connection went away", _AGAIN, transient=True),
    ExitCode(INTERRUPTED, "interrupted", "interrupted (SIGINT)", _AGAIN, transient=True),
    ExitCode(
        134,
        "aborted",
        "aborted (SIGABRT): a library in C++ got no memory",
        "use fewer `--workers`, or a larger machine",
        transient=True,
    ),
    ExitCode(
        137,
        "killed",
        "killed (SIGKILL), as by a system or a container without memory",
        "use fewer `--workers`, or a larger machine",
        transient=True,
        published="no, or all of it",
    ),
    ExitCode(143, "terminated", "terminated (SIGTERM)", _AGAIN, transient=True),
)
"""All exit codes there are."""
