"""The operator for Airflow: against a stand-in of Airflow's few names always, against a real one where it is.

The programs that it runs are real: each test's process of its own, with the exit code that the operator has to judge.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import command
import pytest

from krr_export.errors import EXIT_CODES, is_retryable

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).parents[3] / "samples"
VALID, FAULTY = str(SAMPLES / "valid.xml"), str(SAMPLES / "faulty.xml")
MODULES = ("krr_export.airflow", "krr_export.airflow.operator", "krr_export.airflow.child")


class Retried(Exception):  # noqa: N818 - stands in for AirflowException
    """After it Airflow retries."""


class Failed(Retried):
    """After it Airflow does not."""


class StandIn:
    """What the operator asks of Airflow's own: named options, and a log."""

    def __init__(self, *, task_id: str, retries: int = 0) -> None:
        self.task_id, self.retries = task_id, retries
        self.log = logging.getLogger("stand-in")


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Makes an operator in an Airflow that is not there."""
    names = {"BaseOperator": StandIn, "AirflowException": Retried, "AirflowFailException": Failed}
    for name in ("airflow", "airflow.sdk", "airflow.sdk.exceptions"):
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    from krr_export.airflow import KrrExportOperator  # noqa: PLC0415 - of the Airflow that stands in

    return lambda *arguments, **options: KrrExportOperator(
        **{"task_id": "krr", "arguments": [*map(str, arguments)], "cwd": str(tmp_path), **options}
    )


@pytest.fixture
def child(operator: Callable[..., Any], tmp_path: Path) -> Callable[[str], Any]:
    """Makes a child process that runs a line of Python."""
    made = sys.modules[operator("convert").execute.__module__].Child
    return lambda program: made([sys.executable, "-c", program], dict(os.environ), str(tmp_path))


def test_the_tasks_value_is_the_result(operator: Callable[..., Any], tmp_path: Path) -> None:
    result = operator("convert", VALID, "store").execute({})
    assert (result["outcome"], result["exit_code"]) == ("published", 0)
    assert result["report"]["counts"]["written"] == 40
    assert (tmp_path / "store/latest/person").is_dir()


def test_behind_the_arguments_end_too_and_none_is_where_there_is_none(operator: Callable[..., Any]) -> None:
    assert operator("convert", "--", VALID, "store").execute({})["outcome"] == "published"
    assert operator("schema", "--format", "dbt").execute({}) is None


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["convert", FAULTY, "store"], 1, Failed),
        (["convert", VALID, "store", "--no-such"], 2, Failed),
        (["convert", "nowhere.xml", "store"], 3, Failed),
        (["convert", VALID, "store", "--metrics", "nowhere/krr.prom"], 4, Retried),
        (["convert", VALID, "store", "--max-age", "1h"], 5, Failed),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_airflow_retries_what_may_pass_by_itself(
    operator: Callable[..., Any], arguments: list[str], code: int, kind: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(Retried, match=f"^exit code {code}: krr-export: ") as failure:
        operator(*arguments).execute({})
    assert failure.type is kind
    ran = command.run(*arguments, cwd=tmp_path)
    assert str(failure.value) == f"exit code {code}: krr-export: {ran.last}"


@pytest.mark.parametrize("code", [one.number for one in EXIT_CODES if one.number])
def test_so_it_is_with_every_exit_code_there_is(operator: Callable[..., Any], tmp_path: Path, code: int) -> None:
    program = tmp_path / "ends"
    ending = f"os._exit({code})"
    if code > 128:  # a shell that runs the tests in its background ignores some signals, and so would this program
        reset = "" if code == 128 + signal.SIGKILL else f"signal.signal({code - 128}, signal.SIG_DFL); "
        ending = f"{reset}os.kill(os.getpid(), {code - 128})"
    script = f"import os, signal, sys; print('krr-export: it ended', file=sys.stderr, flush=True); {ending}"
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(0o700)
    with pytest.raises(Retried, match=f"^exit code {code}: krr-export: it ended$") as failure:
        operator("convert", program=str(program)).execute({})
    assert failure.type is (Retried if is_retryable(code) else Failed)


@pytest.mark.parametrize("program", ["no/such/program", str(SAMPLES)])
def test_a_program_that_cannot_be_started_is_not_started_again(operator: Callable[..., Any], program: str) -> None:
    with pytest.raises(Retried, match=r"^krr-export cannot be started: ") as failure:
        operator("convert", program=program).execute({})
    assert failure.type is Failed


def test_one_text_is_no_list_of_arguments(operator: Callable[..., Any]) -> None:
    with pytest.raises(Failed, match="give a list"):
        operator(arguments="convert a b").execute({})


class Waiting:
    """A command that waits for an export from a pipe, once it has said a line."""

    def __init__(self, operator: Callable[..., Any], home: Path) -> None:
        os.mkfifo(home / "pipe")
        self.said = threading.Event()
        self.operator = operator("convert", "pipe", "store", env={"KRR_EXPORT_NO_SUCH": "1"})
        self.failure: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING and "KRR_EXPORT_NO_SUCH" in record.getMessage():
            self.said.set()

    def execute(self) -> None:
        try:
            self.operator.execute({})
        except Retried as failure:
            self.failure = failure


def test_a_line_is_in_the_log_as_it_comes_and_on_kill_ends_the_command(
    operator: Callable[..., Any], tmp_path: Path
) -> None:
    waiting = Waiting(operator, tmp_path)
    handler = logging.Handler()
    handler.emit = waiting.emit  # type: ignore[method-assign]  # what a handler is
    waiting.operator.log.addHandler(handler)
    task = threading.Thread(target=waiting.execute)
    task.start()
    try:
        assert waiting.said.wait(command.HANG), "the line came only at the end, which does not come"
        assert task.is_alive()
    finally:
        waiting.operator.on_kill()
        task.join(command.HANG)
        waiting.operator.log.removeHandler(handler)
    assert type(waiting.failure) is Retried
    assert str(waiting.failure).startswith("exit code 143: krr-export: terminated: nothing was published")
    assert not (tmp_path / "store/latest").exists()


def test_a_task_that_is_killed_before_it_began_is_no_fault(operator: Callable[..., Any]) -> None:
    operator("convert", VALID, "store").on_kill()


def test_a_command_that_is_ended_while_it_starts_ends(child: Callable[[str], Any]) -> None:
    starting = child("import time; time.sleep(600)")
    starting.end()
    assert starting.run(print).exit_code == 143


def test_no_command_is_left_behind_by_what_ends_the_wait(child: Callable[[str], Any]) -> None:
    said: list[int] = []
    running = child("import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(600)")

    def interrupted(line: str) -> None:
        said.append(int(line))
        raise TimeoutError

    with pytest.raises(TimeoutError):
        running.run(interrupted)
    with pytest.raises(ProcessLookupError):
        os.kill(said[0], 0)


def test_what_airflow_fills_in_and_keeps_of_an_operator(operator: Callable[..., Any]) -> None:
    made = operator("convert", "{{ ds }}.xml", "store", retries=3)
    assert made.retries == 3
    assert {*made.template_fields} == {"arguments", "env", "cwd"}
    assert made.arguments == ["convert", "{{ ds }}.xml", "store"]


@pytest.mark.skipif(find_spec("airflow") is not None, reason="here is an Airflow")
def test_without_airflow_the_error_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import krr_export.airflow"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: krr_export.airflow needs Apache Airflow 3; install krr-export where Airflow is"
    )


_DAG = """
import json, sys
from datetime import datetime, timedelta
from airflow.sdk import DAG
from krr_export.airflow import KrrExportOperator

