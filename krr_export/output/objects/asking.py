"""Small objects, asked for a second time before one is taken for missing or damaged: an answer may be wrong once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from krr_export.errors import InputError, NetworkError
from krr_export.output.objects.layout import parse_commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.input.objects.store import Found, ObjectStore


def read_surely(store: ObjectStore, key: str, is_right: Callable[[bytes], bool] = lambda _: True) -> Found | None:
    """Return a small object, right or damaged; ``None`` only if no list names it.

    Args:
        store: the place.
        key: of the object.
        is_right: whether bytes are what they should be.

    Raises:
        NetworkError: the store failed, or contradicts itself: it lists what it does not give, or does not give
            what it has.
    """
    first = store.read(key)
    if first is not None and is_right(first.body):
        return first
    if first is None and not _is_listed(store, key):
        return None
    second = store.read(key)
    if second is None and _is_listed(store, key):  # still: so it was not deleted meanwhile
        raise NetworkError(f"{store.uri} lists {key}, and says that it is not there", "run again")
    if second is not None and not is_right(second.body):
        _check_damaged(store, key, first, second)
    return second


def read_commit_surely(store: ObjectStore, key: str) -> Found | None:
    """Return the object of a commit, as `read_surely` does."""
    return read_surely(store, key, lambda body: _is_commit(body, key))


def read_proven(store: ObjectStore, key: str, sha256: str) -> Found | None:
    """Return an object of which the digest is known, as `read_surely` does."""
    return read_surely(store, key, lambda body: hashlib.sha256(body).hexdigest() == sha256)


def _check_damaged(store: ObjectStore, key: str, first: Found | None, second: Found) -> None:
    """Refuse to take an object for damaged that is given otherwise each time, or with another size than it has.

    A gateway may give each time the same page, of its own.
    """
    described = store.describe(key)
    if first is None or first.body != second.body or described is None or described.size != len(second.body):
        raise NetworkError(f"{store.uri} does not give {key} as it is", "run again")


def _is_listed(store: ObjectStore, key: str) -> bool:
    directory, _, name = key.rpartition("/")
    return name in store.names(directory)


def _is_commit(body: bytes, key: str) -> bool:
    try:
        parse_commit(body, key)
    except InputError:
        return False
    return True
