"""An object store as publishing needs it: whole objects, conditions on small ones, and none of the library's own words.

The library's messages hold what the server answered, so none is passed on.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from krr_export.errors import InputError, NetworkError, UsageError
from krr_export.input.objects.environment import check_environment, has_credentials
from krr_export.util.stored_json import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from krr_export.input.objects.address import Address

_CHUNK = 1 << 20
_UPLOAD_CHUNK, _UPLOADS_AT_ONCE = 8 << 20, 4
"""Bytes of a part of a large object, and how many are on their way: 32 MB of memory. S3 takes 10 000 parts: 80 GB."""
_RETRIES: Any = {
    "max_retries": 5,
    "retry_timeout": timedelta(minutes=2),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=10), "base": 2},
}
_DENIED_HINT = (
    "give its credentials in the environment, with the right to read, write, list and, to prune, delete there"
)
_FAILED_HINT = (
    "are its address, endpoint, region and credentials in the environment right? see docs/guides/object-stores.md"
)
_DENIED = ("status code: 401", "status code: 403")
_MISSING_PLACE = ("<Code>ContainerNotFound<", "<Code>NoSuchBucket<", "The specified container does not exist")
"""Azure says the last, without a code, of several deleted at once."""
_ILLEGAL_NAME = "Error parsing Path"
_PANIC = "PanicException"
"""What the library raises where its authors expected no failure; it cannot be imported, and is no `Exception`."""


class Native(Protocol):
    """What is used of a store of obstore, with its own types, which are loaded only when they are needed."""

    @property
    def get(self) -> Callable[..., Any]:
        """Open an object."""

    @property
    def put(self) -> Callable[..., Any]:
        """Write an object, whole or not at all."""

    @property
    def delete(self) -> Callable[..., Any]:
        """Delete objects."""

    @property
    def head(self) -> Callable[..., Any]:
        """Describe an object."""

    @property
    def list(self) -> Callable[..., Any]:
        """List objects, in batches."""

    @property
    def list_with_delimiter(self) -> Callable[..., Any]:
        """List the objects and directories of one directory."""


@dataclass(frozen=True)
class Found:
    """A small object as it was read.

    Attributes:
        body: all of it.
        version: says which one it is, for `ObjectStore.replace`.
    """

    body: bytes
    version: dict[str, str]


@dataclass(frozen=True)
class Described:
    """What an object store says of an object.

    Attributes:
        size: in bytes.
        e_tag: says which version of it it is, for `ObjectStore.read_range`; ``None`` if the store does not say.
    """

    size: int
    e_tag: str | None


class ObjectStore:
    """A place in an object store. Keys are relative to it.

    All methods raise:
        NetworkError: access is denied, or the store cannot be reached or does not answer as it should.
        UsageError: there is no such bucket or container.

    Args:
        native: a store of obstore.
        uri: of the place, for messages and lists.
        has_credentials: whether the environment has any; without, there is no use in trying again.
    """

    def __init__(self, native: Native, uri: str, *, has_credentials: bool = True) -> None:
        from obstore import exceptions  # noqa: PLC0415 - an optional package

        self._native = native
        self._errors = exceptions
        self._has_credentials = has_credentials
        self.uri = uri

    def read(self, key: str) -> Found | None:
        """Return a small object, or ``None`` if it is missing.

        Raises:
            InputError: it is too large to be one of this tool.
        """
        with self._failures():
            try:
                got = self._native.get(key)
            except FileNotFoundError:
                return None
            if got.meta["size"] > MAX_BYTES:
                raise InputError(f"{self.uri}/{key} is damaged or not of this tool")
            version = {name: got.meta[name] for name in ("e_tag", "version") if got.meta[name] is not None}
            return Found(bytes(got.bytes()), version)

    def create(self, key: str, body: bytes) -> bool:
        """Write a small object unless there is one already; return whether it was written."""
        return self._put_if(key, body, "create")

    def replace(self, key: str, body: bytes, seen: Found) -> bool:
        """Write a small object if it still is the one that was read; return whether it was written."""
        return self._put_if(key, body, seen.version)

    def write(self, key: str, body: Iterable[bytes]) -> None:
        """Write an object, in place of any that is there. It appears whole, or not at all if ``body`` raises."""
        with self._failures():
            self._native.put(key, iter(body), chunk_size=_UPLOAD_CHUNK, max_concurrency=_UPLOADS_AT_ONCE)

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of an object, in pieces.

        Raises:
            FileNotFoundError: it is missing.
        """
        with self._failures(missing=FileNotFoundError(key)):
            for chunk in self._native.get(key).stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

    def piece(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes of an object from ``start`` until before ``end``.

        Raises:
            FileNotFoundError: it is missing, or shorter.
        """
        with self._failures(missing=FileNotFoundError(key)):
            try:
                piece = bytes(self._native.get(key, options={"range": (start, end)}).bytes())
            except self._errors.GenericError:  # also for bytes that are not there
                if self._native.head(key)["size"] >= end:
                    raise
                piece = b""
        if len(piece) != end - start:
            raise FileNotFoundError(key)
        return piece

    def describe(self, key: str) -> Described | None:
        """Describe an object; ``None`` if it is missing."""
        with self._failures():
            try:
                meta = self._native.head(key)
            except FileNotFoundError:
                return None
            return Described(meta["size"], meta["e_tag"])

    def read_range(self, key: str, start: int, length: int, seen: Described) -> memoryview:
        """Return some bytes of an object.

        Args:
            key: its key.
            start: the position of the first byte.
            length: how many; they must be there.
            seen: what was described: only this version is read.

        Raises:
            InputError: it was changed or deleted meanwhile.
        """
        condition = {} if seen.e_tag is None else {"if_match": seen.e_tag}
        with self._failures(missing=_changed(key)):
            try:
                got = self._native.get(key, options={"range": (start, start + length), **condition}).bytes()
            except self._errors.PreconditionError:
                raise _changed(key) from None
        if len(got) != length:  # the library believes the length that an answer states
            raise _unreachable(self.uri)
        return memoryview(got)

    def names(self, directory: str) -> list[str]:
        """Return the names of the objects that lie in a directory itself."""
        with self._failures():
            found = self._native.list_with_delimiter(directory or None)
            return [entry["path"].rpartition("/")[2] for entry in found["objects"]]

    def directories(self, directory: str) -> list[str]:
        """Return the names of the directories that lie in a directory itself."""
        with self._failures():
            found = self._native.list_with_delimiter(directory)
            return [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]

    def sizes(self, directory: str) -> dict[str, int]:
        """Return the size of each object below a directory, by its key."""
        with self._failures():
            return {entry["path"]: entry["size"] for batch in self._native.list(directory) for entry in batch}

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; it is no error if some are missing."""
        with self._failures():
            try:
                self._native.delete(keys)
            except FileNotFoundError:  # as Azure says of one that is missing; whether others were deleted, it does not
                for key in keys:
                    with suppress(FileNotFoundError):
                        self._native.delete(key)

    def _put_if(self, key: str, body: bytes, mode: str | dict[str, str]) -> bool:
        with self._failures():
            try:
                self._native.put(key, body, mode=mode)
            except (self._errors.AlreadyExistsError, self._errors.PreconditionError):
                return False
        return True

    @contextmanager
    def _failures(self, missing: Exception | None = None) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, self._errors.NotFoundError) as error:
            if missing is None and "<Code>" in str(error) and not _is_missing_place(error):
                raise _unreachable(self.uri) from None  # such as NoSuchUpload, where somebody tidies up
            raise missing or _missing_place(self.uri) from None
        except BaseException as error:
            is_of_library = isinstance(error, self._errors.BaseError) or type(error).__name__ == _PANIC
            if not is_of_library and _ILLEGAL_NAME not in str(error):
                raise
            is_denied = isinstance(error, (self._errors.PermissionDeniedError, self._errors.UnauthenticatedError))
            if is_denied or (self._has_credentials and any(words in str(error) for words in _DENIED)):  # as of a list
                raise NetworkError(f"{self.uri} does not let us in", _DENIED_HINT) from None
            if _is_missing_place(error):  # to a list, Azure's 404 is an error like others
                raise _missing_place(self.uri) from None
            if _ILLEGAL_NAME in str(error):
                raise InputError(
                    f"an object at {self.uri} has a name that cannot be read, such as one with a line end",
                    "delete what this tool did not put there",
                ) from None
            if not self._has_credentials:
                raise UsageError(
                    f"{self.uri} cannot be reached, and the environment has no credentials for it", _DENIED_HINT
                ) from None
            raise _unreachable(self.uri) from None


