"""The pages of the change feed that take a snapshot further, read and in order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from krr_export.changes.collect import Latest
from krr_export.changes.continuity import order_pages
from krr_export.pipeline.applied_rows import PagesOrigin
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from krr_export.changes.page import Page, PageRange
    from krr_export.changes.page_files import PageFile
    from krr_export.schema.record_schema import RecordSchema


@dataclass(frozen=True)
class ChosenPages:
    """Pages to apply.

    Attributes:
        ranges: of the pages, in order; empty if none goes further than the snapshot.
        skipped: pages that the snapshot covers.
        latest: the persons in them.
    """

    ranges: Sequence[PageRange]
    skipped: int
    latest: Latest

    def origin(self, size: int) -> PagesOrigin:
        """Return where the result comes from.

        Args:
            size: bytes of what is applied.
        """
        digest = hashlib.sha256("".join(f"{page.sha256}\n" for page in self.ranges).encode()).hexdigest()
        count = "1 page" if len(self.ranges) == 1 else f"{number(len(self.ranges))} pages"
        return PagesOrigin(f"{count} of changes", size, digest)


def choose_pages(
    files: Iterable[PageFile], schema: RecordSchema, known: int, *, rest_is_inclusive: bool
) -> ChosenPages:
    """Read pages, and choose those that go on from a change number.

    Args:
        files: in any order.
        schema: of the records in them.
        known: the last change that the snapshot has.
        rest_is_inclusive: whether pages of REST begin with the number that was asked for.

    Raises:
        GuardError: they are of another series of numbers.
        InputError: a page is missing or unusable.
    """
    read = [_without_known(page, known) for file in files for page in file.pages(schema)]
    chosen = order_pages((page.range for page in read), known, rest_is_inclusive=rest_is_inclusive)
    by_range, latest = {page.range: page for page in read}, Latest()
    for one in chosen:
        latest.add(by_range[one])
    return ChosenPages(chosen, len(read) - len(chosen), latest)


def _without_known(page: Page, known: int) -> Page:
    """Return a page without its persons if the snapshot covers it: a directory may hold the pages of years."""
    return replace(page, persons=()) if page.range.last <= known else page
