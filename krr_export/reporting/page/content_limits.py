"""Limits of the page's content: strings cut to a length, without unprintable characters; numbers of rows and charts."""

from __future__ import annotations

from dataclasses import dataclass

_UNSHOWN = "\N{REPLACEMENT CHARACTER}"
_SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
"""Spaces in formatted numbers; `str.isprintable` is false for them."""


@dataclass(frozen=True)
class ContentLimits:
    """The most of each element that the page shows. It says what is left out; report.json is complete.

    Attributes:
        examples: of one code.
        rows: of a table or a list, such as the columns, the values of one, or the nights.
        groups: findings, and five times the number of enumerated columns.
        charts: of age, which are the largest elements.
        characters: of a string from outside.
    """

    examples: int
    rows: int
    groups: int
    charts: int
    characters: int


CONTENT_LIMITS = (
    ContentLimits(examples=20, rows=130, groups=130, charts=4, characters=200),
    ContentLimits(examples=10, rows=130, groups=130, charts=4, characters=120),
    ContentLimits(examples=5, rows=130, groups=130, charts=4, characters=120),
    ContentLimits(examples=3, rows=122, groups=120, charts=3, characters=90),
    ContentLimits(examples=1, rows=60, groups=80, charts=2, characters=60),
    ContentLimits(examples=0, rows=16, groups=20, charts=1, characters=30),
)
"""From the largest to the smallest. A normal export fits the first; any export fits the last."""


def clean(text: object, characters: int) -> str:
    """Return a value as text for the page: one line, no control character or lone surrogate, cut to this length."""
    shown = str(text)[: characters + 1]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() or c in _SPACES else _UNSHOWN for c in shown)
    return shown if len(shown) <= characters else f"{shown[: characters - 1]}…"
