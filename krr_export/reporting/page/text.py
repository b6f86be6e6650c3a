"""What may stand on the page: strings cut to a length, without anything that a browser cannot show, and how many."""

from __future__ import annotations

from dataclasses import dataclass

_UNSHOWN = "\N{REPLACEMENT CHARACTER}"
_SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
"""What numbers are written with; Python does not call them printable."""


@dataclass(frozen=True)
class Room:
    """How much of each thing the page shows. Whatever is left out is said, and stands in report.json.

    Attributes:
        examples: of one code.
        rows: of a table or a list, such as the columns, the values of one, or the nights.
        groups: findings, and five times as many as enumerated columns.
        charts: of age, which take more room than anything else.
        characters: of a string that somebody else chose.
    """

    examples: int
    rows: int
    groups: int
    charts: int
    characters: int


ROOMS = (
    Room(examples=20, rows=130, groups=130, charts=4, characters=200),
    Room(examples=10, rows=130, groups=130, charts=4, characters=120),
    Room(examples=5, rows=130, groups=130, charts=4, characters=120),
    Room(examples=3, rows=122, groups=120, charts=3, characters=90),
    Room(examples=1, rows=60, groups=80, charts=2, characters=60),
    Room(examples=0, rows=20, groups=20, charts=1, characters=30),
)
"""From the most to the least. An export as it should be fits the first; the last holds whatever comes."""


def clean(text: object, characters: int) -> str:
    """A string as the page may show it: one line, no control character, no half of a pair, and no longer than this."""
    whole = str(text)
    shown = "".join(c if c.isprintable() or c in _SPACES else _UNSHOWN for c in whole[: characters + 1])
    return shown if len(shown) <= characters else f"{shown[: characters - 1]}…"
