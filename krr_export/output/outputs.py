"""Output files named by the user: never over an input, never into a snapshot, written completely or not at all.

Write such a file with `atomic_write`; before writing into a directory, call `refuse_snapshot`.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from krr_export.domain.store_layout import refuse_snapshot, refuse_store
from krr_export.errors import OutputError, UsageError
from krr_export.input.delivery.finding import DeliveryPath
from krr_export.input.delivery.names import parse_part
from krr_export.util.files import COMMON_HINTS, output_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

STDIO = "-"
_STDIN, _STDOUT = 0, 1


def check_outputs(outputs: Mapping[str, Iterable[str]], inputs: Mapping[str, str]) -> None:
    """Refuse outputs that are the same file as an input, under any name, or are in a snapshot; before any is written.

    Standard output is checked too, if it leads to a file.

    Args:
        outputs: paths to write, by option; ``-`` is standard output.
        inputs: paths to read, by option; ``-`` is standard input.

    Raises:
        UsageError: an output is refused.
    """
    read = [(option, status) for option, path in inputs.items() for status in _input_files(path)]
    output_paths = [(option, path) for option, paths in outputs.items() for path in paths if path != STDIO]
    written = [(option, _status(path)) for option, path in output_paths]
    for option, status in (*written, ("standard output", _status(_STDOUT))):
        for source, input_status in read:
            if status is not None and stat.S_ISREG(status.st_mode) and os.path.samestat(status, input_status):
                raise UsageError(f"{option} is the same file as {source}, which is read", "give another file")
    for _, path in output_paths:
        refuse_snapshot(Path(path))


@contextmanager
def atomic_write(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file to write; it replaces the file of that name only once it is complete.

    A device, a pipe or a descriptor such as ``/dev/stdout`` is written to directly: it must not be replaced.

    Args:
        path: of the file.
        private: whether it holds personal data: then only its owner may read it, and it lies in no store.

    Raises:
        UsageError: the path is in a snapshot, or in a store where it may not be.
        OSError: it cannot be written.
    """
    (refuse_store if private else refuse_snapshot)(path)
    if _is_written_directly(path):
        with path.open("ab") as file:  # a descriptor may lead to a file that others write to too
            yield file
        return
    # The name cannot be predicted: no file or link of that name exists.
    temporary = path.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        with open(temporary, "xb", opener=_open_private if private else None) as file:
            yield file
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def append_line(path: Path, line: bytes) -> None:
    """Append a line to a file, which is made if it is missing and is then its owner's alone.

    Raises:
        UsageError: the path is in a snapshot.
        OSError: it cannot be written; a pipe, because nobody reads it.
    """
    refuse_snapshot(path)
    # In one piece, should another run append too; and not waited for, should it be a pipe.
    opened = _open_private(str(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(opened, line + b"\n")
    finally:
        os.close(opened)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_written_directly(path: Path) -> bool:
    directory = os.path.realpath(path.parent)
    return path.exists() and (not path.is_file() or directory == "/dev" or directory.startswith("/proc/"))


def _input_files(path: str) -> Iterator[os.stat_result]:
    """Yield the files that are read for an input: for a delivery, all parts in its directory."""
    status = _status(_STDIN if path == STDIO else path)
    if status is None:
        return
    yield status
    real = Path(os.path.realpath(path))
    if path != STDIO and DeliveryPath.at(Path(path)):
        for directory in {Path(path).parent, real.parent} if not real.is_dir() else {real}:
            parts = (entry.path for entry in _entries(directory) if parse_part(entry.name) is not None)
            yield from (status for part in parts if (status := _status(part)) is not None)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return []


def _status(path: str | Path | int) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - also of a descriptor
    except (OSError, ValueError):
        return None  # reading or writing the file reports the error


_HINTS = {
    **COMMON_HINTS,
    errno.EISDIR: "a directory lies there: give the name of a file",
    errno.ENOENT: "check the path: its directory must be there",
    errno.ENOTDIR: "check the path: a file lies where a directory is needed",
}


def write_error(what: str, error: OSError) -> OutputError:
    """Return the error for a file named by the user that cannot be written.

    Args:
        what: kind and path of the file; follows "cannot write".
        error: the system's error.
    """
    return output_error(f"write {what}", error, _HINTS, "give a path in a directory that can be written")
