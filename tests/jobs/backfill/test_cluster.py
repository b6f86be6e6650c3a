"""`backfill --cluster`: a store as on one machine, whatever the number of workers, whichever of them is killed when."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import deliveries
import discretion
import pytest
from exports import nights
from servers import dask_cluster

import krr_export
from krr_export.jobs.backfill.cluster import connection
from krr_export.jobs.backfill.cluster.on_worker import Order, Site
from krr_export.jobs.backfill.cluster.runner import Cluster, _Passed
from krr_export.jobs.backfill.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow
GUIDE = Path(__file__).parents[3] / "docs/guides/backfill.md"
OPTIONS: dict[str, Any] = {"max_rejects": "1%", "changes": True}
WORDS = ("--max-rejects=1%", "--changes")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return nights.make_nights(tmp_path_factory.mktemp("exports"), 3)


@pytest.fixture(scope="module")
def expected(exports: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the store is that `convert` makes, night by night."""
    store = tmp_path_factory.mktemp("alone") / "store"
    for source in exports:
        krr_export.convert(source, store, **OPTIONS)
    return nights.facts(store)


@pytest.fixture(scope="module")
def module_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dask_cluster.DaskCluster]:
    with dask_cluster.running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(module_cluster: dask_cluster.DaskCluster, exports: list[Path]) -> Iterator[dask_cluster.DaskCluster]:
    """The cluster, with two workers; what it logs is heard, where no person may be."""
    for export in exports:
        document = export.read_bytes()
        discretion.plant_persons(gzip.decompress(document) if export.suffix == ".gz" else document)
    module_cluster.grow_to(2)
    yield module_cluster
    module_cluster.hear()


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}/cmdline").exists() and Path(f"/proc/{process}/cmdline").read_bytes() != b""


