"""`push` and `verify` with a real server of S3: what lies there, who reads it, what is said when something is wrong."""

from __future__ import annotations

import builtins
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import command
import pandas as pd
import pytest
from obstore.store import S3Store
from pyarrow.fs import S3FileSystem
from servers import object_server

import krr_export
from krr_export import UsageError
from krr_export.input.objects.address import parse_address

pytestmark = pytest.mark.slow
SAMPLES = Path(__file__).parents[2] / "samples"
FIRST, SECOND = "eksport=20260226T112225Z", "eksport=20260227T112225Z"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two nights."""
    home = tmp_path_factory.mktemp("store")
    export = (SAMPLES / "valid.xml").read_bytes()
    (home / "next.xml").write_bytes(export.replace(b"2026-02-26T", b"2026-02-27T"))
    for source in (SAMPLES / "valid.xml", home / "next.xml"):
        krr_export.convert(source, home / "store", workers=0, guard=False)
    return home / "store"


def native(bucket: str) -> S3Store:
    return S3Store("krr", prefix=bucket.removeprefix("s3://krr/"))


def keys(bucket: str) -> list[str]:
    return sorted(entry["path"] for batch in native(bucket).list() for entry in batch)


def test_pushed_snapshots_are_read_by_others_from_the_lists(store: Path, bucket: str) -> None:
    ran = command.call("push", store, f"{bucket}/krr/", "--json")
    assert ran.code == 0, ran.err
    assert ran.result["pushed"] == [FIRST, SECOND]
    assert ran.last == f"pushed 2 snapshots: {bucket}/krr has all of this store, 2 snapshots"
    again = command.call("push", store, f"{bucket}/krr")
    assert (again.code, again.last) == (0, f"nothing to push: {bucket}/krr has all of this store, 2 snapshots")
    latest = json.loads(bytes(native(bucket).get("krr/latest.json").bytes()))
    listed = bytes(native(bucket).get("krr/latest/manifest.txt").bytes()).decode().splitlines()
    assert listed == [file["uri"] for file in latest["files"] if file["table"] == "person"]
    remote = S3FileSystem(
        endpoint_override=object_endpoint(),
        access_key="krr",
        secret_key=object_server.PLANTED,
        scheme="http",
        region="us-east-1",
    )
    read = [pd.read_parquet(uri.removeprefix("s3://"), filesystem=remote) for uri in listed]
    assert pd.concat(read).equals(pd.read_parquet(store / "latest/person"))
    assert krr_export.verify_pushed(f"{bucket}/krr").proven


def object_endpoint() -> str:
    return os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")


def test_another_result_ends_in_5_until_it_is_to_be_replaced(store: Path, bucket: str, tmp_path: Path) -> None:
    assert command.call("push", store, bucket).code == 0
    krr_export.convert(SAMPLES / "valid.xml", tmp_path / "store", workers=0, columns=["status"])
    ran = command.call("push", tmp_path / "store", bucket, "--json")
    assert (ran.code, ran.result["reason"]) == (5, "published-otherwise")
    assert command.call("push", tmp_path / "store", bucket, "--replace").code == 0
    proven = command.call("verify", f"{bucket}/{FIRST}", "--json")
    assert (proven.code, proven.result["snapshot"]) == (0, f"{bucket}/{FIRST}")
    assert proven.last.startswith(f"proven: {bucket}/{FIRST}, ")
    newest = command.call("verify", bucket)
    assert (newest.code, SECOND in newest.last) == (0, True)


def test_verify_tells_damage_from_nothing_at_all(store: Path, bucket: str) -> None:
    nothing = command.call("verify", f"{bucket}/krr")
    assert (nothing.code, nothing.last.partition(";")[0]) == (3, f"there is no pushed snapshot at {bucket}/krr")
    assert command.call("push", store, bucket).code == 0
    [part] = [key for key in keys(bucket) if SECOND in key and "/person/" in key]
    content = bytes(native(bucket).get(part).bytes())
    native(bucket).put(part, content[:-1] + b"!")
    ran = command.call("verify", bucket)
    assert ran.code == 1
    assert ran.lines[0] == "differs   person/part-00000.parquet: its SHA-256 is not the one listed"
    assert ran.last.startswith(f"not proven: {bucket}/{SECOND} differs from its manifest in 1 point; delete eksport/")
    assert command.call("verify", f"{bucket}/{FIRST}").code == 0
    native(bucket).delete(f"eksport/{SECOND}.json")  # as the last line says
    assert command.call("push", store, bucket).code == 0
    assert command.call("verify", bucket).code == 0


def test_a_large_file_that_is_damaged_leaves_no_object_and_no_unfinished_upload(
    store: Path, bucket: str, tmp_path: Path
) -> None:
    copied = shutil.copytree(store, tmp_path / "store", symlinks=True)
    [part] = copied.glob(f"{SECOND}/person/*")
    with part.open("ab") as file:
        file.write(os.urandom(30_000_000))
    ran = command.call("push", copied, bucket)
    assert (ran.code, "person/part-00000.parquet is not as it was published; see" in ran.last) == (3, True)
    assert not any((SECOND in key and "/person/" in key) or f"eksport/{SECOND}" in key for key in keys(bucket))
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/krr?uploads") as answer:  # noqa: S310 - http, on this machine
        assert b"<Upload>" not in answer.read()
    assert command.call("verify", bucket).code == 0
    assert command.call("push", store, bucket).code == 0


def test_several_processes_push_at_once_and_all_of_it_is_there(store: Path, bucket: str) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(command.started("push", store, bucket)) for _ in range(3)]
        assert [process.wait(command.HANG) for process in running] == [0, 0, 0]
    for uri in (bucket, f"{bucket}/{FIRST}", f"{bucket}/{SECOND}"):
        assert command.call("verify", uri).code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_push_that_is_ended_is_gone_on_with_by_the_next(number: signal.Signals, store: Path, bucket: str) -> None:
    with command.started("push", store, bucket) as process:
        command.wait_until(lambda: process.poll() is not None or any(FIRST in key for key in keys(bucket)))
        process.send_signal(number)
        _, said = process.communicate(timeout=command.HANG)
    assert process.returncode in {0, 128 + number, -number}
    if process.returncode == 128 + number:
        assert re.search(r"krr-export: terminated: \d pushed; the next push goes on", said.decode())
    assert command.call("push", store, bucket).code == 0
    assert command.call("verify", bucket).code == 0


def test_what_cannot_be_reached_or_entered_is_a_failure_of_the_network(
    store: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = command.call("push", store, "s3://not-there/krr")
    assert ran.code in {2, 6}  # servers differ in what they tell of a bucket that is not there
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for words in (("push", store, bucket), ("verify", bucket)):
        ran = command.call(*words)
        assert (ran.code, ran.last.partition(",")[0]) == (6, f"{bucket} cannot be reached")
        assert object_server.PLANTED not in ran.err
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    ran = command.call("push", store, bucket)
    assert (ran.code, "AWS_ALLOW_HTTP=true" in ran.last) == (2, True)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://noekkel:geheim@bucket/krr", "s3://geheim@bucket", "gs://bucket/geheim@x", "s3://bucket/krr?sig=geheim",
        "abfss://c:geheim@a.dfs.core.windows.net/x", "abfss://c@geheim@a.dfs.core.windows.net", "s3://bucket#geheim",
    ],
)  # fmt: skip
def test_a_uri_with_a_secret_is_refused_and_not_repeated(uri: str, store: Path) -> None:
    for words in (("push", store, uri), ("verify", uri)):
        ran = command.call(*words, "--json")
        assert (ran.code, ran.result["reason"]) == (2, "usage")
        assert "geheim" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("sftp://host/x", "the URI is of no object store that is known"),
        ("https://bucket.s3.amazonaws.com/x", "the URI is of no object store that is known"),
        ("/data/krr", "the URI is of no object store that is known"),
        ("s3://", "the URI is not written as that of an object store"),
        ("s3:///x", "the URI is not written as that of an object store"),
        ("s3://bucket//x", "the URI is not written as that of an object store"),
        ("s3://bucket/../x", "the URI is not written as that of an object store"),
        ("s3://bucket/a b", "the URI is not written as that of an object store"),
        ("s3://bucket/*", "the URI is not written as that of an object store"),
        (f"s3://bucket/{FIRST}/x", "the URI has eksport= in it"),
        (f"s3://bucket/{FIRST}", "the URI ends in a snapshot's name"),
    ],
)
def test_what_is_no_place_in_an_object_store_is_wrong_usage(uri: str, message: str, store: Path) -> None:
    ran = command.call("push", store, uri)
    assert (ran.code, ran.last.partition(";")[0].partition(", which")[0]) == (2, message)


def test_addresses_are_written_one_way() -> None:
    assert parse_address("S3A://bucket/krr/").uri == "s3://bucket/krr"
    assert parse_address("s3://bucket").uri == "s3://bucket"
    azure = parse_address(f"abfss://c@a.dfs.core.windows.net/x/{FIRST}")
    assert (azure.uri, azure.snapshot) == ("abfss://c@a.dfs.core.windows.net/x", FIRST)


def test_what_is_no_store_is_said_before_anything_is_asked_for(store: Path, tmp_path: Path) -> None:
    for path, code in ((store / "latest", 2), (tmp_path, 3), (tmp_path / "missing", 3)):
        ran = command.call("push", path, "s3://bucket")
        assert (ran.code, str(path) in ran.last) == (code, True)


def test_without_the_package_it_is_said_what_to_install(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:  # noqa: ANN401 - as the built-in function
        if name.partition(".")[0] == "obstore":
            raise ImportError(name=name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"^the package obstore is missing; pip install 'krr-export\[cloud\]'$"):
        krr_export.push(store, "s3://bucket/krr")


def test_the_library_is_loaded_only_where_it_is_used() -> None:
    script = "import sys, krr_export.cli.commands.push, krr_export.jobs.push; print('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"False\n"
