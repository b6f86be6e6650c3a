"""JSON that the store keeps, read again with care: a file of a usual size, usual numbers, values of one type."""

from __future__ import annotations

import errno
import json
import os
import stat
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 1 << 28
"""No manifest or report comes near to this; what does is something else, and is not read into memory."""

_MOST = 2**63
"""Numbers of the store are those of xs:long at most. Beyond, they are no floats either."""

_Value = TypeVar("_Value", str, int, bool, dict[str, Any], list[Any])


def read_kept(path: Path) -> bytes:
    """A file of the store, whole.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger than any of ours.
    """
    # Without O_NONBLOCK a named pipe would wait here for whoever writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return file.read()


def parsed(text: str | bytes) -> object:
    """What a JSON text says.

    Raises:
        ValueError: it is no JSON (RFC 8259 has neither ``NaN`` nor ``Infinity``), or a number in it is beyond 64 bits.
        RecursionError: it is nested too deeply.
    """
    document: object = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    return document


def of(kind: type[_Value], value: object) -> _Value:
    """The value, if it is of exactly this type: for ``isinstance``, true and false are numbers.

    Raises:
        TypeError: it is of another.
    """
    if type(value) is not kind:
        raise TypeError(f"not of type {kind.__name__}")
    return value


def count(value: object) -> int:
    """The value, if it is a number of things.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than none.
    """
    number = of(int, value)
    if number < 0:
        raise ValueError("fewer than none")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if not -_MOST <= number < _MOST:
        raise ValueError("a number beyond 64 bits")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number that is none")
    return number
