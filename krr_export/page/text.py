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
        groups: findings, and enumerated columns.
        characters: of a string that somebody else chose.
    """

    examples: int
    rows: int
    groups: int
    characters: int


ROOMS = (
    Room(20, 130, 130, 200),
    Room(8, 130, 130, 120),
    Room(3, 122, 120, 90),
    Room(1, 40, 60, 60),
    Room(0, 20, 20, 30),
)
"""From the most to the least. An export as it should be fits the first; the last holds whatever comes."""


def clean(text: object, characters: int) -> str:
    """A string as the page may show it: one line, no control character, no half of a pair, and no longer than this."""
    whole = str(text)
    shown = "".join(c if c.isprintable() or c in _SPACES else _UNSHOWN for c in whole[: characters + 1])
    return shown if len(shown) <= characters else f"{shown[: characters - 1]}…"
