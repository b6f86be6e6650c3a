"""The commits of a place in an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.store_layout import is_export_name
from krr_export.errors import InputError
from krr_export.output.objects.asking import read_commit_surely
from krr_export.output.objects.layout import COMMITS, LATEST_COMMIT, commit_key, parse_commit

if TYPE_CHECKING:
    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import Commit

_ENDING = ".json"


def read_commit(store: ObjectStore, name: str | None) -> Commit:
    """Return the commit of a snapshot.

    Args:
        store: the place.
        name: ``eksport=…``; ``None`` for the newest.

    Raises:
        InputError: there is none, or it is damaged.
        NetworkError: the store failed.
    """
    key = LATEST_COMMIT if name is None else commit_key(name)
    found = read_commit_surely(store, key)
    if found is None:
        place = store.uri if name is None else f"{store.uri}/{name}"
        raise InputError(f"there is no pushed snapshot at {place}", "give what push was given, or eksport=… below it")
    return parse_commit(found.body, key)


def committed_names(store: ObjectStore) -> list[str]:
    """Return the names of all pushed snapshots, oldest first.

    Raises:
        NetworkError: the store failed.
    """
    names = (name.removesuffix(_ENDING) for name in store.names(COMMITS) if name.endswith(_ENDING))
    return sorted(filter(is_export_name, names))