with DAG("krr", start_date=datetime(2026, 1, 1), schedule=None) as dag:
    for name, arguments in json.loads(sys.argv[1]).items():
        KrrExportOperator(
            task_id=name, arguments=arguments, cwd=sys.argv[2], retries=1,
            retry_delay=timedelta(0), execution_timeout=timedelta(seconds=5) if name == "waits" else None,
        )
if __name__ == "__main__":
    told = {
        task.task_id: [task.state, task.try_number, (task.xcom_pull(task_ids=task.task_id) or {}).get("outcome")]
        for task in dag.test().get_task_instances()
    }
    print(json.dumps(told), file=open("told.json", "w"))
"""


@pytest.mark.skipif(
    find_spec("airflow") is None, reason="needs Apache Airflow, too large for `make test`: see docs/guides/nightly.md"
)
def test_a_real_airflow_runs_it(tmp_path: Path) -> None:
    env = command.environment(AIRFLOW_HOME=str(tmp_path), AIRFLOW__CORE__LOAD_EXAMPLES="False")
    (tmp_path / "dags").mkdir()
    dag = tmp_path / "dags/krr.py"
    dag.write_text(_DAG)
    os.mkfifo(tmp_path / "pipe")
    tasks = {
        "converts": ["convert", VALID, "store-{{ dag.dag_id }}"],
        "refuses": ["convert", FAULTY, "refused"],
        "again": ["convert", VALID, "again", "--metrics", "nowhere/krr.prom"],
        "waits": ["convert", "pipe", "waiting"],
    }
    migrated = [sys.executable, "-m", "airflow", "db", "migrate"]
    for words in (migrated, [sys.executable, str(dag), json.dumps(tasks), str(tmp_path)]):
        done = subprocess.run(
            words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=command.HANG, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "told.json").read_text()) == {
        "converts": ["success", 1, "published"],
        "refuses": ["failed", 1, None],
        "again": ["failed", 2, None],
        "waits": ["failed", 2, None],
    }
    assert (tmp_path / "store-krr/latest").is_dir()
    with pytest.raises(OSError, match="No such device or address"):  # nobody reads the pipe any more
        os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)
