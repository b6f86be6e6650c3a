"""A process that converts exports of a backfill, one after the other; `processes` starts it.

It has no terminal, and says all through its connection. It ends with whoever started it: with the connection.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from krr_export.pipeline.progress import Progress
from krr_export.util.process import configure_arrow, configure_malloc, disable_core_dumps

if TYPE_CHECKING:
    from krr_export.jobs.backfill.task import Task

_SECONDS_BETWEEN_MESSAGES = 0.2


def main(fd: int) -> None:
    """Convert the exports that the connection asks for, until it is closed.

    Args:
        fd: the connection's descriptor.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # who started it decides: a group is often sent a signal as a whole
    disable_core_dumps()
    configure_arrow()
    configure_malloc()
    from krr_export.jobs.backfill.run_task import run_task  # noqa: PLC0415 - loads Arrow, which is configured first

    connection: Connection[Any, Any] = Connection(fd)
    tasks: SimpleQueue[Task] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    while True:
        task, progress = tasks.get(), _Reported(connection)
        outcome = run_task(task, progress)
        progress.flush()
        connection.send(outcome)


def _receive(connection: Connection[Any, Any], tasks: SimpleQueue[Task]) -> None:
    """Pass tasks on; end this process, whatever it does, when the other side of the connection is gone."""
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


class _Reported(Progress):
    """Sends the bytes and records since the last message, now and then."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._bytes = self._xml = self._records = 0
        self._next = time.monotonic()

    def read(self, size: int) -> None:
        """Count bytes."""
        self._bytes += size
        self._send_if_due()

    def unpacked(self, size: int) -> None:
        """Count bytes of XML; the records that they hold are told of next."""
        self._xml += size

    def passed(self, records: int) -> None:
        """Count records."""
        self._records += records
        self._send_if_due()

    def flush(self) -> None:
        """Send what was not yet sent."""
        self._connection.send((self._bytes, self._xml, self._records))
        self._bytes = self._xml = self._records = 0
        self._next = time.monotonic() + _SECONDS_BETWEEN_MESSAGES

    def _send_if_due(self) -> None:
        if time.monotonic() >= self._next:
            self.flush()