def left_over(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir() if path.name.startswith((".staging", ".repl")))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_store_is_the_same_from_any_number_of_workers(
    workers: int, module_cluster: dask_cluster.DaskCluster, exports: list[Path], expected: dict[str, Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    module_cluster.grow_to(workers)
    ran = command.call(
        "backfill", *reversed(exports), tmp_path / "store", *WORDS, "--cluster", module_cluster.address, "--json"
    )
    assert (ran.code, ran.result["published"]) == (0, len(exports)), ran.err
    assert nights.facts(tmp_path / "store") == expected
    assert left_over(tmp_path / "store") == []


def test_paths_mean_the_same_though_workers_were_started_elsewhere_and_what_is_there_is_not_converted_again(
    cluster: dask_cluster.DaskCluster, exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exports[0].parent)
    store = Path(os.path.relpath(tmp_path / "store"))
    for outcome in ("published", "unchanged"):
        ran = command.call("backfill", exports[0].name, store, *WORDS, "--cluster", cluster.address, "--json")
        assert (ran.code, ran.result[outcome]) == (0, 1), ran.err


@pytest.mark.parametrize("seed", [1, 2])
def test_workers_that_are_killed_at_any_moment_lose_nothing(
    seed: int, cluster: dask_cluster.DaskCluster, exports: list[Path], expected: dict[str, Any], tmp_path: Path
) -> None:
    chance, done = random.Random(seed), threading.Event()  # noqa: S311 - any moment will do
    cluster.grow_to(3)
    before, orphans = len(cluster.workers), list[int]()

    def kill_two() -> None:
        for _ in range(2):
            command.wait_until(lambda: done.is_set() or bool(cluster.children()))
            time.sleep(chance.uniform(0, 1.5))
            orphans.extend(cluster.children())
            cluster.kill(chance.randrange(len(cluster.workers)))

    killer = threading.Thread(target=kill_two)
    killer.start()
    result = krr_export.backfill(exports, tmp_path / "store", cluster=cluster.address, **OPTIONS)
    done.set()
    killer.join()
    assert (result.exit_code, result.counts["published"]) == (0, len(exports)), result.message
    assert nights.facts(tmp_path / "store") == expected
    assert left_over(tmp_path / "store") == []
    assert len(cluster.workers) == before - 2
    command.wait_until(lambda: not any(map(is_alive, orphans)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_runs_on_workers_and_the_next_run_completes_it(
    number: signal.Signals, cluster: dask_cluster.DaskCluster, exports: list[Path], expected: dict[str, Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    store, words = tmp_path / "store", (*WORDS, "--cluster", cluster.address, "--json")
    with command.heeding(number), command.started("backfill", *exports, store, *words) as process:
        command.wait_until(lambda: bool(cluster.children()))
        process.send_signal(number)
        out, err = process.communicate(timeout=command.HANG)
    assert process.returncode == 128 + number, err
    published = [one for one in json.loads(out)["exports"] if one["outcome"] == "published"]
    assert len([*store.glob("eksport=*")]) == len(published)
    assert len(err.decode().splitlines()) == 1, err
    assert left_over(store) == []
    command.wait_until(lambda: not cluster.children())
    ran = command.call("backfill", *exports, store, *words)
    assert (ran.code, ran.result["unchanged"]) == (0, len(published)), ran.err
    assert nights.facts(store) == expected


def test_a_worker_that_goes_on_after_the_run_is_dead_writes_nothing_that_is_seen(
    cluster: dask_cluster.DaskCluster, exports: list[Path], expected: dict[str, Any],
    then_in_threads: Callable[[], None], tmp_path: Path,
) -> None:  # fmt: skip
    store = tmp_path / "store"
    with command.started("backfill", *exports, store, *WORDS, "--cluster", cluster.address) as process:
        command.wait_until(lambda: bool(cluster.children()))
        stopped = [worker.pid for worker in cluster.workers] + cluster.children()
        for one in stopped:
            os.kill(one, signal.SIGSTOP)
        process.kill()
        process.wait()
    assert any(name.startswith(".staging") for name in left_over(store))
    then_in_threads()
    ran = command.call("backfill", *exports, store, *WORDS, "--processes=1")  # on this machine alone
    assert ran.code == 0, ran.err
    assert left_over(store) == [], "swept, though somebody still writes there"
    for one in reversed(stopped):
        os.kill(one, signal.SIGCONT)
    command.wait_until(lambda: not cluster.children())
    assert left_over(store) == []
    assert nights.facts(store) == expected


def test_results_and_errors_come_back_as_values_and_nothing_of_them_is_in_a_log(
    cluster: dask_cluster.DaskCluster, exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, locked = deliveries.keys_of(), tmp_path / "locked.pem"
    password = f"pass:{deliveries.PASSPHRASE.decode()}"
    locked.write_bytes(deliveries.openssl("pkcs8", "-topk8", "-in", keys.private_key, "-passout", password))
    document = exports[0].read_bytes()
    for stamp, content in ("20260101T0404", document), ("20260102T0404", document[:500_000]):
        deliveries.make_set_of(tmp_path / "inbox", gzip.compress(content), stamp=stamp)
    monkeypatch.setenv("KRR_EXPORT_PASSPHRASE", deliveries.PASSPHRASE.decode())
    words = ("--private-key", locked, "--publisher-cert", keys.publisher_cert, "--max-rejects=1%", "--skip-bad")
    store = tmp_path / "store"
    ran = command.call("backfill", tmp_path / "inbox", store, *words, "--cluster", cluster.address, "--json")
    assert [one["outcome"] for one in ran.result["exports"]] == ["published", "failed"], ran.err
    assert (ran.code, ran.result["exports"][1]["reason"]) == (3, "input")
    cluster.hear()
    said = "".join(cluster.log(path.stem) for path in cluster.home.glob("*.log"))
    assert "krr-export-" in said, "the logs tell of tasks"
    assert "Compute Failed" not in said
    assert discretion.leaks(said) == []


def test_what_dask_may_show_of_a_task_shows_nothing() -> None:
    delivery = krr_export.DeliveryOptions(passphrase=deliveries.PASSPHRASE)
    task = Task(Path("a.xml"), 5, Path("store"), Path("x"), krr_export.ConvertOptions(delivery=delivery))
    order = Order(1, "krr-export-ab-1", task, Path("n"), Site({}, "", ""))
    assert "passphrase" not in repr(order)
    assert "a.xml" not in repr(order)
    assert deliveries.PASSPHRASE.decode() not in repr(order)
    assert order.topic == "krr-export-ab"


def test_a_worker_of_another_version_is_named_before_anything_is_written(
    cluster: dask_cluster.DaskCluster, exports: list[Path], tmp_path: Path
) -> None:
    other = tmp_path / "other" / "lxml-1.2.3.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: lxml\nVersion: 1.2.3\n")
    cluster.grow_to(len(cluster.workers) + 1, PYTHONPATH=str(other.parent))
    ran = command.call("backfill", *exports, tmp_path / "store", "--cluster", cluster.address)
    cluster.kill(-1)
    assert ran.code == 2
    assert ran.last.startswith("the worker tcp://127.0.0.1:"), ran.last
    assert "has lxml 1.2.3, and this machine" in ran.last
    assert not (tmp_path / "store").exists()


def test_a_worker_that_joins_later_is_asked_too(
    cluster: dask_cluster.DaskCluster, exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = Cluster._compared  # noqa: SLF001 - what follows is as if the workers had joined after it

    def otherwise(*arguments: Any) -> Site:  # noqa: ANN401 - as the method
        return replace(compared(*arguments), schema="0")

    monkeypatch.setattr(Cluster, "_compared", otherwise)
    result = krr_export.backfill(exports, tmp_path / "store", cluster=cluster.address, skip_bad=True, **OPTIONS)
    assert (result.exit_code, result.counts["left"]) == (2, len(exports) - 1)
    assert "reads another XSD, or none, at the path of --schema; have the same on all machines" in result.message


def test_a_worker_that_does_not_see_the_store_is_named(
    cluster: dask_cluster.DaskCluster, exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unseen(client: Any, function: Any, nursery: Path, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - of Dask's
        return run(client, function, nursery / "elsewhere", *more, **named)

    distributed = connection._library()  # noqa: SLF001 - the package itself
    run = distributed.Client.run
    monkeypatch.setattr(distributed.Client, "run", unseen)
    with pytest.raises(krr_export.UsageError, match="does not see the store's directory at the same path"):
        krr_export.backfill(exports, tmp_path / "store", cluster=cluster.address, **OPTIONS)
    assert left_over(tmp_path / "store") == []


def test_progress_ends_at_all_bytes_though_a_task_is_run_twice(
    cluster: dask_cluster.DaskCluster, exports: list[Path], tmp_path: Path
) -> None:
    class Counted(krr_export.Progress):
        done = records = 0

        def read(self, size: int) -> None:
            self.done += size

        def passed(self, records: int) -> None:
            self.records += records

    counted = Counted()
    krr_export.backfill(exports[0], tmp_path / "store", progress=counted, cluster=cluster.address, **OPTIONS)
    assert counted.done == exports[0].stat().st_size
    assert counted.records >= 1998
    twice = Counted()
    passed = _Passed(twice)
    for event in ([0, 10, 20, 3], [0, 30, 60, 5], [1, 1, 1, 1], [0, 10, 20, 3], [0, 40, 80, 9]):
        passed.tell((0.0, event))
    passed.done(0, 45)
    passed.done(1, 1)
    assert (twice.done, twice.records) == (46, 10)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://192.0.2.1:8786", "tcp://192.0.2.1:8786 is not on this machine's loopback"),
        ("127.0.0.1:8786", "--cluster is no address of a scheduler; give tcp://HOST:PORT or tls://HOST:PORT"),
        ("tcp://user:pw@localhost:1", "--cluster is no address of a scheduler"),
        ("inproc://127.0.0.1:1", "--cluster is no address of a scheduler"),
        ("tls://192.0.2.1:8786", "--cluster tls:// needs certificates; give a CA, a certificate and its key"),
    ],
)
def test_an_address_without_tls_beyond_loopback_or_none_at_all_is_refused(
    address: str, message: str, exports: list[Path], tmp_path: Path
) -> None:
    ran = command.call("backfill", *exports, tmp_path / "store", "--cluster", address)
    assert (ran.code, message in ran.last) == (2, True), ran.err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("addresses", [("tcp://192.0.2.1:1",), ("tcp://127.0.0.1:1", "tcp://[2001:db8::1]:2")])
def test_a_cluster_that_is_not_all_on_loopback_is_refused(addresses: tuple[str, ...]) -> None:
    def tells(*addresses: str) -> dict[str, Any]:
        return {"address": addresses[0], "workers": dict.fromkeys(addresses[1:])}

    with pytest.raises(krr_export.UsageError, match="with TLS"):
        connection._check_loopback(tells(*addresses))  # noqa: SLF001 - a machine has no address that all have
    connection._check_loopback(tells("tcp://127.0.0.1:1", "tcp://[::1]:2"))  # noqa: SLF001 - as above


def test_a_scheduler_that_does_not_answer_is_a_fault_of_the_network(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_SECONDS_TO_CONNECT", 0.5)
    ran = command.call("backfill", *exports, tmp_path / "store", "--cluster", "tcp://127.0.0.1:1")
    assert (ran.code, ran.err.count("\n")) == (6, 1), ran.err
    assert ran.last == "the scheduler tcp://127.0.0.1:1 does not answer; start it, or correct the address"


def test_a_wrong_option_is_said_before_a_cluster_is_asked(exports: list[Path], tmp_path: Path) -> None:
    with pytest.raises(krr_export.UsageError, match="workers"):
        krr_export.backfill(exports, tmp_path / "store", cluster="tcp://127.0.0.1:1", workers=-1)


def test_without_the_package_it_is_named(exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    ran = command.call("backfill", *exports, tmp_path / "store", "--cluster", "tcp://127.0.0.1:1")
    assert (ran.code, ran.last) == (2, "the package distributed is missing; pip install 'krr-export[dask]'")


def test_with_tls_as_the_guide_makes_it_both_sides_show_certificates_of_one_authority(
    exports: list[Path], tmp_path: Path
) -> None:
    (recipe,) = re.findall(r"^```sh\n(openssl req -x509 .*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    subprocess.run(["bash", "-euc", recipe], cwd=tmp_path, check=True, capture_output=True)
    tls = {"CA_FILE": "ca.pem"} | {
        f"{role}__{kind}": name
        for role in ("CLIENT", "SCHEDULER", "WORKER")
        for kind, name in (("KEY", "key.pem"), ("CERT", "cert.pem"))
    }
    variables = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(tmp_path / file) for name, file in tls.items()}
    home = tmp_path / "cluster"
    home.mkdir()
    with dask_cluster.running(home, "--protocol", "tls", "--host", "127.0.0.1", **variables) as cluster:
        cluster.grow_to(1)
        assert cluster.address.startswith("tls://")
        words = ("backfill", exports[0], tmp_path / "store", *WORDS, "--cluster", cluster.address)
        ran = command.run(*words, env=variables)
        assert (ran.code, len([*(tmp_path / "store").glob("eksport=*")])) == (0, 1), ran.err
        subprocess.run(["bash", "-euc", recipe], cwd=tmp_path, check=True, capture_output=True)  # another authority
        ran = command.run(*words, env=variables)
        assert (ran.code, "or not with TLS of the same CA" in ran.last) == (6, True), ran.err


def test_a_store_in_an_object_store_is_not_for_a_cluster(exports: list[Path]) -> None:
    ran = command.call("backfill", *exports, "s3://bucket/krr", "--cluster", "tcp://127.0.0.1:1")
    assert (ran.code, ran.last) == (
        2,
        "--cluster needs a store in a directory that all machines see; push it afterwards",
    )
