"""Defensive reading of JSON files in the store: bounded file size, 64-bit finite numbers, checked types."""

from __future__ import annotations

import errno
import json
import os
import stat
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 28
"""No manifest or report comes near this size; a larger file is something else, and is not read into memory."""

_INT64_BOUND = 2**63
"""Numbers in the store fit into xs:long. A larger whole number is refused, not read as a float."""

_Value = TypeVar("_Value", str, int, bool, dict[str, Any], list[Any])


def read_stored_file(path: Path) -> bytes:
    """Return the content of a file of the store.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger than `MAX_BYTES`.
    """
    # Without O_NONBLOCK, opening a named pipe would wait here for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return file.read()


def parse_json(text: str | bytes) -> object:
    """Parse a JSON text.

    Raises:
        ValueError: it is not JSON (RFC 8259 has neither ``NaN`` nor ``Infinity``), or a number exceeds 64 bits.
        RecursionError: it is nested too deeply.
    """
    document: object = json.loads(text, parse_int=_parse_int, parse_float=_parse_float, parse_constant=_parse_float)
    return document


def check_type(kind: type[_Value], value: object) -> _Value:
    """Return the value if it is of exactly this type; ``isinstance`` would take true and false for numbers.

    Raises:
        TypeError: it is of another type.
    """
    if type(value) is not kind:
        raise TypeError(f"not of type {kind.__name__}")
    return value


def check_count(value: object) -> int:
    """Return the value if it is a whole number from 0.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is negative.
    """
    number = check_type(int, value)
    if number < 0:
        raise ValueError("fewer than none")
    return number


def _parse_int(text: str) -> int:
    number = int(text)
    if not -_INT64_BOUND <= number < _INT64_BOUND:
        raise ValueError("a number beyond 64 bits")
    return number


def _parse_float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number that is none")
    return number
