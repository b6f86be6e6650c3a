"""`backfill --cluster` when what it needs is lost, or silent, for good: it ends, says what, and can be completed."""

from __future__ import annotations

import functools
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import command
import discretion
import pytest
from exports import nights
from servers import dask_cluster

import krr_export
from krr_export.errors import NetworkError
from krr_export.jobs.backfill.cluster import connection, runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.jobs.backfill.result import BackfillResult

pytestmark = pytest.mark.slow


@pytest.fixture
def exports(tmp_path: Path) -> list[Path]:
    return nights.make_nights(tmp_path, 2)


def backfill_while(
    lose: Callable[[], object], cluster: dask_cluster.DaskCluster, exports: list[Path], store: Path
) -> BackfillResult:
    """Backfill, and lose something while a worker converts."""
    done = threading.Event()

    def wait_and_lose() -> None:
        command.wait_until(lambda: done.is_set() or bool(cluster.children()))
        lose()

    loser = threading.Thread(target=wait_and_lose)
    loser.start()
    try:
        result = krr_export.backfill(exports, store, cluster=cluster.address, max_rejects="1%", processes=1)
    finally:
        done.set()
        loser.join()
    discretion.hear(result.message)
    return result


def check_that_it_can_be_completed(exports: list[Path], store: Path) -> None:
    assert [path.name for path in store.iterdir() if path.name.startswith((".staging", ".repl"))] == []
    assert krr_export.backfill(exports, store, max_rejects="1%", processes=1).exit_code == 0


def test_a_scheduler_that_is_lost_ends_the_run(exports: list[Path], tmp_path: Path) -> None:
    with dask_cluster.running(tmp_path) as cluster:
        cluster.grow_to(2)
        lose = functools.partial(cluster.signal_scheduler, signal.SIGKILL)
        result = backfill_while(lose, cluster, exports, tmp_path / "store")
        assert (result.exit_code, [one.outcome for one in result.exports]) == (6, ["failed", "left"])
        assert "the connection to the scheduler was lost; run again" in result.message
    check_that_it_can_be_completed(exports, tmp_path / "store")


def test_a_task_whose_workers_are_lost_again_and_again_is_a_killed_one(exports: list[Path], tmp_path: Path) -> None:
    with dask_cluster.running(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as cluster:
        cluster.grow_to(2)
        result = backfill_while(cluster.kill_busy, cluster, exports, tmp_path / "store")
        assert (result.exit_code, [one.outcome for one in result.exports]) == (4, ["failed", "left"])
        assert result.exports[0].reason == "killed"
        assert "several workers that converted it were lost" in result.message
    check_that_it_can_be_completed(exports, tmp_path / "store")


def test_a_cluster_without_workers_is_not_waited_for_for_ever(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_SECONDS_WITHOUT_WORKERS", 1)
    monkeypatch.setattr(runner, "_SECONDS_BETWEEN_QUESTIONS", 0.2)
    with dask_cluster.running(tmp_path) as cluster:
        cluster.grow_to(1)
        result = backfill_while(lambda: cluster.kill(0), cluster, exports, tmp_path / "store")
        assert (result.exit_code, [one.outcome for one in result.exports]) == (6, ["failed", "left"])
        assert "the cluster has no workers any more; start some, and run again" in result.message
    check_that_it_can_be_completed(exports, tmp_path / "store")


def test_workers_that_come_back_in_time_go_on(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_SECONDS_BETWEEN_QUESTIONS", 0.2)
    with dask_cluster.running(tmp_path) as cluster:
        cluster.grow_to(1)

        def exchange() -> None:
            cluster.kill(0)
            cluster.grow_to(1)

        result = backfill_while(exchange, cluster, exports, tmp_path / "store")
        assert (result.exit_code, result.counts["published"]) == (0, 2), result.message


def test_a_worker_that_hangs_from_the_start_is_not_waited_for_for_ever(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dask_cluster.running(tmp_path) as cluster:
        cluster.grow_to(2)
        cluster.workers[1].send_signal(signal.SIGSTOP)
        monkeypatch.setattr(connection, "_SECONDS_TO_ANSWER", 8)
        with pytest.raises(NetworkError, match=r"worker.* of the cluster does not answer; end it or start it anew"):
            krr_export.backfill(exports, tmp_path / "store", cluster=cluster.address, max_rejects="1%")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("ages", "named"), [([1, 99], "the worker tcp://1"), ([1, 1], "a worker"), (None, "the scheduler")]
)
def test_who_does_not_answer_is_named_if_it_can_be_told(
    ages: list[int] | None, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_SECONDS_TO_ANSWER", 0.1)
    monkeypatch.setattr(connection, "_SECONDS_TO_CLOSE", 0.1 if ages is None else command.HANG)
    ended = threading.Event()

    class Client:
        def scheduler_info(self, **_: int) -> dict[str, Any]:
            if ages is None:
                ended.wait()
            return {"workers": {f"tcp://{n}": {"last_seen": time.time() - age} for n, age in enumerate(ages or [])}}

    with pytest.raises(NetworkError, match=f"^{named} of the cluster does not answer"):
        connection.Connection(Client(), ValueError).ask(ended.wait)
    ended.set()


def test_a_scheduler_that_hangs_ends_the_run(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_SECONDS_TO_CLOSE", 1)
    monkeypatch.setattr(runner, "_SECONDS_BETWEEN_QUESTIONS", 0.2)
    monkeypatch.setattr(runner, "_SECONDS_TO_END", 1)
    with dask_cluster.running(tmp_path) as cluster:
        cluster.grow_to(1)

        def stop() -> None:
            monkeypatch.setattr(connection, "_SECONDS_TO_ANSWER", 1)
            cluster.signal_scheduler(signal.SIGSTOP)
            for worker in cluster.workers:
                worker.send_signal(signal.SIGSTOP)

        result = backfill_while(stop, cluster, exports, tmp_path / "store")
        assert (result.exit_code, [one.outcome for one in result.exports]) == (6, ["failed", "left"])
        assert "the scheduler of the cluster does not answer; end it or start it anew" in result.message
    check_that_it_can_be_completed(exports, tmp_path / "store")
