"""The operator: what a command ends with, as what Airflow knows."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import BaseOperator

from krr_export.airflow.child import Child
from krr_export.errors import is_retryable

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from krr_export.airflow.child import Ended


class KrrExportOperator(BaseOperator):  # type: ignore[misc]  # Airflow is no dependency, so its types are not known
    """Runs a command of ``krr-export`` in a process of its own, whose memory and signals are not the worker's.

    Each line of standard error is in the task's log as it comes. The task's value is the command's result, as
    ``--json`` has it; of a command without one, ``None``. An exit code that may pass by itself (4, 6, or a signal)
    fails the attempt, so that Airflow retries as often as ``retries`` says; any other fails the task at once.
    Where Airflow ends the task, the command gets SIGTERM: nothing is published half.

    Args:
        arguments: of the command, its name first; each is one argument, for no shell. Templated.
        env: more variables for the command, such as ``KRR_EXPORT_PASSPHRASE``. Templated.
        cwd: the working directory, from which relative paths are taken. Templated.
        program: what to run, if not the program that is installed beside this operator: the path of another
            environment's ``krr-export``, say.
        operator: what Airflow's `BaseOperator` takes: ``task_id``, ``retries``, ``pool``, …
    """

    template_fields: ClassVar[Sequence[str]] = ("arguments", "env", "cwd")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"arguments": "json", "env": "json"}

    def __init__(
        self,
        *,
        arguments: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        program: str | None = None,
        **operator: object,
    ) -> None:
        super().__init__(**operator)
        # As they were given: Airflow refuses an operator that changes a templated field before it is filled in.
        self.arguments = arguments
        self.env = env
        self.cwd = cwd
        self.program = program
        self._child: Child | None = None

    def execute(self, context: Mapping[str, object]) -> object:  # noqa: ARG002 - Airflow passes it by this name
        """Run the command, and return its result.

        Raises:
            AirflowException: it failed, in a way that may pass by itself.
            AirflowFailException: it failed, and would fail again.
        """
        if isinstance(self.arguments, str):
            raise AirflowFailException("arguments is one text; give a list: a text for each argument")
        self._child = Child(self._command(), self._environment(), self.cwd)
        try:
            ended = self._child.run(self._say)
        except OSError as error:
            raise AirflowFailException(f"krr-export cannot be started: {error.strerror}") from None
        if ended.exit_code:
            raise _failure(ended)
        return ended.result()

    def on_kill(self) -> None:
        """End the command: Airflow ends the task."""
        if self._child is not None:
            self._child.end()

    def _command(self) -> list[str]:
        program = [sys.executable, "-m", "krr_export"] if self.program is None else [self.program]
        return [*program, *map(str, self.arguments)]

    def _environment(self) -> dict[str, str]:
        # As a variable, since what stands behind the arguments may not be an option: after `--`, say.
        return {**os.environ, **(self.env or {}), "KRR_EXPORT_JSON": "1"}

    def _say(self, line: str) -> None:
        self.log.log(logging.WARNING if line.startswith("WARNING ") else logging.INFO, "%s", line)


def _failure(ended: Ended) -> Exception:
    kind = AirflowException if is_retryable(ended.exit_code) else AirflowFailException
    failure: Exception = kind(f"exit code {ended.exit_code}: {ended.last or 'krr-export said nothing'}")
    return failure
