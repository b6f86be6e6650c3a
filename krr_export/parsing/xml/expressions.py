"""A part of regular expressions that Python's oldest supported versions need written with care."""

from __future__ import annotations


def possessive(alternatives: bytes) -> bytes:
    """Return an expression for these alternatives, repeated as often as they match, that never gives one back.

    The last alternative, which never matches, is for Python 3.11.0 to 3.11.4: without it, a repetition may end behind
    the beginning of an alternative that failed (https://github.com/python/cpython/issues/106052).
    """
    return rb"(?:" + alternatives + rb"|(?!))*+"
