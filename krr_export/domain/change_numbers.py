"""The register's change numbers: every change has the next one."""

from __future__ import annotations

NEW_SERIES = 200_000_000
"""The numbers began anew above this one on 2023-08-30."""


def is_other_series(known: int, following: int) -> bool:
    """Return whether a number is of the new series, and the one that is known of the old one."""
    return 0 < known < NEW_SERIES < following


PAGE_NAME_DIGITS = 12
"""Digits of a number in the name of a page's file, so that pages sort."""


def page_name(first: int, last: int, suffix: str) -> str:
    """Return the name of the file of a page.

    Args:
        first: the number that was asked from.
        last: of the page's last change.
        suffix: of the file, such as ``.json``.
    """
    return f"endringer-{first:0{PAGE_NAME_DIGITS}}-{last:0{PAGE_NAME_DIGITS}}{suffix}"
