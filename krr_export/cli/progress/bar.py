"""The progress of a job on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.cli.progress.status_bar import StatusBar
from krr_export.cli.progress.words import of_megabytes, xml_megabytes
from krr_export.pipeline.progress import Progress
from krr_export.util.formatting import number, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.pipeline.export import Export

_OPENING = "opening"


class Bar(Progress):
    """Bars: of the bytes of the source, as delivered, and one of its own for each step.

    Beside the first stand MB of XML, records, the time that is left, the rate and the name.
    """

    def __init__(self) -> None:
        self._bytes = self._xml = self._records = 0
        self._is_open = False
        self._step: StatusBar | None = None
        self._bar: StatusBar | None = StatusBar(self._say_opening)

    def start(self) -> None:
        """Say what is done first."""
        if self._bar is not None:
            self._bar.start()

    def close(self) -> None:
        """Remove the bars."""
        self._end_step()
        self._end_bar()

    def dated(self, exports: int, of: int) -> None:
        """Show a bar of its own for the exports whose time is known."""
        if exports == 1:
            self._begin_step(_say_dated, "", of)
        self.advanced(1)

    def planned(self, exports: int, size: int) -> None:
        """Set the size of all sources."""
        self._open("1 export" if exports == 1 else f"{number(exports)} exports", size)

    def opened(self, export: Export) -> None:
        """Set the size of the source, now known."""
        self._open(printable(export.source.name), export.source.size)

    def read(self, size: int) -> None:
        """Move the bar."""
        self._bytes += size
        if (bar := self._bar) is not None:
            bar.update(self._bytes - bar.n)

    def unpacked(self, size: int) -> None:
        """Count the bytes of XML."""
        self._xml += size

    def passed(self, records: int) -> None:
        """Show the records beside the bar, now or with what is read next."""
        self._records += records
        if (bar := self._bar) is not None and (not bar.total or bar.n >= bar.total):
            bar.refresh(lock_args=(False,))

    def began(self, step: str, rows: int) -> None:
        """Show a bar of its own for the step."""
        self._begin_step(_say_step, printable(step), rows)

    def advanced(self, rows: int) -> None:
        """Move the step's bar; remove it at the end of the step."""
        if self._step is not None:
            self._step.update(rows)
            if self._step.total is not None and self._step.n >= self._step.total:
                self._end_step()

    def _open(self, name: str, size: int | None) -> None:
        self._end_step()
        self._end_bar()
        self._is_open = True
        self._bar = StatusBar(self._say_export, name=name, total=size, done=self._bytes)
        self._bar.start()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def _begin_step(self, say: Callable[[StatusBar], list[str]], name: str, total: int) -> None:
        self._end_step()
        if not self._is_open:
            self._end_bar()
        self._step = StatusBar(say, name=name, total=total)
        self._step.start()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.close()
        self._step = None

    def _say_opening(self, _bar: StatusBar) -> list[str]:
        return [_OPENING, *([f"{of_megabytes(self._bytes, None)} read"] if self._bytes else [])]

    def _say_export(self, bar: StatusBar) -> list[str]:
        return [
            of_megabytes(self._bytes, bar.total),
            *xml_megabytes(self._xml, self._bytes),
            *([f"{number(self._records)} records"] if self._records else []),
            *bar.pace(),
            "{desc}",
        ]


def _say_dated(bar: StatusBar) -> list[str]:
    return [f"{number(int(bar.n))} of {number(int(bar.total or 0))} exports opened, for their time"]


def _say_step(bar: StatusBar) -> list[str]:
    rows = f"{number(int(bar.n))} of {number(int(bar.total or 0))} rows"
    return [rows, *bar.pace()[:1], "{desc}"]