def open_objects(address: Address) -> ObjectStore:
    """Open a place in an object store. Credentials come from the platform: environment, workload identity, metadata.

    Raises:
        UsageError: the package obstore is missing, or the environment's settings contradict each other.
    """
    try:
        from obstore import exceptions, store  # noqa: PLC0415 - an optional package
    except ImportError:
        raise UsageError("the package obstore is missing", "pip install 'krr-export[cloud]'") from None
    check_environment(address)
    try:
        native = store.from_url(address.uri, retry_config=_RETRIES)
    except (exceptions.BaseError, ValueError):  # either quotes values of variables
        raise UsageError(
            f"{address.uri} cannot be opened with the settings in the environment", "see docs/guides/object-stores.md"
        ) from None
    return ObjectStore(native, address.uri, has_credentials=has_credentials(address))


def _changed(key: str) -> InputError:
    return InputError(f"{key.rpartition('/')[2]} was changed while it was read", "run again when nobody writes to it")


def _unreachable(uri: str) -> NetworkError:
    return NetworkError(f"{uri} cannot be reached, or does not answer as it should", _FAILED_HINT)


def _is_missing_place(error: BaseException) -> bool:
    return any(words in str(error) for words in _MISSING_PLACE)


def _missing_place(uri: str) -> UsageError:
    return UsageError(f"there is no bucket or container at {uri}", "make it first, or correct the URI")
