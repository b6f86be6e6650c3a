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
"""The hint where bytes were lost or changed on their way; callers who know a better one replace it."""


class KrrExportError(Exception):
    """The root of all errors that this package raises on purpose."""

    exit_code: ClassVar[int] = FAULT
    reason: ClassVar[str] = "fault"
    """The kind of error in a word of `REASONS`, for programs."""

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
    reason = "usage"


class InputError(KrrExportError):
    """The input is unusable: missing, truncated, not well-formed, not an export, hostile (exit 3)."""

    exit_code = 3
    reason = "input"


class DeliveryError(InputError):
    """The files of a delivery are unusable as they lie there: damaged, mixed up, or not for us (exit 3).

    Another copy may be whole, so a fetch sets aside a file that raises this.
    """

    reason = "delivery"


class OutputError(KrrExportError):
    """The output or the machine failed: disk, permissions, memory, a worker, the store's lock (exit 4)."""

    exit_code = 4
    reason = "output"


class BusyError(OutputError):
    """Another run holds the store, or the directory of deliveries or pages."""

    reason = "busy"


class NoSpaceError(OutputError):
    """The disk, or the user's share of it, is full."""

    reason = "no-space"


class KilledError(OutputError):
    """A process that did a part of the work was killed."""

    reason = "killed"


class GuardError(KrrExportError):
    """A guard tripped: what came differs from what was expected, or from what is published (exit 5)."""

    exit_code = 5
    reason = "guard"


class AgeError(GuardError):
    """The export is older than ``--max-age`` allows."""

    reason = "age"


class FutureError(GuardError):
    """The export's time has not come."""

    reason = "future"


class OlderError(GuardError):
    """The export is older than the newest snapshot."""

    reason = "older"


class PublishedError(GuardError):
    """The export is published already, with another result."""

    reason = "published-otherwise"


class NetworkError(KrrExportError):
    """The network failed: host, authentication, transfer (exit 6)."""

    exit_code = 6
    reason = "network"


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
    """What an exit code says, for `--help` and the documents; nothing else tells transient from permanent."""

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


@dataclass(frozen=True)
class Reason:
    """A kind of failure, in a word that programs may depend on: ``reason`` in the JSON of ``--json`` and of logs."""

    word: str
    exit_code: int
    means: str


REASONS = (
    Reason("damaged", 1, "of `verify`, `history`, `check`: a snapshot is not as its manifest says"),
    Reason("too-many-rejects", 1, "more records are refused than `--max-rejects` allows"),
    Reason("rejects", 1, "of `validate`: the same"),
    Reason("empty", 1, "the export has no records, and there is no `--allow-empty`"),
    Reason("duplicates", 1, "identity numbers that occur twice, which `--strict` does not allow"),
    Reason("refused", 1, "of `check`: an export made after the newest snapshot was not published"),
    Reason("latest", 1, "of `check`: the link does not point to the newest snapshot"),
    Reason("different", 1, "of `diff --exit-code`: the snapshots differ"),
    Reason(UsageError.reason, UsageError.exit_code, "an option or argument cannot be honoured"),
    Reason(InputError.reason, InputError.exit_code, "the input is unusable"),
    Reason(
        DeliveryError.reason,
        DeliveryError.exit_code,
        "the files of a delivery are damaged, incomplete, mixed up, or not for us; another copy may do",
    ),
    Reason("soap-fault", InputError.exit_code, "of `soap`: the service answered with a fault"),
    Reason(OutputError.reason, OutputError.exit_code, "the output or the machine failed"),
    Reason(BusyError.reason, BusyError.exit_code, "another run is at work on the same store or directory"),
    Reason(NoSpaceError.reason, NoSpaceError.exit_code, "the disk is full, or the quota used up"),
    Reason(
        KilledError.reason,
        KilledError.exit_code,
        "of `backfill`: a process or workers were killed, as where there is no memory",
    ),
    Reason("out-of-memory", OutputError.exit_code, "there was too little memory"),
    Reason(GuardError.reason, GuardError.exit_code, "what came differs too much from what was expected"),
    Reason(AgeError.reason, AgeError.exit_code, "the export is older than `--max-age` allows"),
    Reason(FutureError.reason, FutureError.exit_code, "the export's time has not come"),
    Reason(OlderError.reason, OlderError.exit_code, "of `run`: the export is older than the newest snapshot"),
    Reason(PublishedError.reason, PublishedError.exit_code, "the export is published already, with another result"),
    Reason(NetworkError.reason, NetworkError.exit_code, "host, authentication or transfer failed"),
    Reason(KrrExportError.reason, FAULT, "a fault of this program"),
    Reason("installation", FAULT, "a package that this program needs cannot be loaded"),
    Reason("hung-up", 129, "SIGHUP"),
    Reason("interrupted", INTERRUPTED, "SIGINT"),
    Reason("terminated", 143, "SIGTERM"),
)
"""All reasons there are; the first of an exit code is the one where nothing tells more."""


def default_reason(exit_code: int) -> str:
    """Return the reason for an exit code of a failure where nothing more is known."""
    return next(reason.word for reason in REASONS if reason.exit_code == exit_code)


def is_retryable(exit_code: int) -> bool:
    """Return whether what led to the exit code may pass by itself."""
    return any(code.transient for code in EXIT_CODES if code.number == exit_code)
