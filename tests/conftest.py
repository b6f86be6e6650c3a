"""What many tests share."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import discretion
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from exports import tiny_xml
from hypothesis import settings
from servers import azurite, object_server, postgres_server

from krr_export.jobs.backfill.processes import Processes
from krr_export.jobs.backfill.run_task import run_task
from krr_export.schema.faults import compile_xsd
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from krr_export.jobs.backfill.task import Task
    from krr_export.schema.record_schema import RecordSchema

WHOLE_PROGRAMS = Path(__file__).parent / "integration"

# Derandomized: a suite that fails must fail again. More examples: `pytest --hypothesis-profile=long`.
settings.register_profile("suite", derandomize=True, deadline=None, database=None, max_examples=30)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("suite")


def pytest_configure() -> None:
    """Heed interrupts, though a shell that runs the tests in its background ignores them: tests interrupt programs."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test that is skipped for want of an oracle fail where CI is set: there everything is to be at hand."""
    report = yield
    if report.skipped and os.environ.get("CI") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if "not installed" in reason or "not at hand" in reason:
            report.outcome, report.longrepr = "failed", f"{reason}, and CI is set"
    return report


@pytest.fixture(autouse=True)
def _discreet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test of deliveries or of fetching in whose output, logs or errors a planted value is."""
    module = request.module.__name__
    if not module.startswith(("test_delivery", "test_fetching", "test_nightly")):
        yield
        return
    discretion.everything_said()
    yield from discretion.listening(monkeypatch)
    captured = "".join(text for _, _, text in request.node._report_sections)  # noqa: SLF001 - no public way to it
    assert discretion.leaks(captured + discretion.everything_said()) == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whole-program tests as slow, and begin with them: one of them at the end would let other processes wait."""
    for item in items:
        if WHOLE_PROGRAMS in item.path.parents:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: WHOLE_PROGRAMS not in item.path.parents)


@pytest.fixture(scope="session", autouse=True)
def _keys_parsed_once() -> Iterator[None]:
    """Parse each private key once in a process: OpenSSL looks 30 ms for a flaw in it, and tests read few keys often.

    The file is read each time; a key that is refused, or not decrypted, is so anew each time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("krr_export.input.delivery.keys.load_pem_private_key", cache(load_pem_private_key))
        yield


@pytest.fixture
def krr(monkeypatch: pytest.MonkeyPatch) -> Callable[..., command.Ran]:
    """Calls the program in this process: quick."""
    for name in list(os.environ):
        if name.startswith("KRR_EXPORT_"):
            monkeypatch.delenv(name)
    return command.call


@pytest.fixture(scope="session")
def schema() -> RecordSchema:
    """The record schema 14-05."""
    return load_schema("14-05")


@pytest.fixture(scope="module")
def compiled_once() -> Iterator[None]:
    """Compiles each schema once for all documents of a test file, and not for each, of which it reads thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("krr_export.schema.record_schema.compile_xsd", cache(compile_xsd))
        yield


@pytest.fixture
def export() -> Callable[..., bytes]:
    """Writes a tiny export: see `tiny_xml.export`, which property tests take directly."""
    return tiny_xml.export


@pytest.fixture(scope="session")
def xmllint() -> str:
    """The path of xmllint, libxml2's own judge; where it is missing, tests of agreement with it say so."""
    found = shutil.which("xmllint")
    if found is None:
        pytest.skip("xmllint is not installed")
    return str(found)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups so small that a test fills several, and windows too where there are partitions."""
    monkeypatch.setattr("krr_export.output.sinks.table._WINDOW_ROWS", 8)
    monkeypatch.setattr("krr_export.output.sinks.options.ROW_GROUP_ROWS", 10)
    monkeypatch.setattr("krr_export.output.sinks.options.CSV_GROUP_ROWS", 10)


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object_server.ObjectServer]:
    """A server of S3, one for each process of tests that needs it, with the bucket ``krr``."""
    with object_server.served(tmp_path_factory.mktemp("objects")) as server:
        server.make_bucket("krr")  # for nearly all: each bucket takes volumes of its own
        yield server


@pytest.fixture
def bucket(
    object_store: object_server.ObjectServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The URI of a place of its own, with all that a client needs in the environment."""
    for name, value in object_store.variables.items():
        monkeypatch.setenv(name, value)
    return f"s3://krr/{zlib.crc32(request.node.nodeid.encode())}"


@pytest.fixture(scope="session")
def azure_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azurite.Azurite]:
    """A server of Azure's blobs, one for each process of tests that needs it, with the container ``krr``."""
    with azurite.served(tmp_path_factory.mktemp("azurite")) as server:
        server.make_container("krr")
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """A server of PostgreSQL, one for each process of tests that needs it."""
    with postgres_server.served() as server:
        yield server


@pytest.fixture
def container(azure_store: azurite.Azurite, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As `bucket`, in Azure."""
    for name, value in azure_store.variables.items():
        monkeypatch.setenv(name, value)
    return f"abfss://krr@{azurite.ACCOUNT}.dfs.core.windows.net/{zlib.crc32(request.node.nodeid.encode())}"


@pytest.fixture(params=["bucket", "container"])
def place(request: pytest.FixtureRequest) -> str:
    """As `bucket`, once in S3 and once in Azure."""
    return str(request.getfixturevalue(request.param))


def _run_here(processes: Processes, task: Task) -> Any:  # noqa: ANN401 - whatever comes of a task
    """What `Processes.run` does, without its process: the task and what comes of it are passed on as they are there."""
    progress = processes._progress  # noqa: SLF001 - it tells it of what its processes tell
    return pickle.loads(pickle.dumps(run_task(pickle.loads(pickle.dumps(task)), progress)))  # noqa: S301 - our own


@pytest.fixture
def then_in_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has tasks of a backfill run, once it is called, in the threads that otherwise wait for processes.

    As many run beside each other as do with processes, which take long to start. For tests of what is published, and
    for the run after one that was killed; others start the processes.
    """
    return lambda: monkeypatch.setattr(Processes, "run", _run_here)


@pytest.fixture
def in_threads(then_in_threads: Callable[[], None]) -> None:
    """Have tasks of a backfill run in threads from the beginning; see `then_in_threads`."""
    then_in_threads()
