"""Pages follow each other without a gap, in whatever order and overlap they come."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.changes.continuity import order_pages
from krr_export.changes.page import Form, PageRange
from krr_export.errors import GuardError, InputError


def page(first: int, last: int, latest: int, form: Form = "soap", content: str = "") -> PageRange:
    return PageRange(f"{first}-{last}", form, first, last, latest, content)


@given(st.data(), st.sampled_from(["soap", "rest"]), st.integers(0, 20), st.lists(st.integers(1, 9), min_size=1))
def test_pages_in_any_order_are_chained_and_without_one_the_gap_is_named(
    data: st.DataObject, form: Form, base: int, sizes: list[int]
) -> None:
    ends = [base, *(base + sum(sizes[: n + 1]) for n in range(len(sizes)))]
    behind = int(form == "soap")
    chain = [page(start + behind, end, ends[-1], form) for start, end in pairwise(ends)]
    known = [page(0, last, ends[-1], form) for last in range(base + 1)]
    assert order_pages(data.draw(st.permutations([*chain, *chain, *known])), base) == chain
    missing = data.draw(st.integers(0, len(chain) - 1))
    rest = [*chain[:missing], *chain[missing + 1 :]]
    if not rest:
        return
    named = (
        f"changes {ends[missing] + 1} to {ends[missing + 1]} are missing" if missing < len(rest) else "complete up to"
    )
    with pytest.raises(InputError, match=named):
        order_pages(data.draw(st.permutations(rest)), base)


def test_an_answer_asked_for_again_later_goes_further_and_is_no_contradiction() -> None:
    """Same first number, other last: the register had moved on. Only the same numbers must mean the same content."""
    early, late = page(7, 8, 8, content="a"), page(7, 10, 10, content="b")
    assert order_pages([late, early], 6) == [early, late]
    with pytest.raises(InputError, match="have the same change numbers and are not the same"):
        order_pages([early, page(7, 8, 9, content="b")], 6)


@pytest.mark.parametrize(
    ("stray", "named"),
    [
        (page(50, 60, 60), r"changes 11 to 49 are missing before 50-60; "),
        (page(2, 5, 60), r"complete up to change 10, and the register is at 60 by 2-5; "),
        (page(61, 60, 60), r"changes 11 to 60 are missing before 61-60; "),
        (page(11, 10, 60), r"complete up to change 10, and the register is at 60 by 11-10; "),
    ],
)
def test_a_page_of_another_night_is_named_and_said_to_be_moved_away(stray: PageRange, named: str) -> None:
    with pytest.raises(InputError, match=named) as refused:
        order_pages([page(7, 8, 10), stray, page(9, 10, 10)], 6)
    assert refused.value.hint is not None
    assert "or move that file away if it is of another night" in refused.value.hint


@pytest.mark.parametrize("form", ["soap", "rest"])
def test_a_register_does_not_go_back_from_a_page_to_the_next(form: Form) -> None:
    behind = int(form == "soap")
    chain = [page(6 + behind, 8, 12, form), page(8 + behind, 10, 11, form), page(10 + behind, 12, 12, form)]
    with pytest.raises(InputError, match=r"at change 12, and by .*, which follows it, at 11"):
        order_pages(chain, 6)
    assert order_pages([chain[0], replace(chain[1], latest=12), chain[2]], 6)[1].latest == 12


def test_pages_that_overlap_may_be_of_two_fetches() -> None:
    assert order_pages([page(1, 6, 12), page(6, 10, 10), page(11, 12, 12)], 0)[-1].last == 12


def test_pages_of_an_earlier_fetch_may_lie_between_those_of_a_later_one() -> None:
    earlier = [page(1, 3, 10), page(4, 6, 10), page(7, 10, 10)]
    later = [page(1, 5, 12), page(6, 11, 12), page(12, 12, 12)]
    assert order_pages([*earlier, *later], 0)[-1].last == 12


def test_an_empty_page_does_not_stop_the_feed() -> None:
    chain = [page(7, 900, 1000), page(901, 1000, 1000)]
    assert order_pages(chain, 6) == chain
    assert order_pages([page(7, 6, 6)], 6) == []


@pytest.mark.parametrize(("base", "is_refused"), [(199_999_999, True), (200_000_001, False), (0, False)])
def test_numbers_of_the_new_series_go_on_from_their_own_or_from_zero(base: int, *, is_refused: bool) -> None:
    following = [page(base + 1, 200_000_009, 200_000_009)]
    if is_refused:
        with pytest.raises(GuardError, match=f"{base + 1}-200000009 is at .*began anew"):
            order_pages(following, base)
    else:
        assert order_pages(following, base) == following
