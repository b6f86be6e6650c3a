"""What may be in no output: secrets and persons that tests plant, looked for in everything that a test makes us say."""

from __future__ import annotations

import logging
import re
import traceback
from typing import TYPE_CHECKING

from krr_export.errors import KrrExportError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

_PERSONAL = re.compile(
    rb"<(?:\w+:)?(?:personidentifikator|Mobiltelefonnummer|Epostadresse|postkasseadresse)\b[^>]*>([^<]+)<"
)
_KEY_LINE = re.compile(rb"^[A-Za-z0-9+/]{40,}={0,2}$", re.MULTILINE)
_LEAST = 8
"""Shorter values are met by chance."""

_SHORT_NUMBER = 10
"""Numbers of so many digits, as telephone numbers have, are met by chance in digests and in longer numbers."""

_DIGEST = re.compile(r"[0-9a-f]{16,}")

_planted: set[str] = set()
_heard: list[str] = []
_errors: list[KrrExportError] = []


def plant(*values: bytes) -> None:
    """Let these values be in nothing that is said from now on, in any form that a message or a traceback would have."""
    for value in values:
        if len(value) >= _LEAST:
            _planted.update((value.decode("latin-1"), value.hex(), repr(value)[2:-1]))


def plant_private_key(file: Path) -> None:
    """The same for the lines of a private key in PEM, or as OpenSSH writes it."""
    plant(*_KEY_LINE.findall(file.read_bytes()))


def plant_persons(xml: bytes) -> None:
    """The same for what says who the persons of an export are."""
    plant(*_PERSONAL.findall(xml))


def hear(said: str) -> None:
    """Take note of what a program said that a test started."""
    _heard.append(said)


def leaks(said: str) -> list[str]:
    """Return the planted values that are said, in the form in which they are."""
    # There are thousands of them: most are ruled out by their beginning.
    beginnings = {said[start : start + _LEAST] for start in range(len(said))}
    met = [form for form in _planted if form[:_LEAST] in beginnings and form in said]
    return [form for form in met if not (form.isdigit() and len(form) <= _SHORT_NUMBER) or _is_whole(form, said)]


def _is_whole(number: str, said: str) -> bool:
    """Tell whether the number is said for itself, be it with Norway's prefix, and not as some digits of another."""
    return re.search(rf"(?<!\d)(?:(?:00)?47)?{number}(?!\d)", _DIGEST.sub(" ", said)) is not None


def everything_said() -> str:
    """All that was heard since the last time, and the errors raised, with their tracebacks."""
    said = "\n".join([*_heard, *("".join(traceback.format_exception(error)) for error in _errors)])
    _heard.clear()
    _errors.clear()
    return said


def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take note of errors that are raised and of all that is logged, by whatever library."""
    initialise = KrrExportError.__init__

    def noted(error: KrrExportError, *arguments: object, **named: object) -> None:
        initialise(error, *arguments, **named)  # type: ignore[arg-type]  # passed on as they are
        _errors.append(error)

    monkeypatch.setattr(KrrExportError, "__init__", noted)
    listener, root = _Listener(), logging.getLogger()
    before = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    yield
    root.setLevel(before)
    root.removeHandler(listener)


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        hear(logging.Formatter().format(record))
