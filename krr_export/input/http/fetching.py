"""A fetch of changes: page after page, until the register has no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from krr_export.domain.change_numbers import NEW_SERIES, is_other_series
from krr_export.errors import GuardError, InputError
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from krr_export.input.http.directory import PagesDirectory
    from krr_export.input.http.rest_service import FetchedPage

_STANDSTILL_SECONDS = 5.0


class PageService(Protocol):
    """A service that has pages of changes."""

    def page_from(self, known: int) -> FetchedPage:
        """Return the page that follows a change number."""


@dataclass(frozen=True)
class FetchedChanges:
    """The result of a fetch.

    Attributes:
        pages: the number of pages written.
        reached: the register's last change, which the pages in the directory go up to.
        moment: when the last answer was made, UTC.
    """

    pages: int
    reached: int
    moment: datetime


def fetch_pages(
    directory: PagesDirectory,
    service: PageService,
    known: int,
    *,
    sleep: Callable[[float], object],
    progress: Callable[[int, int], object] | None = None,
) -> FetchedChanges:
    """Fetch the pages after a change number, except those that the directory already has.

    Args:
        directory: for the pages.
        service: that has them.
        known: the last change that is known.
        sleep: waits for a number of seconds.
        progress: called after each page with the last fetched change and the register's last one.

    Raises:
        GuardError: the register's change numbers are of another series.
        InputError: an answer is not a page, or the change numbers stand still.
        NetworkError: the register or Maskinporten does not answer, or refuses.
        OutputError: a page cannot be written.
    """
    reached, pages, standing = directory.reached(known), 0, False
    while True:
        page = service.page_from(reached)
        _check_register(page)
        if page.last > reached:
            directory.add(page)
            pages, reached, standing = pages + 1, page.last, False
        if progress is not None:
            progress(reached, page.latest)
        if reached == page.latest:
            return FetchedChanges(pages, reached, page.moment)
        if page.last <= page.known:
            if standing:
                raise InputError(
                    f"the register does not go on from change {number(reached)}, though it is at {number(page.latest)}",
                    "what has arrived is kept; ask the register",
                )
            standing = True
            sleep(_STANDSTILL_SECONDS)


def _check_register(page: FetchedPage) -> None:
    if is_other_series(page.known, page.latest):
        raise GuardError(
            f"the snapshot is at change {number(page.known)}, and the register's numbers began anew above"
            f" {number(NEW_SERIES)} on 2023-08-30",
            "start from a full export, or from all pages (--from-zero)",
        )
    if page.latest < page.known:
        raise GuardError(
            f"the register is at change {number(page.latest)}, and what is here at {number(page.known)} already",
            "is it the same register? check --url and the store",
        )
