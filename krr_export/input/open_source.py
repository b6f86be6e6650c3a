"""Opening of a source: from what a user gave to a stream of bytes, verified first if it is a delivery."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.finding import DeliveryPath
from krr_export.input.delivery.opening import DeliveryOptions, open_delivery
from krr_export.input.objects.address import is_object_uri, parse_object_address
from krr_export.input.objects.reading import copy_delivery, find_delivery, open_object
from krr_export.input.objects.store import open_objects
from krr_export.input.source import DecryptedSource, FileSource, Source
from krr_export.input.temporary import temporary_directory
from krr_export.util.descriptors import clear_of_standard_streams
from krr_export.util.formatting import printable
from krr_export.util.machine_failures import refuse_machine_failure
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Callable

STDIN = "-"


def source_name(spec: str | os.PathLike[str] | BinaryIO) -> str:
    """Return the name of a source for messages and the manifest, without its directory."""
    if not isinstance(spec, (str, os.PathLike)):
        return printable(Path(str(getattr(spec, "name", "stream"))).name)
    if spec == STDIN:
        return "standard input"
    # A file's name may be any bytes; messages and the manifest are text.
    return printable(os.fsencode(Path(spec).name or spec).decode(errors="replace"))


def open_source(
    spec: str | os.PathLike[str] | BinaryIO,
    *,
    delivery: DeliveryOptions | None = None,
    on_read: Callable[[int], object] | None = None,
) -> Source:
    """Open an export as a stream of bytes.

    Args:
        spec: a path, ``-`` for standard input, a binary stream, or the URI of an object. A path or URI may also be
            that of a delivery: one file of a set, or a directory of sets.
        delivery: how a delivery is verified and decrypted.
        on_read: called with the number of bytes just read, as delivered; for progress.

    Raises:
        InputError: there is no such file, it is a directory without a delivery, or it cannot be read; a delivery is not
            what its sender signed, or not for the private key. (The message does not name the source.)
        NetworkError: the object store cannot be reached, or denies access.
        OutputError: a delivery in an object store cannot be copied to the directory of temporary files.
        UsageError: a key for a delivery was not given, or the source is neither a local path nor an object's URI.
    """
    if _is_signed(delivery) and (spec == STDIN or not isinstance(spec, (str, os.PathLike))):
        raise InputError("a delivery is read twice, and a stream cannot be", "give the path of a file of the set")
    if not isinstance(spec, (str, os.PathLike)):
        if not hasattr(spec, "read"):
            raise UsageError("the source is neither a path nor a stream", "for bytes in memory: io.BytesIO(data)")
        return Source(spec, source_name(spec), on_read=on_read)
    if spec == STDIN:
        if sys.stdin is None:
            raise InputError("it is closed", "connect it to a pipe or a file")
        return Source(sys.stdin.buffer, source_name(spec), on_read=on_read)
    if isinstance(spec, str) and is_object_uri(spec):
        return _open_object(spec, delivery, on_read)
    given = local_path(spec)
    found = DeliveryPath.at(given)
    if found is not None:
        return _open_set(found, delivery, on_read)
    if _is_signed(delivery) and given.exists():
        raise _unsigned()
    return _open_file(given, source_name(spec), on_read)


def _open_file(path: Path, name: str, on_read: Callable[[int], object] | None) -> Source:
    try:
        stream = os.fdopen(clear_of_standard_streams(os.open(path, os.O_RDONLY | os.O_CLOEXEC)), "rb")
        status = os.fstat(stream.fileno())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("no such file", "check the path") from None
    except IsADirectoryError:
        raise InputError("it is a directory", "give the export file itself") from None
    except OSError as error:
        refuse_machine_failure("open the source", error)
        raise InputError(
            f"it cannot be read: {os.strerror(error.errno or 0)}", "check the path and its permissions"
        ) from None
    if stat.S_ISREG(status.st_mode):
        return _close_on_error(stream, lambda: FileSource(stream, name, status.st_size, on_read))
    return _close_on_error(stream, lambda: Source(stream, name, on_read=on_read, owns_stream=True))


def _open_object(uri: str, options: DeliveryOptions | None, on_read: Callable[[int], object] | None) -> Source:
    """Open an export or a delivery in an object store."""
    bucket, key = parse_object_address(uri)
    store = open_objects(bucket)
    with temporary_directory("delivery") as directory:
        found = find_delivery(store, key, directory)
        if found is not None:
            copy_delivery(store, key, found, options or DeliveryOptions())
            return _open_set(found, options, on_read)  # what is open can be read without its name
    if _is_signed(options):
        raise _unsigned()
    described = store.describe(key) if key else None
    if described is None:
        raise InputError("there is no such object, and no delivery below it", "give the URI of an export or a delivery")
    stream = open_object(store, key, described)
    return _close_on_error(
        stream, lambda: Source(stream, source_name(uri), size=described.size, on_read=on_read, owns_stream=True)
    )


def _open_set(found: DeliveryPath, options: DeliveryOptions | None, on_read: Callable[[int], object] | None) -> Source:
    opened = open_delivery(found, options or DeliveryOptions())
    return _close_on_error(opened.file, lambda: DecryptedSource(opened, on_read))


def _is_signed(options: DeliveryOptions | None) -> bool:
    """Return whether a signature is relied on: keys were given."""
    return options is not None and bool(options.private_key or options.publisher_cert)


def _unsigned() -> InputError:
    return InputError(
        "it is not named as a file of a delivery, so its signature cannot be verified",
        "give the set under its own names; or, for an export that is not signed, leave the keys out",
    )


def _close_on_error(file: BinaryIO, source: Callable[[], Source]) -> Source:
    try:
        return source()
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        raise
