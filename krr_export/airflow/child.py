"""A command of the program in a process of its own, which knows nothing of Airflow."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Ended:
    """What a command left behind.

    Attributes:
        exit_code: as shells count: of a process that a signal ended, 128 and its number.
        last: the last line of standard error.
        output: what was on standard output.
    """

    exit_code: int
    last: str
    output: bytes

    def result(self) -> object:
        """Return the result as read from JSON; ``None`` if the command wrote none."""
        try:
            result: object = json.loads(self.output)
        except ValueError:
            return None
        return result


class Child:
    """Runs one command, and can end it meanwhile.

    Args:
        arguments: the program and its arguments.
        env: the whole environment.
        cwd: the working directory; ``None`` for this process's.
    """

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], cwd: str | None) -> None:
        self._arguments = list(arguments)
        self._env = env
        self._cwd = cwd
        self._process: Process | None = None
        self._ending = False

    def run(self, say: Callable[[str], None]) -> Ended:
        """Run the command to its end.

        Whatever ends the wait for it ends the command too: none is left behind.

        Args:
            say: is called for each line of standard error as it comes.

        Raises:
            OSError: the program cannot be started.
        """
        with tempfile.TemporaryFile() as output:  # a pipe that nobody reads yet would fill, and stop the command
            with subprocess.Popen(  # noqa: S603 - no shell: what stands in arguments is arguments
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                env=self._env,
                cwd=self._cwd,
            ) as process:
                self._process = process
                try:
                    last = self._follow(process, say)
                except BaseException:
                    process.terminate()
                    raise
            output.seek(0)
            code = process.returncode
            return Ended(128 - code if code < 0 else code, last, output.read())

    def end(self) -> None:
        """Ask the command to end, by SIGTERM; it removes what it has not published."""
        self._ending = True
        if self._process is not None:
            self._process.terminate()

    def _follow(self, process: Process, say: Callable[[str], None]) -> str:
        if self._ending:  # it was asked for while the process was being started
            process.terminate()
        last = ""
        for line in process.stderr or ():
            last = line.decode("utf-8", "backslashreplace").rstrip()
            say(last)
        return last
