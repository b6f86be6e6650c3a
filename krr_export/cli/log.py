"""The form of the lines on standard error: text for people, or one JSON object a line for machines.

Only the standard library is imported: a program that cannot start reports it in the same form.
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from krr_export.errors import is_retryable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LogFormat = Literal["text", "json"]
FORMATS: Final[tuple[LogFormat, ...]] = ("text", "json")
OPTION, _VARIABLE = "--log-format", "KRR_EXPORT_LOG_FORMAT"

_LABEL = re.compile(r"\S+(?: \S+)? {2,}|\S* *")
_DETAIL = "detail"
"""The event of a line that goes on with the one before it."""
_LEVELS = {"WARNING": "warning", "warning": "warning", "reject": "warning"}


class _Log:
    """The one log of the process."""

    form: LogFormat = "text"


def guess_format(arguments: Sequence[str]) -> None:
    """Choose the form before the arguments are parsed: they may be what is wrong."""
    last = os.environ.get(_VARIABLE, "text")
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == OPTION:
            last = following
        elif word.startswith(f"{OPTION}="):
            last = word.partition("=")[2]
    use_format("json" if last == "json" else "text")


def use_format(form: LogFormat) -> None:
    """Choose the form of all lines from now on; a process has one standard error."""
    _Log.form = form


def is_json() -> bool:
    """Return whether each line is a JSON object."""
    return _Log.form == "json"


def on_terminal() -> bool:
    """Return whether somebody may be watching standard error."""
    return sys.stderr is not None and sys.stderr.isatty()


def is_animated() -> bool:
    """Return whether a line may be rewritten or coloured: on a terminal that can, unless each line is JSON."""
    return on_terminal() and not is_json() and os.environ.get("TERM") != "dumb"


def line(text: str) -> str:
    """Return a line of the log, without its end."""
    if not is_json():
        return text if on_terminal() else add_time(text)
    label = _label(text)
    event = label.strip()
    message = text.removeprefix(label)
    return _to_json(_LEVELS.get(event, "info"), event.lower() or _DETAIL, message, {})


def last_line(message: str, code: int, reason: str | None) -> str:
    """Return the last line, which says what happened; ``reason`` is the kind of failure."""
    if not is_json():
        return f"krr-export: {message}"
    failed = {} if reason is None else {"reason": reason, "retryable": is_retryable(code)}
    return _to_json("error" if code else "info", "result", message, {"exit_code": code, **failed})


def add_time(text: str) -> str:
    """Insert the time (ISO 8601) after the label of a line."""
    label = _label(text)
    return f"{label}{_now()} {text.removeprefix(label)}"


def _label(text: str) -> str:
    found = _LABEL.match(text)
    return found[0] if found else ""


def _to_json(level: str, event: str, message: str, more: Mapping[str, object]) -> str:
    # In ASCII: one line under any locale, whatever characters the names of files have.
    return json.dumps({"time": _now(), "level": level, "event": event, "message": message, **more})


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
