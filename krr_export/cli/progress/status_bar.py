"""A bar of tqdm with words of its own, of which only those are shown that have room."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tqdm import tqdm
from tqdm.utils import disp_len

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping, Sequence
    from typing import Never, TypeAlias

    _Tqdm: TypeAlias = tqdm[Never]
else:
    _Tqdm = tqdm  # it is generic for type checkers alone

_LEAST_BAR = 4
_BLANKS = "{bar}"
"""What tqdm shows as the bar of an unknown size: each line is as wide as the one before, whose place it takes."""
_LEAST, _NOTHING = "{percentage:3.0f}%", _BLANKS
"""What is shown where nothing else has room, of a known size and of none."""
_SECONDS_TO_JUDGE = 1.0
"""What was read before says nothing of the speed: it waits in memory."""
_AT_START = 1e-9
"""Of no delay at all tqdm would show the bar while it is made."""
_SMOOTHING = 0.05
"""Of the last tenth of a second, in the rate: blocks come in bursts."""


class _Screen:
    """Standard error, as the bars write on it: if nobody can see it, that is no reason to fail."""

    @property
    def encoding(self) -> str:
        """What the signs of a bar are chosen by."""
        return sys.stderr.encoding or "ascii"

    def fileno(self) -> int:
        """Return the descriptor, whose width is asked."""
        return sys.stderr.fileno()

    def write(self, text: str) -> None:
        """Write, if that is possible."""
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError):
            sys.stderr.flush()


class _Lock:
    """What tqdm holds while it shows something; nobody waits for it, and at worst a line is shown a moment later.

    A signal that comes meanwhile leaves it held by the main thread for good, which then waits for the others to end.
    tqdm's own is one of processes as well, of which no other has the terminal.
    """

    def __init__(self) -> None:
        self._held = threading.RLock()

    def acquire(self, *_how: object) -> bool:
        """Take it, if it is free."""
        return self._held.acquire(blocking=False)

    def release(self) -> None:
        """Give it back, if this thread has it."""
        with suppress(RuntimeError):
            self._held.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()


SCREEN = _Screen()


def _columns() -> int:
    """Return the columns of the terminal, or of the environment, but one: releases of tqdm differ in the last."""
    with suppress(OSError, ValueError):
        if columns := os.get_terminal_size(SCREEN.fileno()).columns:
            return columns - 1
    return shutil.get_terminal_size().columns - 1


class StatusBar(_Tqdm):
    """A bar that is removed at its end; beside it stand parts, each whole or left out.

    It is not shown before `start`: whoever closes it has it by then, also if a signal ends all while it is shown.

    Args:
        say: returns the parts, the most important first. Each is a format of tqdm's, as ``bar_format`` is.
        name: of what is gone through, ``{desc}`` in a part.
        total: of all that there is to go through; ``None`` or 0: there is no bar, but parts alone.
        done: what was gone through before; it does not count for the rate.
    """

    monitor_interval = 0  # no thread: the time is looked at whenever there is something new

    def __init__(
        self, say: Callable[[StatusBar], Sequence[str]], *, name: str = "", total: int | None = None, done: int = 0
    ) -> None:
        self._say = say
        super().__init__(
            desc=name,
            total=total,
            initial=done,
            leave=False,
            file=SCREEN,
            miniters=0,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
            smoothing=_SMOOTHING,
            lock_args=(False,),  # a thread never waits for another that shows something
            delay=_AT_START,
        )
        self.delay = 0

    def start(self) -> None:
        """Show the bar; first a line of blanks, by which tqdm knows how much to clear whenever a signal comes."""
        self.display(" " * self.format_dict["ncols"])
        self.refresh()

    @property
    def format_dict(self) -> MutableMapping[str, Any]:
        """What the line is made of: tqdm's own, with the format that fits."""
        found = super().format_dict
        if found["total"]:
            found["n"] = min(found["n"], found["total"])  # a file may grow meanwhile
        found["ncols"] = _columns()
        found["bar_format"] = next(
            one for one in self._formats(is_sized=bool(found["total"])) if self._fits(one, found)
        )
        return found

    def pace(self) -> list[str]:
        """Return the parts about the time that is left and the rate; none where they cannot be told yet."""
        if self.n == self.initial or super().format_dict["elapsed"] < _SECONDS_TO_JUDGE:
            return []
        return [*(["{remaining} left"] if self.total else []), "{rate_noinv_fmt}"]

    def _formats(self, *, is_sized: bool) -> Iterator[str]:
        parts = self._say(self)
        ahead = f"{_LEAST}|{{bar}}|" if is_sized else ""
        for shown in range(len(parts), 0, -1):
            yield f"{ahead} {', '.join(parts[:shown])}" if ahead else f"{', '.join(parts[:shown])}{_BLANKS}"
        if ahead:
            yield ahead
        yield _LEAST if is_sized else _NOTHING

    def _fits(self, bar_format: str, found: MutableMapping[str, Any]) -> bool:
        if bar_format in {_LEAST, _NOTHING}:
            return True
        least = bar_format.removesuffix(_BLANKS).replace("{bar}", " " * _LEAST_BAR)
        return disp_len(self.format_meter(**{**found, "ncols": None, "bar_format": least})) <= int(found["ncols"])


StatusBar.set_lock(_Lock())
