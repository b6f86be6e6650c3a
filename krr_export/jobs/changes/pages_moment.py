"""The moment of a snapshot that is made of fetched pages, where nobody gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.changes.page_files import find_page_files
from krr_export.errors import UsageError
from krr_export.input.http.directory import last_change, recorded_fetch
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable


def moment_of_pages(given: Iterable[str | os.PathLike[str]]) -> str:
    """Return when the register had no more changes than are in fetched pages, ISO 8601.

    It is known of one directory alone, in which the last fetch was completed, and where nothing else is: a fetch that
    was cut short, or a page from elsewhere, brings changes that the register had at another moment.

    Args:
        given: the pages, as of ``apply``.

    Raises:
        InputError: there are no pages.
        UsageError: it is not known.
    """
    paths = [local_path(path) for path in given]
    numbers = [last_change(file.path.name) for file in find_page_files(paths)]
    recorded = recorded_fetch(paths[0]) if len(paths) == 1 else None
    if recorded is None or None in numbers or recorded[0] != max(filter(None, numbers), default=None):
        raise UsageError(
            "the pages are not those of one completed fetch, which would say when they were made",
            "give --as-of TIME: when the last page was made",
        )
    return recorded[1]
