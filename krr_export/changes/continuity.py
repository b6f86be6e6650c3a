"""Which pages of the change feed come next, and whether one is missing."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from krr_export.domain.change_numbers import NEW_SERIES, is_other_series
from krr_export.errors import GuardError, InputError
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from krr_export.changes.page import PageRange

_OF_ANOTHER_NIGHT = (
    "or move that file away if it is of another night or register; or fetch all of them again into an empty directory"
)


def order_pages(pages: Iterable[PageRange], base: int, *, rest_is_inclusive: bool = False) -> list[PageRange]:
    """Return the pages that follow a change number, in order; pages that it already covers are left out.

    The states in pages are absolute, so they may overlap.

    Args:
        pages: the ranges, in any order.
        base: the last change number that is known.
        rest_is_inclusive: whether pages of REST begin with the number that was asked for. It is not documented; by
            default they must begin no later than the last known number, which is right in both cases.

    Raises:
        GuardError: the pages are of the new series of numbers, and the base of the old one.
        InputError: a page is missing, two pages of the same range differ, the register's last number falls from one
            page to the next, or it is beyond the last page.
    """
    ordered = sorted(pages, key=lambda page: (page.first, page.last, page.name))
    following = [page for page in ordered if page.last > base]
    _check_series(following, base)
    _check_twins(following)
    reached = base
    chosen: list[PageRange] = []
    for page in following:
        if page.last <= reached:
            continue
        next_first = reached if page.form == "rest" and not rest_is_inclusive else reached + 1
        _check_gap(page, reached, next_first)
        if chosen and page.first == next_first:
            _check_not_behind(page, chosen[-1])
        chosen.append(page)
        reached = page.last
    furthest = max(ordered, key=lambda page: page.latest, default=None)
    if furthest is not None and reached < furthest.latest:
        raise InputError(
            f"the pages are complete up to change {number(reached)}, and the register is at {number(furthest.latest)}"
            f" by {furthest.name}",
            f"fetch the rest, for no state between two pages ever was; {_OF_ANOTHER_NIGHT}",
        )
    return chosen


def _check_series(following: Sequence[PageRange], base: int) -> None:
    if following and is_other_series(base, following[0].last):
        raise GuardError(
            f"the snapshot is at change {number(base)}, {following[0].name} is at {number(following[0].last)}, and the"
            f" register's numbers began anew above {number(NEW_SERIES)} on 2023-08-30",
            "start from a full export, or from all pages (--from-zero)",
        )


def _check_twins(following: Sequence[PageRange]) -> None:
    for one, other in pairwise(following):
        if (one.first, one.last) == (other.first, other.last) and one.sha256 != other.sha256:
            raise InputError(
                f"{one.name} and {other.name} have the same change numbers and are not the same",
                "leave out one of them",
            )


def _check_not_behind(page: PageRange, before: PageRange) -> None:
    """Check a page against the one before it; if they overlap, either may be from an earlier fetch."""
    if page.latest < before.latest:
        raise InputError(
            f"by {before.name} the register was at change {number(before.latest)}, and by {page.name}, which follows"
            f" it, at {number(page.latest)}",
            "fetch both again: a register does not go back",
        )


def _check_gap(page: PageRange, reached: int, next_first: int) -> None:
    if page.first > next_first:
        missing = f"{number(reached + 1)} to {number(page.first + reached - next_first)}"
        hint = f"fetch the pages between; {_OF_ANOTHER_NIGHT}"
        if page.first == reached + 1:
            hint += "; or give --rest-inclusive if pages begin with the number that was asked for"
        raise InputError(f"changes {missing} are missing before {page.name}", hint)
