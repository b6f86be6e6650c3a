"""`backfill --cluster` where no scheduler is, but something else listens; and Dask's configuration in disorder."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import command
import pytest

from krr_export.errors import NetworkError, UsageError
from krr_export.jobs.backfill.cluster import connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
PLANTED = "hemmelig"


def _framed(*frames: bytes) -> bytes:
    sizes = [len(frames), *map(len, frames)]
    body = b"".join(size.to_bytes(8, "little") for size in sizes) + b"".join(frames)
    return len(body).to_bytes(8, "little") + body


@contextmanager
def _listening(says: bytes) -> Iterator[str]:
    """Something that says the same to whoever connects, and then waits; gives its address."""
    taken: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                taken.append(server.accept()[0])
                taken[-1].sendall(says)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in taken:
                one.close()


@pytest.mark.parametrize(
    "says",
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"\xff" * 72,
        (40 << 30).to_bytes(8, "little") + bytes(64),
        (1 << 16).to_bytes(8, "little") + b"\xff" * (1 << 16),
        _framed(b"\xc1" + PLANTED.encode()),
        b"",
    ],
    ids=["http", "endless", "huge", "lengths", "garbage", "silent"],
)
def test_what_is_no_scheduler_is_not_reached(says: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_SECONDS_TO_CONNECT", 2)
    monkeypatch.setattr(connection, "_SECONDS_TO_ANSWER", 4 if says else 0.5)  # of silence comes no more
    with _listening(says) as address:
        expected = pytest.raises(NetworkError, match=f"^the scheduler {address} does not answer")
        with expected, connection.connect(address):
            pass


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (f"a: {{{PLANTED}", {}),
        (f"- {PLANTED}", {}),
        ("", {"DASK_LOGGING__DISTRIBUTED": PLANTED}),
        ("", {"DASK_DISTRIBUTED__COMM__TLS__MIN_VERSION": PLANTED}),
    ],
    ids=["broken", "list", "logging", "tls"],
)
def test_a_configuration_of_dask_in_disorder_is_wrong_usage(
    text: str, variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "dask.yaml").write_text(text)
    (tmp_path / "export.xml").write_text("<x/>")
    words = ("backfill", tmp_path / "export.xml", tmp_path / "store", "--cluster", "tls://127.0.0.1:1")
    ran = command.run(*words, env={"DASK_CONFIG": str(tmp_path), **variables})
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
    assert ran.last.startswith("Dask's configuration cannot be read")
    assert PLANTED not in ran.err


@pytest.mark.parametrize(
    ("text", "variables", "said"),
    [
        ("", {"DASK_DISTRIBUTED__CLIENT__HEARTBEAT": PLANTED}, "distributed.client.heartbeat in … is no time"),
        (f"distributed: {{client: {{heartbeat: [{PLANTED}]}}}}", {}, "distributed.client.heartbeat in … is no time"),
        ("", {"DASK_DISTRIBUTED__CLIENT__PRELOAD": PLANTED}, "… cannot be read"),
    ],
    ids=["heartbeat", "list", "preload"],
)
def test_a_value_that_dask_cannot_use_is_wrong_usage(
    text: str, variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "dask.yaml").write_text(text)
    (tmp_path / "export.xml").write_text("<x/>")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
    words = ("backfill", tmp_path / "export.xml", tmp_path / "store", "--cluster", address)
    ran = command.run(*words, env={"DASK_CONFIG": str(tmp_path), **variables})
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
    assert ran.last.startswith(said.replace("…", "Dask's configuration"))
    assert PLANTED not in ran.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("distributed.comm.timeouts.tcp", "is no time"),
        ("distributed.admin.low-level-log-length", "is no number"),
    ],
)
def test_nor_is_one_a_scheduler_that_does_not_answer(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")  # it brings defaults, which would not outlive the change
    config = pytest.importorskip("dask.config")
    monkeypatch.setattr(connection, "_SECONDS_TO_CONNECT", 1)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
    with (
        config.set({name: PLANTED}),
        pytest.raises(UsageError, match=rf"^{name} in Dask's configuration {said}; ") as caught,
        connection.connect(address),
    ):
        pass
    assert PLANTED not in str(caught.value)


def test_values_of_other_kinds_that_dask_takes_are_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")  # it brings defaults, which would not outlive the change
    config = pytest.importorskip("dask.config")
    monkeypatch.setattr(connection, "_SECONDS_TO_CONNECT", 1)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
    other = {
        "distributed.comm.timeouts.tcp": 30,
        "distributed.client.heartbeat": "500ms",
        "distributed.admin.low-level-log-length": None,
        "distributed.comm.compression": "auto",
        "distributed.scheduler.worker-ttl": PLANTED,  # the scheduler's, and read there
    }
    with config.set(other), pytest.raises(NetworkError, match="does not answer"), connection.connect(address):
        pass
